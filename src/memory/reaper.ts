/**
 * What becomes of what a dead isolate held: the wake-up it may have swallowed is passed on, locks that its last thread
 * held become abandoned, its counts are given back, its free blocks go to the others.
 *
 * Run once for each death, by whoever notices first; the state word of the descriptor decides who.
 */
import { isMainThread, workerData } from 'node:worker_threads';
import { releaseAll } from './contents.ts';
import type { Heap } from './heap.ts';
import { HOLDINGS, ISOLATE, ISOLATE_STATE, SUPER } from './layout.ts';
import { holdingsOf } from './objects.ts';
import { nudge, unpark, wake } from './parking.ts';
import { heap as threadHeap } from './thread-heap.ts';

/** Whether somebody cleans up after this isolate however it dies; not after a worker that another library has started. */
export const isDeathNoticed: boolean = isMainThread || workerData?.telaio !== undefined;

/** Makes a record of one kind forget a thread that has ended: gives up its lock, say. */
export type Abandon = (heap: Heap, address: number, ident: number) => void;

const abandons: (Abandon | undefined)[] = [];

export function defineAbandon(kind: number, abandon: Abandon): void {
  abandons[kind] = abandon;
}

/** Makes one record forget a thread that has ended. */
export function abandon(heap: Heap, address: number, ident: number): void {
  abandons[heap.kind(address)]?.(heap, address, ident);
}

/** Marks as abandoned whatever the thread `ident` still holds, of all that its isolate knows. */
export function abandonHeld(heap: Heap, descriptor: number, ident: number): void {
  for (const address of holdingsOf(heap, descriptor)) abandon(heap, address, ident);
}

/** Whether the process stays for an isolate whose thread need not keep it. */
export function keepProcess(heap: Heap, descriptor: number, keeps: boolean): void {
  // Nothing stands between the two words: see parkSync.
  if (keeps) {
    heap.add(SUPER.LIVE_THREADS, 1);
    heap.i32[descriptor + ISOLATE.KEEPS] = 1;
    return;
  }
  heap.i32[descriptor + ISOLATE.KEEPS] = 0;
  heap.add(SUPER.LIVE_THREADS, -1);
  wake(heap, SUPER.LIVE_SPOT, Infinity);
}

/**
 * Cleans up after an isolate that is no more. Does nothing when somebody has: then the slot is free, or another's, which
 * `epoch` tells.
 */
export function reap(heap: Heap, descriptor: number, epoch = heap.load(descriptor + ISOLATE.EPOCH)): boolean {
  const state = descriptor + ISOLATE.STATE;
  if (heap.load(descriptor + ISOLATE.EPOCH) !== epoch) return false;
  if (heap.cas(state, ISOLATE_STATE.LIVE, ISOLATE_STATE.REAPED) !== ISOLATE_STATE.LIVE) return false;
  abandonHeld(heap, descriptor, heap.i32[descriptor + ISOLATE.IDENT]);
  unpark(heap, descriptor);
  nudge(heap);
  releaseAll(heap, descriptor + ISOLATE.WORDS_LEFT, 1);
  if (heap.i32[descriptor + ISOLATE.KEEPS] !== 0) keepProcess(heap, descriptor, false);
  for (let chunk = heap.load(descriptor + ISOLATE.HOLDINGS); chunk !== 0; ) {
    for (let entry = 0; entry < HOLDINGS.PER_CHUNK; entry++) {
      const word = chunk + HOLDINGS.ENTRIES + entry;
      if (heap.i32[word] !== 0) heap.releaseFrom(word);
    }
    const next = heap.i32[chunk + HOLDINGS.NEXT];
    heap.release(chunk);
    chunk = next;
  }
  heap.i32[descriptor + ISOLATE.HOLDINGS] = 0;
  heap.adoptCaches(descriptor);
  heap.store(descriptor + ISOLATE.IDENT, 0);
  heap.i32.fill(0, descriptor + ISOLATE.SERVES, descriptor + ISOLATE.AWAITS + 1);
  heap.store(state, ISOLATE_STATE.FREE);
  return true;
}

/** Workers that the nursery started are reaped by it; one that somebody else started has only itself. */
if (!isDeathNoticed) {
  process.on('exit', () => reap(threadHeap, threadHeap.descriptor));
}
