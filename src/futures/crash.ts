/** What is said of a worker that died. */
import { CancelledError, WorkerCrashedError } from '../errors.ts';
import { heap, storeValue } from '../memory/index.ts';
import type { Thread } from '../threading/index.ts';

export function crashOf(worker: Thread, cause: unknown): WorkerCrashedError {
  const how = cause === undefined ? ': it ended in the middle of the task' : because(cause);
  return new WorkerCrashedError(`The task's worker ${worker.name} died${how}`, undefined, { cause });
}

export function because(cause: unknown): string {
  return cause === undefined ? '' : `: ${(cause as Error | null)?.message ?? String(cause)}`;
}

/** Why a task is to stop, as a message block; a reason that can't be copied is told as its text. */
export function storeReason(reason: unknown): number {
  try {
    return storeValue(heap, reason);
  } catch {
    return storeValue(heap, new CancelledError(`The task was asked to stop: ${String(reason)}`));
  }
}
