/**
 * The last lines that a worker wrote, for whoever is told of its death. They lie in the heap, so they outlive it however
 * it dies; only the thread itself writes there.
 */
import { heap, ISOLATE, KIND, TAIL, THREAD } from '../memory/index.ts';

/** Lines that are told at most. */
const MOST_LINES = 10;

/** What the thread of this record will write is kept. Before it starts. */
export function keepTail(record: number): void {
  const tail = heap.allocate(KIND.BLOB, TAIL.RING + TAIL.RING_BYTES / 4 - 2, "a worker's last lines");
  heap.i32[tail + TAIL.TOTAL] = 0;
  heap.i32[record + THREAD.TAIL] = tail;
}

/** The thread that runs here writes this. */
export function noteOutput(bytes: Uint8Array): void {
  const record = heap.load(heap.descriptor + ISOLATE.THREAD);
  const tail = record === 0 ? 0 : heap.i32[record + THREAD.TAIL];
  if (tail === 0) return;
  const last = bytes.subarray(Math.max(0, bytes.length - TAIL.RING_BYTES));
  const total = heap.i32[tail + TAIL.TOTAL];
  const start = total % TAIL.RING_BYTES;
  const ring = (tail + TAIL.RING) * 4;
  const first = last.subarray(0, TAIL.RING_BYTES - start);
  heap.u8.set(first, ring + start);
  heap.u8.set(last.subarray(first.length), ring);
  // Below 2 ** 30, and what lies in the ring stays where it is.
  const after = total + last.length;
  heap.store(tail + TAIL.TOTAL, after < 2 ** 30 ? after : (after % TAIL.RING_BYTES) + TAIL.RING_BYTES);
}

/** The last lines that the thread of this record wrote, at most ten; the first of them may have lost its beginning. */
export function tailOf(record: number): string[] {
  const tail = heap.i32[record + THREAD.TAIL];
  const total = tail === 0 ? 0 : heap.load(tail + TAIL.TOTAL);
  if (total === 0) return [];
  const ring = heap.u8.subarray((tail + TAIL.RING) * 4, (tail + TAIL.RING) * 4 + TAIL.RING_BYTES);
  const start = total <= TAIL.RING_BYTES ? 0 : total % TAIL.RING_BYTES;
  const bytes = Buffer.concat([ring.subarray(start, Math.min(total, TAIL.RING_BYTES)), ring.subarray(0, start)]);
  return bytes.toString().replace(/\n$/, '').split('\n').slice(-MOST_LINES);
}
