/** What goes when nobody refers to it any more. */
import type { Queue } from '../queue/index.ts';
import type { Stop } from './stop.ts';
import { forgetFunction, type SentFunction } from './task.ts';

/** An executor that nobody refers to any more, never shut down: its workers may go. */
export const forgotten = new FinalizationRegistry<{ tasks: Queue<number>; listening: Stop }>(({ tasks, listening }) => {
  tasks.shutdown();
  listening.abort();
});

/** What was submitted, and by whom, nobody knows any more: the functions that were sent for it go, too. */
export const submitted = new FinalizationRegistry<Set<SentFunction>>(forgetAll);

export function forgetAll(kept: Set<SentFunction>): void {
  for (const sent of kept) forgetFunction(sent);
  kept.clear();
}

/** An inline function is another one at each submit; what was sent of it goes when it does. */
export const collected = new FinalizationRegistry<{ kept: Set<SentFunction>; sent: SentFunction }>(({ kept, sent }) => {
  if (kept.delete(sent)) forgetFunction(sent);
});
