/**
 * A thread's record in the heap, and the list of those that live.
 *
 *     STATE      leaves by
 *     INITIAL    start: → STARTING
 *     STARTING   the thread itself, in its isolate: → RUNNING; the nursery, when no isolate comes up: → ENDED
 *     RUNNING    the thread itself: → ENDED; the nursery, when its isolate died: → ENDED
 *     ENDED      never; OUTCOME and RESULT were written before
 *
 * The list holds one count of each record in it; a record is in it from `start` until ENDED.
 */
import {
  type Heap,
  initSpot,
  loadValue,
  lockMutex,
  SUPER,
  storeValue,
  THREAD,
  THREAD_FLAG,
  THREAD_OUTCOME,
  THREAD_STATE,
  unlockMutex,
  wake,
} from '../memory/index.ts';

/** In PREVIOUS, of a record that has left the list. */
const DELISTED = -1;

export function initRecord(heap: Heap, at: number, name: string, flags: number): void {
  heap.i32.fill(0, at + THREAD.STATE, at + THREAD.WORDS);
  initSpot(heap, at + THREAD.SPOT);
  heap.i32[at + THREAD.FLAGS] = flags;
  heap.i32[at + THREAD.NAME] = storeValue(name);
}

export function nameOf(heap: Heap, at: number): string {
  lockMutex(heap, SUPER.THREADS_MUTEX);
  try {
    return loadValue(heap, heap.i32[at + THREAD.NAME]) as string;
  } finally {
    unlockMutex(heap, SUPER.THREADS_MUTEX);
  }
}

export function rename(heap: Heap, at: number, name: string): void {
  const message = storeValue(name);
  lockMutex(heap, SUPER.THREADS_MUTEX);
  const old = heap.i32[at + THREAD.NAME];
  heap.i32[at + THREAD.NAME] = message;
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  heap.release(old);
}

/** Puts a record among the live threads; a non-daemon thread now keeps the process. */
export function enlist(heap: Heap, at: number): void {
  const { i32 } = heap;
  heap.retain(at);
  lockMutex(heap, SUPER.THREADS_MUTEX);
  const head = i32[SUPER.THREADS_HEAD];
  i32[at + THREAD.NEXT] = head;
  i32[at + THREAD.PREVIOUS] = 0;
  if (head !== 0) i32[head + THREAD.PREVIOUS] = at;
  i32[SUPER.THREADS_HEAD] = at;
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  if (i32[at + THREAD.FLAGS] & (THREAD_FLAG.DAEMON | THREAD_FLAG.FOREIGN)) return;
  heap.or(at + THREAD.FLAGS, THREAD_FLAG.COUNTED);
  heap.add(SUPER.LIVE_THREADS, 1);
}

/** Takes a record from the list, whose count of it is then the caller's; its count for the process's life is given back. */
export function delist(heap: Heap, at: number): void {
  const { i32 } = heap;
  lockMutex(heap, SUPER.THREADS_MUTEX);
  const next = i32[at + THREAD.NEXT];
  const previous = i32[at + THREAD.PREVIOUS];
  // A thread that was killed right after this is delisted again, by the nursery: then there is nothing to take out.
  if (previous !== DELISTED) {
    if (previous !== 0) i32[previous + THREAD.NEXT] = next;
    else i32[SUPER.THREADS_HEAD] = next;
    if (next !== 0) i32[next + THREAD.PREVIOUS] = previous;
    i32[at + THREAD.PREVIOUS] = DELISTED;
  }
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  if (heap.and(at + THREAD.FLAGS, ~THREAD_FLAG.COUNTED) & THREAD_FLAG.COUNTED) {
    heap.add(SUPER.LIVE_THREADS, -1);
    wake(heap, SUPER.LIVE_SPOT, Infinity);
  }
}

/** Records of the threads that live, each with a count for the caller. */
export function liveRecords(heap: Heap): number[] {
  const found: number[] = [];
  lockMutex(heap, SUPER.THREADS_MUTEX);
  for (let at = heap.i32[SUPER.THREADS_HEAD]; at !== 0; at = heap.i32[at + THREAD.NEXT]) {
    heap.retain(at);
    found.push(at);
  }
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  return found.reverse();
}

/**
 * Ends a thread with a value or an error; what can't be copied becomes an error that says so. Does nothing when it has
 * ended already. `stored` is the result's message where it has been made already. Only one may try at a time: the thread, or
 * the nursery once the thread's isolate is gone.
 */
export function finish(heap: Heap, at: number, outcome: number, result: unknown, stored = 0): boolean {
  if (heap.load(at + THREAD.STATE) === THREAD_STATE.ENDED) return false;
  let message = stored;
  try {
    if (message === 0) message = storeValue(result);
  } catch (error) {
    // Second try: the error about the result; it is small and plain.
    message = storeValue(error);
    outcome = THREAD_OUTCOME.ERROR;
  }
  heap.i32[at + THREAD.RESULT] = message;
  heap.i32[at + THREAD.OUTCOME] = outcome;
  // From the list first: who has joined it must not find it among the living.
  delist(heap, at);
  heap.store(at + THREAD.STATE, THREAD_STATE.ENDED);
  wake(heap, at + THREAD.SPOT, Infinity);
  heap.release(at);
  return true;
}
