/**
 * The outcome of a task that may not have run yet, as Python's `concurrent.futures.Future`. It belongs to the thread
 * that submitted the task.
 */
import { inspect } from 'node:util';
import { CancelledError, TimeoutError } from '../errors.ts';
import {
  checkOptions,
  deadlineIn,
  heap,
  REFUSED,
  SYNC,
  type SyncWaitOptions,
  type WaitOptions,
} from '../memory/index.ts';
import type { CallSite } from './call-site.ts';
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

export type Outcome = { state: 'value'; value: unknown } | { state: 'error'; error: unknown } | { state: 'cancelled' };

const NO_OPTIONS: TaskOptions = {};

/** In `#flags`: how it ended, and what has happened to it. */
const VALUE = 1;
const ERROR = 2;
const CANCELLED = 3;
const STATE = 3;
const OBSERVED = 4;
const ASKED = 8;

/** What few futures have, or only later: a million of them may wait. */
type More = {
  options: TaskOptions;
  retries: number;
  submitted: number;
  chunk: number;
  /** Not of `this`: a Future<string> is to be a Future<unknown> too. */
  callbacks: Set<() => void> | undefined;
  progress: Set<(value: unknown) => void> | undefined;
};

export type CancelOptions = {
  /** When the task runs already, end its worker; another takes its place, and no other task fails for it. */
  force?: boolean;
};

export class Future<T> implements PromiseLike<T> {
  readonly #source: FutureSource;
  #flags = 0;
  /** Its value or error, once it has ended; until then its `CallSite`, if it has one. */
  #outcome: unknown;
  #more: More | undefined;
  /** Of its outcome, for whoever asked. Not of `this`, as the callbacks. */
  #asked: PromiseWithResolvers<unknown> | undefined;
  /** @internal The entry of the holdings with the task's block, as long as it is pending; then 0. */
  entry = 0;

  /** @internal */
  constructor(source: FutureSource) {
    this.#source = source;
  }

  /** The task's value. Rejects with its error, `CancelledError`, `TimeoutError` after `timeout` ms, `signal.reason`. */
  result(options?: WaitOptions): Promise<T> {
    return options === undefined ? this.#promise() : this.#resultWithin(options);
  }

  /** The same, blocking this thread; the workers need nothing from it meanwhile. */
  resultSync(options?: SyncWaitOptions): T {
    const deadline = deadlineIn(options, 'resultSync', this, SYNC);
    this.markSeen();
    if (!this.done()) this.#source.drive(this as Future<unknown>, deadline);
    if (!this.done()) throw new TimeoutError(`The task was not done in ${options?.timeout} ms.`);
    return this.#value();
  }

  /** What the task threw, an error as a rule; undefined when it ended well (or threw that). Rejects as `result` does in all other cases. */
  async exception(options?: WaitOptions): Promise<Error | undefined> {
    await this.#settled(options, 'exception');
    if (this.cancelled()) throw cancelled();
    return this.error as Error | undefined;
  }

