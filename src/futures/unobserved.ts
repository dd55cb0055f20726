/** Errors of tasks that nobody looked at, in executors that were not left through `await using`: told at exit. */
import { textOf, writeWhole } from '../threading/internal.ts';
import type { Future } from './future.ts';
import type { ChunkOutcome } from './worker.ts';

const open = new Set<Set<Future<unknown>>>();
let listening = false;

/** These failures will be reported at exit, unless somebody looks. */
export function reportAtExit(failures: Set<Future<unknown>>): void {
  open.add(failures);
  if (listening) return;
  listening = true;
  process.on('exit', report);
}

export function forgetUnobserved(failures: Set<Future<unknown>>): void {
  open.delete(failures);
}

function report(): void {
  for (const failures of open) {
    for (const future of failures) {
      writeWhole(2, `A task failed and nobody looked at its outcome:\n${textOf(errorOf(future))}\n`);
      process.exitCode ||= 1;
    }
  }
}

/** The error of a task, or of the item in a chunk. */
export function errorOf(future: Future<unknown>): unknown {
  return future.failed ? future.error : (future.value as ChunkOutcome).failed?.error;
}
