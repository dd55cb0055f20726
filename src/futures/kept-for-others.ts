/**
 * Executors that were sent to other threads. Their maker starts workers for those, and tells them of deaths: so such an executor
 * stays as long as another thread holds its record, though nobody here may refer to it any more.
 */
import type { ExecutorRecord } from './executor-record.ts';

/** How often it is looked whether anybody does, in milliseconds. */
const LOOK_MS = 500;

const kept = new Map<object, ExecutorRecord>();
let looking: NodeJS.Timeout | undefined;

/** It is about to leave this thread. */
export function keepForOthers(executor: object, record: ExecutorRecord): void {
  kept.set(executor, record);
  looking ??= setInterval(lookForOthers, LOOK_MS).unref();
}

/** It is over. */
export function keepNoLonger(executor: object): void {
  kept.delete(executor);
  if (kept.size > 0) return;
  clearInterval(looking);
  looking = undefined;
}

/** Lets go of those that nobody has. Called by a timer. */
export function lookForOthers(): void {
  for (const [executor, record] of [...kept]) if (!record.isHeldByOthers()) keepNoLonger(executor);
}