  // biome-ignore lint/suspicious/noThenProperty: a future can be awaited
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    // biome-ignore lint/suspicious/noExplicitAny: as a Promise's
    rejected?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise().then(fulfilled, rejected);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as a Promise's
  catch<B = never>(rejected?: ((reason: any) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.#promise().catch(rejected);
  }

  finally(run?: (() => void) | null): Promise<T> {
    return this.#promise().finally(run);
  }

  /**
   * Cancels the task if no worker has begun it: true. Of one that runs, the `currentTask().signal` is aborted: false, since
   * it may end well all the same; if it ends with the signal's reason, the future counts as cancelled. With `force` its
   * worker is ended, as soon as the other tasks that it runs have ended: true, also when the future is done after its timeout and the task goes on. Else false
   * when it is done.
   */
  cancel(options: CancelOptions = {}): boolean {
    checkOptions(options, 'cancel', this, ['force']);
    const { force = this.options.force ?? false } = options;
    if (typeof force !== 'boolean') throw new TypeError(`cancel: force is ${inspect(force)}: give true or false.`);
    if (this.cancelled()) return true;
    // It may go on nevertheless, after a timeout.
    if (this.done()) return this.#source.interrupt(this as Future<unknown>, undefined, force);
    if (!this.#source.withdraw(this as Future<unknown>)) {
      const reason = cancelled();
      const interrupted = this.#source.interrupt(this as Future<unknown>, reason, force);
      if (!interrupted || !force) return false;
    }
    this.settle({ state: 'cancelled' });
    return true;
  }

  /** Calls `fn` with every value that the task gives to `currentTask().progress`, from now on. */
  onProgress(fn: (value: unknown) => void): void {
    mustBeFunction(fn, 'onProgress');
    const more = this.#extra();
    more.progress ??= new Set();
    more.progress.add(fn);
  }

  /** @internal */
  tell(value: unknown): void {
    // Not at once: it may come while `submit` runs, before the caller could name a listener.
    queueMicrotask(() => {
      for (const listener of this.#more?.progress ?? []) run(() => listener(value));
    });
  }

  /** @internal It has ended because it was asked to. */
  settleCancelled(): void {
    this.settle({ state: 'cancelled' });
  }

  cancelled(): boolean {
    return (this.#flags & STATE) === CANCELLED;
  }

  /** Whether a worker is at it now. */
  running(): boolean {
    return !this.done() && this.#source.isRunning(this as Future<unknown>);
  }

  /** Whether it has ended: with a value, with an error, or cancelled. */
  done(): boolean {
    return (this.#flags & STATE) !== 0;
  }

  /** Calls `fn` with this future once it is done, at once when it is. What `fn` throws is an uncaught exception. */
  addDoneCallback(fn: (future: this) => void): void {
    mustBeFunction(fn, 'addDoneCallback');
    this.markSeen();
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
    return this.failed ? this.#outcome : undefined;
  }

  /** @internal */
  get value(): unknown {
    return (this.#flags & STATE) === VALUE ? this.#outcome : undefined;
  }

  /** @internal */
  get failed(): boolean {
    return (this.#flags & STATE) === ERROR;
  }

  /** @internal Where the task was submitted: set before it is, and there as long as it is pending. */
  get callSite(): CallSite | undefined {
    return this.done() ? undefined : (this.#outcome as CallSite | undefined);
  }

  set callSite(site: CallSite | undefined) {
    this.#outcome = site;
  }

  /** @internal The error that would be silent if nobody looked: the task's, or that of an item of the chunk. */
  get failure(): { error: unknown } | undefined {
    if (this.failed) return { error: this.#outcome };
    return this.chunk > 0 ? (this.value as { failed?: { error: unknown } } | undefined)?.failed : undefined;
  }

  /** @internal How it is to be run; the executor's own notes follow. */
  get options(): TaskOptions {
    return this.#more?.options ?? NO_OPTIONS;
  }

  set options(options: TaskOptions) {
    this.#extra().options = options;
    this.retries = options.retries ?? 0;
  }

  /** @internal How often it may be run again. */
  get retries(): number {
    return this.#more?.retries ?? 0;
  }

  set retries(retries: number) {
    this.#extra().retries = retries;
  }

  /** @internal When it was submitted, of those whose times are recorded; else 0. */
  get submitted(): number {
    return this.#more?.submitted ?? 0;
  }

  set submitted(milliseconds: number) {
    this.#extra().submitted = milliseconds;
  }

  /** @internal The address of the task's block, as long as it is pending. */
  get task(): number {
    return heap.i32[this.entry];
  }

  /** @internal Items, if it is a chunk of `map`, whose value may hold an error; else 0. */
  get chunk(): number {
    return this.#more?.chunk ?? 0;
  }

  set chunk(items: number) {
    this.#extra().chunk = items;
  }

  /** @internal Somebody has asked the running task to stop. */
  get asked(): boolean {
    return (this.#flags & ASKED) !== 0;
  }

  /** @internal */
  ask(): void {
    this.#flags |= ASKED;
  }

  /** @internal */
  get seen(): boolean {
    return (this.#flags & OBSERVED) !== 0;
  }

  /** @internal Somebody has the outcome. */
  markSeen(): void {
    if (this.seen) return;
    this.#flags |= OBSERVED;
    this.#source.observed(this as Future<unknown>);
  }

  /** @internal The outcome, once. */
  settle(outcome: Outcome): void {
    if (outcome.state === 'value') this.settleValue(outcome.value);
    else if (outcome.state === 'error') this.#end(ERROR, outcome.error);
    else this.#end(CANCELLED, undefined);
  }

  /** @internal */
  settleValue(value: unknown): void {
    this.#end(VALUE, value);
  }

  get [REFUSED](): { what: string; mend: string } {
    return { what: 'a Future belongs to the thread that submitted the task', mend: 'send its result, or a Queue' };
  }

  toString(): string {
    if (this.cancelled()) return '<Future cancelled>';
    if (this.failed) return `<Future finished raised ${nameOf(this.#outcome)}>`;
    if (this.done()) return `<Future finished returned ${nameOf(this.#outcome)}>`;
    return this.running() ? '<Future running>' : '<Future pending>';
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  #extra(): More {
    this.#more ??= {
      options: NO_OPTIONS,
      retries: 0,
      submitted: 0,
      chunk: 0,
      callbacks: undefined,
      progress: undefined,
    };
    return this.#more;
  }

  #end(state: number, outcome: unknown): void {
    if (this.done()) return;
    this.#flags |= state;
    this.#outcome = outcome;
    this.#tellAsked();
    const callbacks = this.#more?.callbacks;
    if (callbacks === undefined) return;
    this.#more!.callbacks = undefined;
    for (const callback of callbacks) run(callback);
  }

  async #resultWithin(options: WaitOptions): Promise<T> {
    await this.#settled(options, 'result');
    return this.#value();
  }

  /** Of its outcome, the same one for all who ask. Asking for it is a look at the outcome. */
  #promise(): Promise<T> {
    this.markSeen();
    if (this.#asked === undefined) {
      this.#asked = Promise.withResolvers();
      if (this.done()) this.#tellAsked();
    }
    return this.#asked.promise as Promise<T>;
  }

  #tellAsked(): void {
    if (this.#asked === undefined) return;
    if ((this.#flags & STATE) === VALUE) this.#asked.resolve(this.#outcome);
    else this.#asked.reject(this.cancelled() ? cancelled() : this.#outcome);
  }

  /** The same function may be there twice, so each gets an entry of its own. */
  #watch(fn: (future: this) => void): () => void {
    const more = this.#extra();
    more.callbacks ??= new Set();
    const entry = (): void => fn(this);
    more.callbacks.add(entry);
    return () => more.callbacks?.delete(entry);
  }

  #settled(options: WaitOptions | undefined, call: string): Promise<void> | undefined {
    const deadline = deadlineIn(options, call, this);
    const { signal } = options ?? {};
    signal?.throwIfAborted();
    this.markSeen();
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
    if ((this.#flags & STATE) === VALUE) return this.#outcome as T;
    throw this.failed ? this.#outcome : cancelled();
  }
}

/** In the order in which futures are to be cancelled: a worker that stops with one that runs would begin one that waits. */
export function runningLast<F extends Future<unknown>>(futures: readonly F[]): F[] {
  const running = new Set(futures.filter((future) => future.running()));
  return running.size === 0 ? [...futures] : [...futures.filter((future) => !running.has(future)), ...running];
}

function mustBeFunction(fn: unknown, call: string): void {
  if (typeof fn !== 'function') throw new TypeError(`${call}(${inspect(fn)}): give a function.`);
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

/** An object's class, or the type of another value. */
function nameOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  return value.constructor?.name ?? 'object';
}

function cancelled(): CancelledError {
  return new CancelledError('The task was cancelled.');
}
