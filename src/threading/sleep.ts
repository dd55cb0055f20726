import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { blockFor, deadlineIn, heap } from '../memory/index.ts';

const LONGEST_TIMER_MS = 2 ** 31 - 1;
const SIGNAL = ['signal'];

/** Resolves after so many milliseconds; rejects with `signal.reason` when aborted before. */
export async function sleep(milliseconds: number, options: { signal?: AbortSignal } = {}): Promise<void> {
  deadlineIn(options, 'sleep(milliseconds, …)', undefined, SIGNAL);
  const { signal } = options;
  const end = endOf(milliseconds, 'sleep');
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
  const end = endOf(milliseconds, 'sleepSync');
  for (let left = end - performance.now(); left > 0; left = end - performance.now()) blockFor(heap, left);
}

function endOf(milliseconds: number, call: string): number {
  if (typeof milliseconds === 'number' && milliseconds >= 0) return performance.now() + milliseconds;
  throw new RangeError(`${call}(${inspect(milliseconds, { depth: 0 })}): give milliseconds, 0 or more, or Infinity.`);
}
