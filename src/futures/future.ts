/**
 * The outcome of a task that may not have run yet, as Python's `concurrent.futures.Future`. It belongs to the thread
 * that submitted the task.
 */
import { CancelledError, TimeoutError } from '../errors.ts';
import { deadlineOf, REFUSED, type SyncWaitOptions, type WaitOptions } from '../memory/index.ts';
import type { TaskOptions } from './executor.ts';

/** What a future needs of the executor behind it. */
export type FutureSource = {
  /** @internal Whether a worker has begun the task. */
  isRunning(future: Future<unknown>): boolean;
  /** @internal Takes back a task that no worker has begun; false when one has. */
  withdraw(future: Future<unknown>): boolean;
  /** @internal Aborts the signal of a task that runs; with `force` its worker is ended. False when it has just ended. */
  interrupt(future: Future<unknown>, reason: unknown, force: boolean): boolean;
  /** @internal Blocks until the future is done or the deadline has come. */
  drive(future: Future<unknown>, deadline: number): void;
  /** @internal Somebody has looked at the outcome, so it isn't silent. */
  observed(future: Future<unknown>): void;
};

type Outcome =
  | { state: 'pending' }
  | { state: 'value'; value: unknown }
  | { state: 'error'; error: unknown }
  | { state: 'cancelled' };

const NO_OPTIONS: TaskOptions = {};
const PENDING: Outcome = { state: 'pending' };
const CANCELLED: Outcome = { state: 'cancelled' };

export type CancelOptions = {
  /** When the task runs already, end its worker; another takes its place, and no other task fails for it. */
  force?: boolean;
};

export class Future<T> implements PromiseLike<T> {
  #source: FutureSource;
  #outcome: Outcome = PENDING;
  #observed = false;
  /** Not of `this`: a Future<string> is to be a Future<unknown> too. */
  #callbacks: Set<() => void> | undefined;
  /** @internal Whether it is a chunk of `map`, whose value may hold an error. */ chunk = false;
  /** The address of the task's block; 0 once it is done. */
  /** @internal */ task = 0;
  /** How it is to be run; the executor's own notes beside it. */
  /** @internal */ options: TaskOptions = NO_OPTIONS;
  /** @internal */ retries = 0;
  /** When it was submitted, of those whose times are recorded; else 0. */
  /** @internal */ submitted = 0;
  /** @internal Somebody has asked the running task to stop. */ asked = false;
  #progress: Set<(value: unknown) => void> | undefined;

  /** @internal */
  constructor(source: FutureSource) {
    this.#source = source;
  }

  /** The task's value. Rejects with its error, `CancelledError`, `TimeoutError` after `timeout` ms, `signal.reason`. */
  async result(options?: WaitOptions): Promise<T> {
    await this.#settled(options);
    return this.#value();
  }

  /** The same, blocking this thread; the workers need nothing from it meanwhile. */
  resultSync(options?: SyncWaitOptions): T {
    const deadline = deadlineOf(options?.timeout);
    this.#look();
    if (!this.done()) this.#source.drive(this as Future<unknown>, deadline);
    if (!this.done()) throw new TimeoutError(`The task was not done in ${options?.timeout} ms.`);
    return this.#value();
  }

