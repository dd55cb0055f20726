/** What every executor offers, whatever its workers are; after Python's `concurrent.futures.Executor`. */
import { REFUSED } from '../memory/index.ts';
import type { Future } from './future.ts';
import { type MapOptions, type MapResult, mapOver, type Submitter } from './map.ts';

export type ExecutorStatistics = {
  /** Workers that live now. */
  workers: number;
  /** Tasks that no worker has begun. */
  queued: number;
  /** Tasks that a worker is at. */
  running: number;
  /** Tasks that ended well, ended with an error, were cancelled; since the executor was made. */
  done: number;
  failed: number;
  cancelled: number;
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
  abstract submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): Future<R>;

  /** No more tasks; see `ShutdownOptions`. */
  abstract shutdown(options?: ShutdownOptions): Promise<void>;

  abstract statistics(): ExecutorStatistics;

  /** @internal */
  protected abstract submitter(): Submitter;

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
    return mapOver(this.submitter(), fn as (item: unknown) => unknown, items, options) as MapResult<R>;
  }

  /** Waits for all tasks, then throws the errors that nobody has looked at. */
  abstract [Symbol.asyncDispose](): Promise<void>;

  get [REFUSED](): { what: string; mend: string } {
    return {
      what: 'an executor belongs to the thread that made it',
      mend: 'make one there, or send results through a Queue',
    };
  }
}
