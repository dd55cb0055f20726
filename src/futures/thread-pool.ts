/**
 * An executor whose workers are threads, as Python's `ThreadPoolExecutor`.
 *
 *     submit ──▶ task block ──▶ #tasks (ring of addresses) ──▶ worker (worker.ts) ──▶ #outcomes ──▶ #pump ──▶ Future
 *
 * All of it lies in the shared heap: workers take tasks by themselves, however busy the thread that submitted them is.
 * A task block says who runs it, so a worker's death fails exactly its task.
 */

import { channel } from 'node:diagnostics_channel';
import { availableParallelism } from 'node:os';
import { BrokenExecutor, CancelledError, CloneError, RuntimeError, TimeoutError } from '../errors.ts';
import { addressOf, heap, ISOLATE, TASK, TASK_FLAG, TASK_FORM, TASK_STATE, THREAD, wake } from '../memory/index.ts';
import { Queue } from '../queue/index.ts';
import { Thread } from '../threading/index.ts';
import { because, crashOf, storeReason } from './crash.ts';
import { Executor, type ExecutorStatistics, type ShutdownOptions, type TaskOptions } from './executor.ts';
import { collected, forgetAll, forgotten } from './forgotten.ts';
import { Future, type FutureSource } from './future.ts';
import type { Submitter } from './map.ts';
import { type AnyFunction, checkOptions, type ThreadPoolOptions } from './pool-options.ts';
import { forgetFunction, makeTask, type SentFunction, sendFunction } from './task.ts';
import { TaskRing } from './task-ring.ts';
import { TaskTimes } from './task-times.ts';
import { errorsOf, forgetUnobserved, reportAtExit } from './unobserved.ts';
import { type ChunkOutcome, LEFT, type Outcome, serve, type WorkerOptions } from './worker.ts';

/** How long `resultSync` sleeps before it looks whether a worker has died, in milliseconds. */
const LIVENESS_MS = 50;
let made = 0;

/** What happens in executors, for whoever subscribes: `{ executor, future, … }`. Starts are told in the workers' threads. */
const submitted = channel('telaio:task:submit');
const ended = channel('telaio:task:end');
const failed = channel('telaio:task:fail');
const crashed = channel('telaio:worker:crash');

export class ThreadPoolExecutor extends Executor implements FutureSource {
  readonly #options: ThreadPoolOptions;
  readonly #maxWorkers: number;
  readonly #prefix: string;
  readonly #ring = new TaskRing();
  readonly #outcomes = new Queue<Outcome>();
  readonly #workers = new Set<Thread>();
  /** Workers that have said that they are up. */
  readonly #ready = new Set<number>();
  readonly #pending = new Map<number, Future<unknown>>();
  readonly #sent = new WeakMap<AnyFunction, SentFunction>();
  readonly #kept = new Set<SentFunction>();
  readonly #failures = new Set<Future<unknown>>();
  #functionCount = 0;
  #workerCount = 0;
  #closed = false;
  #over = false;
  #broken: BrokenExecutor | undefined;
  #pumping: AbortController | undefined;
  #idle: (() => void)[] = [];
  #counts = { done: 0, failed: 0, cancelled: 0 };
  readonly #times = new TaskTimes((future) => this.#expire(future));
  /** Workers that were ended for the sake of one of their tasks: the others that they ran are not to blame. */
  readonly #doomed = new Set<Thread>();
  /** Tasks that run though their future is settled: by a timeout, a signal, or a cancellation by force. */
  readonly #abandoned = new Set<number>();