  /** What the task threw, an error as a rule; undefined when it ended well. Rejects as `result` does in all other cases. */
  async exception(options?: WaitOptions): Promise<Error | undefined> {
    await this.#settled(options);
    if (this.#outcome.state === 'cancelled') throw cancelled();
    return this.#outcome.state === 'error' ? (this.#outcome.error as Error) : undefined;
  }

  // biome-ignore lint/suspicious/noThenProperty: a future can be awaited
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    // biome-ignore lint/suspicious/noExplicitAny: as a Promise's
    rejected?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result().then(fulfilled, rejected);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as a Promise's
  catch<B = never>(rejected?: ((reason: any) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.result().catch(rejected);
  }

  finally(run?: (() => void) | null): Promise<T> {
    return this.result().finally(run);
  }

  /**
   * Cancels the task if no worker has begun it: true. Of one that runs, the `currentTask().signal` is aborted: false, since
   * it may end well all the same; if it ends with the signal's reason, the future counts as cancelled. With `force` its
   * worker is ended: true. False when it is done.
   */
  cancel({ force = this.options.force ?? false }: CancelOptions = {}): boolean {
    if (this.#outcome.state === 'cancelled') return true;
    if (this.done()) return false;
    if (!this.#source.withdraw(this as Future<unknown>)) {
      const reason = cancelled();
      const interrupted = this.#source.interrupt(this as Future<unknown>, reason, force);
      if (!interrupted || !force) return false;
    }
    this.settle(CANCELLED);
    return true;
  }

  /** Calls `fn` with every value that the task gives to `currentTask().progress`, from now on. */
  onProgress(fn: (value: unknown) => void): void {
    this.#progress ??= new Set();
    this.#progress.add(fn);
  }

  /** @internal */
  tell(value: unknown): void {
    // Not at once: it may come while `submit` runs, before the caller could name a listener.
    queueMicrotask(() => {
      for (const listener of this.#progress ?? []) run(() => listener(value));
    });
  }

  /** @internal It has ended because it was asked to. */
  settleCancelled(): void {
    this.settle(CANCELLED);
  }

  cancelled(): boolean {
    return this.#outcome.state === 'cancelled';
  }

  /** Whether a worker is at it now. */
  running(): boolean {
    return !this.done() && this.#source.isRunning(this as Future<unknown>);
  }

  /** Whether it has ended: with a value, with an error, or cancelled. */
  done(): boolean {
    return this.#outcome.state !== 'pending';
  }

  /** Calls `fn` with this future once it is done, at once when it is. What `fn` throws is an uncaught exception. */
  addDoneCallback(fn: (future: this) => void): void {
    this.#look();
    if (this.done()) run(() => fn(this));
    else this.#watch(fn);
  }

  /** @internal Without counting as a look at the outcome. Returns how to stop it. */
  onDone(fn: (future: this) => void): () => void {
    if (!this.done()) return this.#watch(fn);
    fn(this);
    return () => {};
  }

  /** @internal */
  get error(): unknown {
    return this.#outcome.state === 'error' ? this.#outcome.error : undefined;
  }

  /** @internal */
  get value(): unknown {
    return this.#outcome.state === 'value' ? this.#outcome.value : undefined;
  }

  /** @internal */
  get failed(): boolean {
    return this.#outcome.state === 'error';
  }

  /** @internal The error that would be silent if nobody looked: the task's, or that of an item of the chunk. */
  get failure(): { error: unknown } | undefined {
    if (this.#outcome.state === 'error') return { error: this.#outcome.error };
    return this.chunk ? (this.value as { failed?: { error: unknown } } | undefined)?.failed : undefined;
  }

  /** @internal */
  get seen(): boolean {
    return this.#observed;
  }

  /** @internal Somebody has the outcome. */
  markSeen(): void {
    this.#look();
  }

  /** @internal The outcome, once. */
  settle(outcome: Outcome): void {
    if (this.done()) return;
    this.#outcome = outcome;
    const callbacks = this.#callbacks;
    this.#callbacks = undefined;
    for (const callback of callbacks ?? []) run(callback);
  }

  get [REFUSED](): { what: string; mend: string } {
    return { what: 'a Future belongs to the thread that submitted the task', mend: 'send its result, or a Queue' };
  }

  toString(): string {
    const state =
      this.#outcome.state === 'pending'
        ? this.running()
          ? 'running'
          : 'pending'
        : this.#outcome.state === 'cancelled'
          ? 'cancelled'
          : 'finished';
    return `<Future ${state}>`;
  }

  #look(): void {
    if (this.#observed) return;
    this.#observed = true;
    this.#source.observed(this as Future<unknown>);
  }

  /** The same function may be there twice, so each gets an entry of its own. */
  #watch(fn: (future: this) => void): () => void {
    this.#callbacks ??= new Set();
    const entry = (): void => fn(this);
    this.#callbacks.add(entry);
    return () => this.#callbacks?.delete(entry);
  }

  #settled(options: WaitOptions | undefined): Promise<void> | undefined {
    const { signal } = options ?? {};
    const deadline = deadlineOf(options?.timeout);
    signal?.throwIfAborted();
    this.#look();
    if (this.done()) return undefined;
    return new Promise<void>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const over = (): void => {
        forget();
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        over();
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', onAbort);
      if (deadline !== Infinity) {
        timer = setTimeout(
          () => {
            over();
            reject(new TimeoutError(`The task was not done in ${options!.timeout} ms.`));
          },
          Math.max(0, Math.min(deadline - performance.now(), 2 ** 31 - 1)),
        );
      }
      const forget = this.#watch(() => {
        over();
        resolve();
      });
    });
  }

  #value(): T {
    switch (this.#outcome.state) {
      case 'value':
        return this.#outcome.value as T;
      case 'error':
        throw this.#outcome.error;
      default:
        throw cancelled();
    }
  }
}

function run(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    // Not into the executor's loop: there it would take other tasks with it.
    queueMicrotask(() => {
      throw error;
    });
  }
}

function cancelled(): CancelledError {
  return new CancelledError('The task was cancelled.');
}
