/** What every executor offers, whatever its workers are; after Python's `concurrent.futures.Executor`. */
import { inspect } from 'node:util';
import type { Transferable } from 'node:worker_threads';
import { REFUSED } from '../memory/index.ts';
import { type CallSite, lastingCallSiteBelow } from './call-site.ts';
import type { ContextEntry } from './context.ts';
import type { Future } from './future.ts';
import { type MapOptions, type MapResult, mapOver, type Submitter } from './map.ts';
import type { AnyFunction } from './pool-options.ts';
import { checkTaskOptions } from './task-options.ts';

export type ExecutorStatistics = {
  /** Workers that live now, without those that take no more tasks. */
  workers: number;
  /** Tasks that no worker has begun. */
  queued: number;
  /** Tasks that a worker is at. */
  running: number;
  /** Tasks that ended well, ended with an error, were cancelled; since the executor was made. */
  done: number;
  failed: number;
  cancelled: number;
  /**
   * Milliseconds from submission to the start of a task, and from its start to its end: half of the tasks took no more
   * than `p50`, 99 of 100 no more than `p99`. Of every task up to the thousandth, then of every sixteenth; 0 before the
   * first has ended.
   */
  wait: { p50: number; p99: number };
  run: { p50: number; p99: number };
};

export type TaskOptions = {
  /** Aborting it withdraws the task, or, while it runs, aborts `currentTask().signal` there; the future rejects with `signal.reason`. */
  signal?: AbortSignal;
  /**
   * Milliseconds from the task's own start; then its signal is aborted and its future rejects with `TimeoutError`. Its
   * worker is free when the function returns; with `force` at once.
   */
  timeout?: number;
  /** Among tasks that wait, those of the lowest number run first; 0 by default. */
  priority?: number;
  /** How often a task that failed, or whose worker died, is run again. Not one that took longer than its `timeout`. */
  retries?: number;
  /** Ends the worker of a task that goes on after its timeout, after `signal`, or after `cancel()`. */
  force?: boolean;
  /**
   * ArrayBuffers and message ports among the arguments that move to the worker instead of being copied, and are detached
   * here. For `submit`.
   */
  transfer?: readonly Transferable[];
  /** In place of the executor's own: `AsyncLocalStorage`s whose stores go along, by copy. */
  context?: readonly ContextEntry[];
};

export type ShutdownOptions = {
  /** Resolve when all workers have ended (default), or at once; what was submitted is done in either case. */
  wait?: boolean;
  /** Cancel what no worker has begun. */
  cancelFutures?: boolean;
};

export abstract class Executor implements AsyncDisposable {
  /**
   * Has a worker call `fn(...args)`. Arguments and result travel by copy, shared objects by reference. Throws
   * `FunctionError` or `CloneError` for what can't be sent, `RuntimeError` after `shutdown`, `BrokenExecutor`.
   */
  submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): Future<R> {
    return this.submitWith(undefined, fn, args, Executor.prototype.submit) as Future<R>;
  }

  /** No more tasks; see `ShutdownOptions`. */
  abstract shutdown(options?: ShutdownOptions): Promise<void>;

  abstract statistics(): ExecutorStatistics;

  /** @internal */
  abstract submitter(options: TaskOptions | undefined, site: CallSite): Submitter;

  /** @internal */
  abstract submitWith(
    options: TaskOptions | undefined,
    fn: AnyFunction,
    args: unknown[],
    above: AnyFunction,
  ): Future<unknown>;

  /** This executor, the same workers, with options for every task that is submitted through what is returned. */
  with(options: TaskOptions): Executor {
    checkTaskOptions(options);
    return new ExecutorView(this, options);
  }

  /**
   * Has the workers call `fn(item)` for each item. Begins at once, whether or not anyone iterates over the results;
   * from an asynchronous source, or with `bufferSize`, only so far ahead of the consumer. Results come in the order of
   * the items. The first error ends the iteration; leaving it early cancels what has not begun.
   */
  map<T, R>(
    fn: (item: T) => R | Promise<R>,
    items: Iterable<T> | AsyncIterable<T>,
    options: MapOptions = {},
  ): MapResult<R> {
    const submitter = this.submitter(undefined, lastingCallSiteBelow(Executor.prototype.map));
    return mapOver(submitter, fn as (item: unknown) => unknown, items, options) as MapResult<R>;
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  /** Waits for all tasks, then throws the errors that nobody has looked at. */
  abstract [Symbol.asyncDispose](): Promise<void>;
}

/** An executor seen through options that hold for every task. */
class ExecutorView extends Executor {
  readonly #base: Executor;
  readonly #options: TaskOptions;

  constructor(base: Executor, options: TaskOptions) {
    super();
    this.#base = base;
    this.#options = options;
  }

  /** @internal */
  submitWith(options: TaskOptions | undefined, fn: AnyFunction, args: unknown[], above: AnyFunction): Future<unknown> {
    return this.#base.submitWith({ ...this.#options, ...options }, fn, args, above);
  }

  /** Of the executor itself: its workers end. */
  async shutdown(options?: ShutdownOptions): Promise<void> {
    await this.#base.shutdown(options);
  }

  statistics(): ExecutorStatistics {
    return this.#base.statistics();
  }

  /** @internal */
  submitter(options: TaskOptions | undefined, site: CallSite): Submitter {
    return this.#base.submitter({ ...this.#options, ...options }, site);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#base[Symbol.asyncDispose]();
  }

  get [REFUSED](): { what: string; mend: string } {
    return {
      what: 'an executor seen through options belongs to the thread that made it',
      mend: 'send the executor itself, and call with(…) there',
    };
  }

  override toString(): string {
    return `${this.#base.toString()} with ${Object.keys(this.#options).join(', ') || 'no options'}`;
  }
}