  constructor(options: ThreadPoolOptions = {}) {
    super();
    checkOptions(options);
    this.#options = options;
    this.#maxWorkers = options.maxWorkers ?? availableParallelism();
    this.#prefix = options.threadNamePrefix ?? `ThreadPoolExecutor-${made++}`;
    forgotten.register(this, { tasks: this.#ring.tasks, kept: this.#kept });
  }

  submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): Future<R> {
    return this.submitWith(undefined, fn, args);
  }

  /** @internal */
  submitWith<A extends unknown[], R>(
    options: TaskOptions | undefined,
    fn: (...args: A) => R | Promise<R>,
    args: A,
  ): Future<R> {
    this.#mustBeOpen();
    options?.signal?.throwIfAborted();
    if (typeof fn !== 'function') throw new TypeError(`submit(${String(fn)}): give a function, then its arguments.`);
    const sent = this.#sent.get(fn as AnyFunction) ?? this.#send(fn as AnyFunction);
    const future = new Future<R>(this);
    try {
      this.#enqueue(future as Future<unknown>, makeTask(sent, TASK_FORM.CALL, args), options);
    } finally {
      if (sent.id === 0) forgetFunction(sent);
    }
    return future;
  }

  /** Resolves when every task is done and, unless `wait` is false, every worker has ended. */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { wait = true, cancelFutures = false } = options;
    this.#closed = true;
    if (cancelFutures) for (const future of [...this.#pending.values()]) future.cancel({ force: false });
    this.#closeWhenIdle();
    if (!wait) return;
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await Promise.all([...this.#workers].map((worker) => worker.join()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
    const errors = errorsOf(this.#failures);
    this.#failures.clear();
    forgetUnobserved(this.#failures);
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) {
      throw new AggregateError(errors, `${errors.length} tasks failed and nobody looked at their outcomes.`);
    }
  }

  statistics(): ExecutorStatistics {
    let running = 0;
    for (const task of this.#pending.keys()) if (heap.load(task + TASK.STATE) !== TASK_STATE.PENDING) running++;
    return {
      workers: this.#workers.size,
      queued: this.#pending.size - running,
      running,
      ...this.#counts,
      ...this.#times.percentiles(),
    };
  }

  /** @internal */
  submitter(options?: TaskOptions): Submitter {
    return {
      workers: this.#maxWorkers,
      chunksOf: (fn) => {
        this.#mustBeOpen();
        options?.signal?.throwIfAborted();
        if (typeof fn !== 'function')
          throw new TypeError(`map(${String(fn)}, …): give a function first, then the items.`);
        const sent = this.#sent.get(fn) ?? this.#send(fn, true);
        const cached = this.#sent.get(fn) === sent;
        let open = true;
        return {
          submit: (items) => {
            this.#mustBeOpen();
            const future = new Future<ChunkOutcome>(this);
            future.chunk = true;
            this.#enqueue(future as Future<unknown>, makeTask(sent, TASK_FORM.CHUNK, items), options);
            return future;
          },
          close: () => {
            if (open && !cached) forgetFunction(sent);
            open = false;
          },
        };
      },
    };
  }

  /** @internal */
  isRunning(future: Future<unknown>): boolean {
    return heap.load(future.task + TASK.STATE) > 0;
  }

  /** @internal */
  withdraw(future: Future<unknown>): boolean {
    const { task } = future;
    if (heap.cas(task + TASK.STATE, TASK_STATE.PENDING, TASK_STATE.CANCELLED) !== TASK_STATE.PENDING) return false;
    this.#counts.cancelled++;
    this.#forget(future, false);
    // After the future is settled, which the caller does now.
    queueMicrotask(() => this.#afterOutcome());
    return true;
  }

  /** @internal */
  interrupt(future: Future<unknown>, reason: unknown, force: boolean): boolean {
    if (!this.#ask(future, reason, force)) return false;
    if (force) this.#abandon(future, 'cancelled');
    return true;
  }

  /** @internal */
  drive(future: Future<unknown>, deadline: number): void {
    while (!future.done()) {
      this.#drain();
      const left = deadline - performance.now();
      if (future.done() || left <= 0) return;
      this.#outcomes.blockUntilItem(Math.min(left, LIVENESS_MS));
      this.#times.look();
      for (const worker of [...this.#workers]) if (!worker.isAlive()) this.#bury(worker);
    }
  }

  /** @internal */
  observed(future: Future<unknown>): void {
    if (this.#failures.delete(future) && this.#failures.size === 0) forgetUnobserved(this.#failures);
  }

  override toString(): string {
    return `<ThreadPoolExecutor ${this.#prefix}: ${this.#workers.size} of ${this.#maxWorkers} workers, ${this.#pending.size} tasks>`;
  }

  #mustBeOpen(): void {
    if (this.#broken) throw new BrokenExecutor(this.#broken.message, undefined, { cause: this.#broken.cause });
    if (this.#closed) throw new RuntimeError(`${this.toString()} takes no more tasks: shutdown() was called.`);
  }

  /** Encodes a function. One that captures nothing is the same each time, and kept; else (`keep` apart) it has no number. */
  #send(fn: AnyFunction, keep = false): SentFunction {
    const sent = sendFunction(++this.#functionCount, fn);
    if (sent.constant) {
      this.#sent.set(fn, sent);
      this.#kept.add(sent);
      collected.register(fn, { kept: this.#kept, sent });
    } else if (!keep) {
      sent.id = 0;
    }
    return sent;
  }

  #enqueue(future: Future<unknown>, task: number, options: TaskOptions | undefined): void {
    future.task = task;
    if (options !== undefined) this.#heed(future, options);
    this.#pending.set(task, future);
    this.#times.prepare(future);
    if (submitted.hasSubscribers) submitted.publish({ executor: this, future });
    this.#ring.put(future.task, future.options.priority ?? 0);
    if (this.#workers.size < this.#maxWorkers && this.#pending.size > this.#workers.size) {
      try {
        this.#hire();
      } catch (error) {
        // Others will do it, if there are others.
        if (this.#workers.size === 0) {
          this.withdraw(future);
          throw error;
        }
      }
    }
    if (!this.#pumping) void this.#pump();
  }

  #heed(future: Future<unknown>, options: TaskOptions): void {
    future.options = options;
    future.retries = options.retries ?? 0;
    const { signal } = options;
    if (signal === undefined) return;
    const abort = (): void => this.#aborted(future, signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    future.onDone(() => signal.removeEventListener('abort', abort));
  }

  #hire(): void {
    const { initializer, initArgs = [], idleTimeout, maxTasksPerWorker, tasksPerWorker = 1 } = this.#options;
    const { resourceLimits } = this.#options;
    const owner: WorkerOptions['owner'] = [heap.descriptor, heap.load(heap.descriptor + ISOLATE.EPOCH)];
    const worker = new Thread({
      target: serve,
      args: [
        this.#ring.tasks,
        this.#ring.ranked,
        this.#outcomes,
        { initializer, initArgs, idleTimeout, maxTasksPerWorker, tasksPerWorker, owner },
      ],
      name: `${this.#prefix}_${this.#workerCount++}`,
      daemon: true,
      resourceLimits,
    }) as unknown as Thread;
    worker.launchQuietly();
    this.#workers.add(worker);
    const weak = new WeakRef(this);
    void worker.whenEnded().then(() => {
      const executor = weak.deref();
      if (executor) executor.#bury(worker);
    });
  }

  /** Receives outcomes while there are tasks; the wait keeps the process alive. */
  async #pump(): Promise<void> {
    const pumping = new AbortController();
    this.#pumping = pumping;
    try {
      for (;;) {
        this.#drain();
        if (pumping.signal.aborted) return;
        await this.#outcomes.untilItem(pumping.signal);
      }
    } catch (error) {
      if (!pumping.signal.aborted) throw error;
    }
  }

  #drain(): void {
    for (let outcome = this.#outcomes.tryGet(); outcome !== undefined; outcome = this.#outcomes.tryGet()) {
      const [task, ok, value] = outcome;
      if (task <= 0) this.#heardOfWorker(-task, ok === true, value);
      else if (ok === null) this.#pending.get(task)?.tell(value);
      else if (this.#abandoned.delete(task)) heap.release(task);
      else this.#settle(this.#pending.get(task), ok, value);
    }
  }

  /** A worker says that it is up, or that its initializer failed. */
  #heardOfWorker(ident: number, ok: boolean, error: unknown): void {
    if (ok) this.#ready.add(ident);
    else this.#break(`The initializer of ${this.toString()} failed: ${(error as Error)?.message ?? error}`, error);
  }

  #settle(future: Future<unknown> | undefined, ok: boolean, value: unknown): void {
    if (future === undefined) return;
    const bad = !ok || (future.chunk && (value as ChunkOutcome).failed !== undefined);
    if (bad && this.#tryAgain(future, value)) return;
    this.#forget(future, true);
    if (!ok && future.asked && value instanceof CancelledError) {
      this.#counts.cancelled++;
      future.settleCancelled();
      this.#afterOutcome();
      return;
    }
    if (bad) {
      this.#counts.failed++;
      this.#tell(future, value);
    } else {
      this.#counts.done++;
      if (ended.hasSubscribers) ended.publish({ executor: this, future });
    }
    future.settle(ok ? { state: 'value', value } : { state: 'error', error: value });
    this.#afterOutcome();
  }

  /** A task that failed goes in again, unless it was asked to stop or could never end otherwise. */
  #tryAgain(future: Future<unknown>, error: unknown): boolean {
    if (future.retries === 0 || future.asked || this.#broken || error instanceof CloneError) return false;
    future.retries--;
    const { task } = future;
    heap.f64[(task + TASK.STARTED) >> 1] = 0;
    heap.store(task + TASK.STATE, TASK_STATE.PENDING);
    this.#ring.put(future.task, future.options.priority ?? 0);
    return true;
  }

  /** Tells a task that runs to stop; with `force` its worker is ended. False when it doesn't run any more. */
  #ask(future: Future<unknown>, reason: unknown, force: boolean): boolean {
    const { task } = future;
    const ident = heap.load(task + TASK.STATE);
    const worker = ident > 0 ? [...this.#workers].find((one) => one.ident === ident) : undefined;
    if (worker === undefined) return false;
    if (!future.asked) {
      future.asked = true;
      heap.i32[task + TASK.REASON] = storeReason(reason);
      heap.or(task + TASK.FLAGS, TASK_FLAG.CANCEL);
      wake(heap, addressOf(worker) + THREAD.SPOT, Infinity);
    }
    if (force) {
      this.#doomed.add(worker);
      void worker.terminate();
    }
    return true;
  }

  /** Nobody waits for this task any more, though it runs. Its block stays until its outcome has come or its worker died. */
  #abandon(future: Future<unknown>, as: 'failed' | 'cancelled'): void {
    this.#counts[as]++;
    this.#times.ended(future, false);
    this.#pending.delete(future.task);
    this.#abandoned.add(future.task);
    queueMicrotask(() => this.#afterOutcome());
  }

  /** A task has run for longer than its timeout. */
  #expire(future: Future<unknown>): void {
    if (!this.#pending.has(future.task)) return;
    const { timeout, force = false } = future.options;
    const error = new TimeoutError(`The task ran for longer than its timeout of ${timeout} ms.`);
    if (!this.#ask(future, error, force)) return;
    this.#abandon(future, 'failed');
    this.#tell(future, error);
    future.settle({ state: 'error', error });
  }

  /** The signal of a task's options is aborted. Whoever did that knows, so the failure is not silent. */
  #aborted(future: Future<unknown>, error: unknown): void {
    if (future.done()) return;
    future.markSeen();
    const withdrawn = this.withdraw(future);
    if (!withdrawn) {
      if (!this.#ask(future, error, future.options.force ?? false)) return;
      this.#abandon(future, 'cancelled');
    }
    future.settle({ state: 'error', error });
  }

  /** A failure, to whoever subscribes, and to the end of the block unless somebody looks. */
  #tell(future: Future<unknown>, error: unknown): void {
    if (failed.hasSubscribers) failed.publish({ executor: this, future, error });
    if (future.seen) return;
    this.#failures.add(future);
    reportAtExit(this.#failures);
  }

  #forget(future: Future<unknown>, ran: boolean): void {
    this.#times.ended(future, ran);
    this.#pending.delete(future.task);
    heap.release(future.task);
  }

  #afterOutcome(): void {
    if (this.#pending.size > 0) return;
    this.#pumping?.abort();
    this.#pumping = undefined;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
    this.#closeWhenIdle();
  }

  /** Lets the workers go once there is nothing more to do, and nothing more can come. */
  #closeWhenIdle(): void {
    if (!this.#closed || this.#over || this.#pending.size > 0) return;
    this.#over = true;
    // Cancelled tasks that no worker has come across.
    this.#ring.close();
    forgetAll(this.#kept);
  }

  /** A worker has ended: as it should, or leaving a task behind. */
  #bury(worker: Thread): void {
    if (!this.#workers.delete(worker)) return;
    // What it had finished counts.
    this.#drain();
    const ident = worker.ident ?? 0;
    const cameUp = this.#ready.delete(ident);
    const cause = worker.failure();
    const died = worker.returned() !== LEFT;
    const doomed = this.#doomed.delete(worker);
    if (died && ident !== 0) {
      for (const task of [...this.#abandoned]) {
        if (heap.load(task + TASK.STATE) !== ident) continue;
        this.#abandoned.delete(task);
        // The worker's count and ours.
        heap.release(task);
        heap.release(task);
      }
      if (!doomed && crashed.hasSubscribers) crashed.publish({ executor: this, worker: worker.name, error: cause });
      for (const [task, future] of [...this.#pending]) {
        if (heap.load(task + TASK.STATE) !== ident) continue;
        // The count of its appearance in the ring, which the worker had taken over.
        heap.release(task);
        // Ended for the sake of another task that it ran: this one begins anew, elsewhere.
        if (doomed) heap.store(task + TASK.STATE, TASK_STATE.PENDING);
        else this.#settle(future, false, crashOf(worker, cause));
      }
    }
    // The next would do no better, unless somebody ended this one from outside.
    if (died && !cameUp && !worker.wasTerminated() && !this.#broken) {
      this.#break(`A worker of ${this.toString()} died before it could work${because(cause)}`, cause);
    }
    if (this.#broken || this.#over) return;
    if (died) this.#findLost();
    while (this.#pending.size > this.#workers.size && this.#workers.size < this.#maxWorkers) {
      try {
        this.#hire();
      } catch (error) {
        if (this.#workers.size === 0) this.#break(`${this.toString()} can't start a worker${because(error)}`, error);
        return;
      }
    }
  }

  /**
   * A worker that died between taking a task's address and beginning it leaves a task that nobody will run. So all that
   * nobody has begun go in again, in their order. One that another worker has just taken may stand there twice: it runs
   * once all the same.
   */
  #findLost(): void {
    this.#ring.empty();
    for (const [task, future] of this.#pending) {
      if (heap.load(task + TASK.STATE) === TASK_STATE.PENDING)
        this.#ring.put(future.task, future.options.priority ?? 0);
    }
  }

  #break(message: string, cause: unknown): void {
    this.#broken = new BrokenExecutor(`${message.replace(/\.$/, '')}. Nothing can run in it any more.`, undefined, {
      cause,
    });
    this.#closed = true;
    for (const [task, future] of [...this.#pending]) {
      heap.cas(task + TASK.STATE, TASK_STATE.PENDING, TASK_STATE.CANCELLED);
      this.#settle(future, false, this.#broken);
    }
    this.#closeWhenIdle();
  }
}
