/** What is said of a worker that died. */
import { CancelledError, WorkerCrashedError } from '../errors.ts';
import { storeValue } from '../memory/index.ts';
import type { Thread } from '../threading/index.ts';

export function crashOf(worker: Thread, cause: unknown): WorkerCrashedError {
  // Without an error and without the value that workers return: `process.exit(0)`.
  const how = cause === undefined ? ': process.exit(0) ended it in the middle of the task.' : because(cause);
  const exitCode = cause === undefined ? 0 : (cause as Partial<WorkerCrashedError> | null)?.exitCode;
  const lastLines = worker.lastLines();
  const told =
    lastLines.length === 0 ? '' : `\nThe last that it wrote:\n${lastLines.map((line) => `  ${line}`).join('\n')}`;
  const details = { cause, lastLines, exitCode };
  return new WorkerCrashedError(`The task's worker ${worker.name} died${how}${told}`, undefined, details);
}

export function because(cause: unknown): string {
  return cause === undefined ? '' : `: ${(cause as Error | null)?.message ?? String(cause)}`;
}

/** Why a task is to stop, as a message block; a reason that can't be copied is told as its text. */
export function storeReason(reason: unknown): number {
  try {
    return storeValue(reason);
  } catch {
    return storeValue(new CancelledError(`The task was asked to stop: ${String(reason)}`));
  }
}
