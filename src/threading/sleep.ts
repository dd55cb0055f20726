import { setTimeout as delay } from 'node:timers/promises';
import { blockFor, deadlineOf, heap } from '../memory/index.ts';

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Resolves after so many milliseconds; rejects with `signal.reason` when aborted before. */
export async function sleep(milliseconds: number, options: { signal?: AbortSignal } = {}): Promise<void> {
  const { signal } = options;
  const end = deadlineOf(milliseconds);
  for (;;) {
    signal?.throwIfAborted();
    const left = end - performance.now();
    if (left <= 0) return;
    try {
      await delay(Math.min(Math.ceil(left), LONGEST_TIMER_MS), undefined, { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  }
}

/** Blocks the calling thread for so many milliseconds; other threads run on. */
export function sleepSync(milliseconds: number): void {
  const end = deadlineOf(milliseconds);
  for (let left = end - performance.now(); left > 0; left = end - performance.now()) blockFor(heap, left);
}
