/** Errors of tasks that nobody looked at: thrown by `await using`, else told at exit. */
import { isMainThread } from 'node:worker_threads';
import { atThreadEnd, leaveWords, reportOwnWords, textOf, writeReport } from '../threading/internal.ts';
import type { Future } from './future.ts';

/** In other threads: so many errors stand in what is reported of a thread that dies first, and the number of the rest. */
const MOST_LEFT = 50;

/** Those of what one thread has submitted to one executor. */
export class Unobserved {
  /** Futures that failed, and errors of others that answer no more. */
  readonly #failures = new Set<Future<unknown> | { failure: { error: unknown } }>();

  get size(): number {
    return this.#failures.size;
  }

  /** A future that has failed. */
  add(future: Future<unknown>): void {
    if (future.seen) return;
    this.#failures.add(future);
    begin(this);
  }

  /** The error of a task that another thread has submitted. */
  addError(error: unknown): void {
    this.#failures.add({ failure: { error } });
    begin(this);
  }

  /** Somebody has looked at this one. */
  delete(future: Future<unknown>): void {
    if (this.#failures.delete(future)) change(this);
  }

  /** One that several tasks, or the items of a chunk, have in common once. */
  errors(): unknown[] {
    return [...new Set([...this.#failures].map(({ failure }) => failure?.error))];
  }

  /** The caller answers for them now. */
  take(): unknown[] {
    const errors = this.errors();
    this.#failures.clear();
    change(this);
    return errors;
  }

  throwAll(): void {
    const errors = this.take();
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) {
      throw new AggregateError(errors, `${errors.length} tasks failed and nobody looked at their outcomes.`);
    }
  }
}

/** Where there are some, in this isolate. */
const open = new Set<Unobserved>();
let listening = false;

function begin(one: Unobserved): void {
  open.add(one);
  leave();
  if (listening) return;
  listening = true;
  process.on('exit', report);
  // A thread's isolate may serve other threads after it.
  atThreadEnd(report);
}

function change(one: Unobserved): void {
  if (one.size === 0) open.delete(one);
  leave();
}

/** A microtask will leave what there is then. */
let isDue = false;

/** A thread dies without a word when it is killed, and with the process: so it leaves its report while it lives. */
function leave(): void {
  if (isMainThread) return;
  let count = 0;
  for (const { size } of open) count += size;
  if (count <= MOST_LEFT) leaveNow();
  else if (!isDue) {
    isDue = true;
    queueMicrotask(() => isDue && leaveNow());
  }
}

function leaveNow(): void {
  isDue = false;
  const errors = openErrors();
  const rest = errors.length > MOST_LEFT ? `${errors.length - MOST_LEFT} more tasks failed so.\n` : '';
  leaveWords(errors.length === 0 ? undefined : errors.slice(0, MOST_LEFT).map(reportOf).join('') + rest);
}

function openErrors(): unknown[] {
  return [...open].flatMap((one) => one.errors());
}

/** This isolate's thread, or the process, ends in order. */
function report(): void {
  if (isMainThread) {
    const errors = openErrors();
    for (const error of errors) writeReport(reportOf(error));
    if (errors.length > 0) process.exitCode ||= 1;
  } else {
    if (isDue) leaveNow();
    // Unless the main thread, at its exit, has written them.
    reportOwnWords();
  }
  for (const one of [...open]) one.take();
}

function reportOf(error: unknown): string {
  return `A task failed and nobody looked at its outcome:\n${textOf(error)}\n`;
}
