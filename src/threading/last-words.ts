/**
 * What is to be reported of an isolate should it not come to do that itself: because it is killed, or because the process ends
 * and it with it. Who buries it writes that, or the main thread at exit.
 */
import {
  type Heap,
  heap,
  ISOLATE,
  ISOLATE_STATE,
  loadValue,
  lockMutex,
  MAX_ISOLATES,
  SUPER,
  storeValue,
  unlockMutex,
} from '../memory/index.ts';
import { writeReport } from './output.ts';

/** Of the calling isolate, in place of what it left before; undefined when there is nothing to say any more. */
export function leaveWords(text: string | undefined): void {
  const old = exchange(heap, heap.descriptor, text === undefined ? 0 : storeValue(text));
  if (old !== 0) heap.release(old);
}

/** The calling isolate ends by itself. */
export function reportOwnWords(): void {
  reportWords(heap, heap.descriptor);
}

/** Writes what an isolate has left. */
export function reportWords(heap: Heap, descriptor: number): void {
  const message = exchange(heap, descriptor, 0);
  if (message === 0) return;
  heap.store(SUPER.FAILED, 1);
  try {
    writeReport(loadValue(heap, message) as string);
  } finally {
    heap.release(message);
  }
}

/** In the main thread, at exit: of all that live. True when anything was reported in this process that makes it fail. */
export function reportAllWords(): boolean {
  for (let slot = 0; slot < MAX_ISOLATES; slot++) {
    const descriptor = heap.isolates + slot * ISOLATE.WORDS;
    if (heap.load(descriptor + ISOLATE.STATE) === ISOLATE_STATE.LIVE) reportWords(heap, descriptor);
  }
  return heap.load(SUPER.FAILED) !== 0;
}

/** Returns what stood there, which is the caller's then. */
function exchange(heap: Heap, descriptor: number, message: number): number {
  const word = descriptor + ISOLATE.WORDS_LEFT;
  if (message === 0 && heap.load(word) === 0) return 0;
  lockMutex(heap, SUPER.THREADS_MUTEX);
  const old = heap.i32[word];
  heap.i32[word] = message;
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  return old;
}
