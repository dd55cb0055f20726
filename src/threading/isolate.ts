/** What an isolate does from its first to its last thread. */
import { workerData } from 'node:worker_threads';
import { installModuleHooks } from '../functions/index.ts';
import '../kinds.ts';
import { heap, ISOLATE } from '../memory/index.ts';
import { prepareHook, textOf } from './except-hook.ts';
import { type IsolateData, SEAT, settled, waitForThread } from './nursery.ts';
import { installOutput, writeReport } from './output.ts';
import { endByExit, endUnsettled, fail, isEndedWait, isRunning, mayBeReused, runThread } from './runner.ts';

/** `loaded`: what comes before its first thread's target. */
export function beginIsolate(loaded?: Promise<void>): void {
  const { facts, seat, record, reusable } = workerData as IsolateData;
  seat[SEAT.EPOCH] = heap.load(heap.descriptor + ISOLATE.EPOCH);
  seat[SEAT.DESCRIPTOR] = heap.descriptor;
  process.argv = facts.argv;
  installOutput();
  installModuleHooks();
  let failing = false;
  process.on('uncaughtException', async (error) => {
    if (isEndedWait(error)) return;
    // More of them while the hook's module is imported: the first one ends the thread.
    if (failing) return;
    failing = true;
    await prepareHook();
    if (isRunning()) fail(error);
    else writeReport(`Uncaught in a thread that had ended:\n${textOf(error)}\n`);
    process.exit(1);
  });
  process.on('exit', endByExit);
  process.on('beforeExit', endUnsettled);
  // Not awaited here: Node would blame this line for a target that never settles.
  void live(record, reusable, loaded);
}

async function live(first: number, reusable: boolean, loaded: Promise<void> | undefined): Promise<void> {
  for (let next = first; next !== 0; next = waitForThread()) {
    await runThread(next, loaded);
    // A parked isolate has nothing in its event loop; one that has must go on turning, and ends when it is done.
    if (!(await mayBeReused(next)) || !reusable) {
      settled();
      return;
    }
  }
}
