/**
 * Threads that Node ended without telling anybody: a worker that is terminated takes the workers that it made with it,
 * the nursery too when it was made there, and every isolate. Nobody is left to notice, so whoever wants the next thread
 * asks the kernel. (On Linux; elsewhere such a start ends with its limit.)
 */
import { WorkerCrashedError } from '../errors.ts';
import { heap, ISOLATE, ISOLATE_STATE, isGone, MAX_ISOLATES, reap, THREAD_OUTCOME } from '../memory/index.ts';
import { finish, nameOf } from './record.ts';

/** Reaps them all, and ends the threads that ran in them. For one caller at a time, when no nursery lives. */
export function buryOrphans(leaveIdle: (descriptor: number) => void): void {
  for (let slot = 0; slot < MAX_ISOLATES; slot++) {
    const descriptor = heap.isolates + slot * ISOLATE.WORDS;
    if (heap.load(descriptor + ISOLATE.STATE) !== ISOLATE_STATE.LIVE || !isGone(heap, descriptor)) continue;
    leaveIdle(descriptor);
    const record = heap.load(descriptor + ISOLATE.THREAD);
    if (record !== 0) heap.retain(record);
    reap(heap, descriptor);
    if (record === 0) continue;
    const text = `${nameOf(heap, record)} ended with the worker in which the first thread was started.`;
    finish(heap, record, THREAD_OUTCOME.ERROR, new WorkerCrashedError(text));
    heap.release(record);
  }
}
