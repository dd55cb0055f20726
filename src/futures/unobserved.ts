/** Errors of tasks that nobody looked at, in executors that were not left through `await using`: told at exit. */
import { isMainThread } from 'node:worker_threads';
import { atThreadEnd, textOf, writeReport } from '../threading/internal.ts';
import type { Future } from './future.ts';

const open = new Set<Set<Future<unknown>>>();
let listening = false;

/** These failures will be reported at exit, unless somebody looks. */
export function reportAtExit(failures: Set<Future<unknown>>): void {
  open.add(failures);
  if (listening) return;
  listening = true;
  process.on('exit', report);
  // A thread's isolate may serve other threads after it, and dies without a word with the process.
  atThreadEnd(report);
}

export function forgetUnobserved(failures: Set<Future<unknown>>): void {
  open.delete(failures);
}

function report(): void {
  for (const failures of open) {
    for (const error of errorsOf(failures)) {
      writeReport(`A task failed and nobody looked at its outcome:\n${textOf(error)}\n`);
      if (isMainThread) process.exitCode ||= 1;
    }
    failures.clear();
  }
  open.clear();
}

/** The errors of these tasks, or of the items in their chunks; one that they have in common once. */
export function errorsOf(failures: Iterable<Future<unknown>>): unknown[] {
  return [...new Set([...failures].map((future) => future.failure?.error))];
}
