/** What the measurements want of a pool; one file in this folder for each. */
import type { RowId } from '../rows.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

export type Pool = {
  /** The empty task: gives its value back. */
  empty(value: number): PromiseLike<unknown>;
  /** There and back by copy. */
  copy(bytes: Bytes): PromiseLike<unknown>;
  /** There and back, transferred. */
  move(bytes: Bytes): PromiseLike<Bytes>;
  work(turns: number): PromiseLike<unknown>;
  /** Adds one to each number, the caller naming items. */
  mapItems(numbers: number[]): Promise<number[]>;
  /** The same in chunks: the caller's own, where the pool has no `map`. */
  mapChunks(numbers: number[]): Promise<number[]>;
  /** Occupies every worker, each with one task. Resolves when they have begun, to what lets them go. */
  hold(workers: number): Promise<() => Promise<void>>;
  /** Bytes that it holds in memory of its own. */
  ownBytes?(): number;
  close(): Promise<unknown>;
};

export type Adapter = {
  /** Configurations beside each other, the plainest first: it runs every row, the others those that they may better. */
  settings: string[];
  open(workers: number, setting: number): Pool | Promise<Pool>;
  /** What a reader of its figure must know. */
  notes?: Partial<Record<RowId, string>>;
  /** Tasks that may wait at once, where there is a limit. */
  mostWaiting?: number;
  /** Waiting tasks lie as messages in ports, which the JavaScript heap does not count. */
  waitsInPorts?: boolean;
  /** Measured with a million tasks or numbers however long it takes: there are goals for it. */
  toTheEnd?: boolean;
};

/** Numbers that travel together where the caller makes the chunks. */
const CHUNK = 10_000;

export function chunksOf(numbers: number[]): number[][] {
  const chunks: number[][] = [];
  for (let start = 0; start < numbers.length; start += CHUNK) chunks.push(numbers.slice(start, start + CHUNK));
  return chunks;
}

/** `hold` for pools whose workers take shared memory. */
export async function holdWith(
  workers: number,
  submit: (cells: Int32Array) => PromiseLike<unknown>,
): Promise<() => Promise<void>> {
  const cells = new Int32Array(new SharedArrayBuffer(8));
  const tasks = Array.from({ length: workers }, () => submit(cells));
  while (Atomics.load(cells, 1) < workers) await new Promise((resolve) => setTimeout(resolve, 1));
  return async () => {
    Atomics.store(cells, 0, 1);
    Atomics.notify(cells, 0);
    await Promise.all(tasks);
  };
}
