/** The worker's side of threads.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { heap, ISOLATE, loadValue } from '../../src/memory/index.ts';
import '../../src/sync/index.ts';
import '../../src/queue/index.ts';
import { CELL } from './threads.ts';

type Role = (...args: unknown[]) => unknown;
const { fixture, role, message, cell } = workerData as {
  fixture: string;
  role: string;
  message: number;
  cell: Int32Array;
};

/** What the running role may look at: its own cell. */
(globalThis as { telaioCell?: Int32Array }).telaioCell = cell;

const roles = (await import(fixture)) as Record<string, Role>;
const args = loadValue(heap, message) as unknown[];
cell[CELL.DESCRIPTOR] = heap.descriptor;
cell[CELL.EPOCH] = heap.i32[heap.descriptor + ISOLATE.EPOCH];
cell[CELL.IDENT] = heap.ident;
cell[CELL.READY] = 1;
try {
  if (!roles[role]) throw new TypeError(`${fixture} has no role ${role}`);
  const value = await roles[role](...args);
  parentPort!.postMessage({ value });
} catch (error) {
  // Errors lose their own properties in a message.
  parentPort!.postMessage({ error, own: { ...(error as object) } });
}
// Kept in reach to the end: what a thread holds must not be collected under it.
(globalThis as { telaioArgs?: unknown }).telaioArgs = args;
