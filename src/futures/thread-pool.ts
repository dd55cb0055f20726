/**
 * An executor whose workers are threads, as Python's `ThreadPoolExecutor`.
 *
 *     submit ──▶ task block ──▶ #tasks (ring of addresses) ──▶ worker (worker.ts) ──▶ #outcomes ──▶ #pump ──▶ Future
 *
 * All of it lies in the shared heap: workers take tasks by themselves, however busy the thread that submitted them is.
 * A task block says who runs it, so a worker's death fails exactly its task.
 */
import { availableParallelism } from 'node:os';
import { BrokenExecutor, RuntimeError, WorkerCrashedError } from '../errors.ts';
import { describeFunction } from '../functions/index.ts';
import { heap, ISOLATE, TASK, TASK_FORM, TASK_STATE } from '../memory/index.ts';
import { Queue } from '../queue/index.ts';
import { Thread, type ThreadOptions } from '../threading/index.ts';
import { Executor, type ExecutorStatistics, type ShutdownOptions } from './executor.ts';
import { Future, type FutureSource } from './future.ts';
import type { Submitter } from './map.ts';
import { forgetFunction, makeTask, type SentFunction, sendFunction } from './task.ts';
import { errorsOf, forgetUnobserved, reportAtExit } from './unobserved.ts';
import { type ChunkOutcome, LEFT, type Outcome, serve, type WorkerOptions } from './worker.ts';

// biome-ignore lint/suspicious/noExplicitAny: any function can be sent
type AnyFunction = (...args: any[]) => unknown;

export type ThreadPoolOptions = {
  /** Threads at most; as many as the machine has processors when left out. They are started as tasks come. */
  maxWorkers?: number;
  /** Threads are called `prefix_0`, `prefix_1` …; default `ThreadPoolExecutor-N`. */
  threadNamePrefix?: string;
  /** Called in each worker before its first task, with `initArgs`; when it throws, the executor is broken. */
  initializer?: AnyFunction;
  initArgs?: unknown[];
  /** A worker that had nothing to do for so many milliseconds ends; default: never. */
  idleTimeout?: number;
  /** A worker ends after so many tasks, and another takes its place; default: never. */
  maxTasksPerWorker?: number;
  /** Limits of each worker's own JavaScript heap and stack, in MiB. */
  resourceLimits?: ThreadOptions<[], unknown>['resourceLimits'];
};

/** How long `resultSync` sleeps before it looks whether a worker has died, in milliseconds. */
const LIVENESS_MS = 50;
let made = 0;

export class ThreadPoolExecutor extends Executor implements FutureSource {
  readonly #options: ThreadPoolOptions;
  readonly #maxWorkers: number;
  readonly #prefix: string;
  readonly #tasks = new Queue<number>();
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

  constructor(options: ThreadPoolOptions = {}) {
    super();
    checkOptions(options);
    this.#options = options;
    this.#maxWorkers = options.maxWorkers ?? availableParallelism();
    this.#prefix = options.threadNamePrefix ?? `ThreadPoolExecutor-${made++}`;
    forgotten.register(this, { tasks: this.#tasks, kept: this.#kept });
  }

  submit<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): Future<R> {
    this.#mustBeOpen();
    if (typeof fn !== 'function') throw new TypeError(`submit(${String(fn)}): give a function, then its arguments.`);
    const sent = this.#sent.get(fn as AnyFunction) ?? this.#send(fn as AnyFunction);
    const future = new Future<R>(this);
    try {
      this.#enqueue(future as Future<unknown>, makeTask(sent, TASK_FORM.CALL, args));
    } finally {
      if (sent.id === 0) forgetFunction(sent);
    }
    return future;
  }

  /** Resolves when every task is done and, unless `wait` is false, every worker has ended. */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { wait = true, cancelFutures = false } = options;
    this.#closed = true;
    if (cancelFutures) for (const future of [...this.#pending.values()]) future.cancel();
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
    return { workers: this.#workers.size, queued: this.#pending.size - running, running, ...this.#counts };
  }

  /** @internal */
  protected submitter(): Submitter {
    return {
      workers: this.#maxWorkers,
      chunksOf: (fn) => {
        this.#mustBeOpen();
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
            this.#enqueue(future as Future<unknown>, makeTask(sent, TASK_FORM.CHUNK, items));
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
    this.#forget(future);
    // After the future is settled, which the caller does now.
    queueMicrotask(() => this.#afterOutcome());
    return true;
  }

  /** @internal */
  drive(future: Future<unknown>, deadline: number): void {
    while (!future.done()) {
      this.#drain();
      const left = deadline - performance.now();
      if (future.done() || left <= 0) return;
      this.#outcomes.blockUntilItem(Math.min(left, LIVENESS_MS));
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

  #enqueue(future: Future<unknown>, task: number): void {
    future.task = task;
    this.#pending.set(task, future);
    this.#putIn(task);
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

  /** An appearance in the ring has a count of its own. */
  #putIn(task: number): void {
    heap.retain(task);
    this.#tasks.putSync(task);
  }

  #hire(): void {
    const { initializer, initArgs = [], idleTimeout, maxTasksPerWorker, resourceLimits } = this.#options;
    const owner: WorkerOptions['owner'] = [heap.descriptor, heap.load(heap.descriptor + ISOLATE.EPOCH)];
    const worker = new Thread({
      target: serve,
      args: [this.#tasks, this.#outcomes, { initializer, initArgs, idleTimeout, maxTasksPerWorker, owner }],
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
      if (task <= 0) this.#heardOfWorker(-task, ok, value);
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
    this.#forget(future);
    const failed = !ok || (future.chunk && (value as ChunkOutcome).failed !== undefined);
    if (failed) this.#counts.failed++;
    else this.#counts.done++;
    if (failed && !future.seen) {
      this.#failures.add(future);
      reportAtExit(this.#failures);
    }
    future.settle(ok ? { state: 'value', value } : { state: 'error', error: value });
    this.#afterOutcome();
  }

  #forget(future: Future<unknown>): void {
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
    this.#takeBack();
    this.#tasks.shutdown();
    forgetAll(this.#kept);
  }

  /** Empties the ring. */
  #takeBack(): void {
    for (let task = this.#tasks.tryGet(); task !== undefined; task = this.#tasks.tryGet()) heap.release(task);
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
    if (died && ident !== 0) {
      for (const [task, future] of [...this.#pending]) {
        if (heap.load(task + TASK.STATE) !== ident) continue;
        // The count of its appearance in the ring, which the worker had taken over.
        heap.release(task);
        this.#settle(future, false, crashOf(worker, cause));
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
    this.#takeBack();
    for (const task of this.#pending.keys()) {
      if (heap.load(task + TASK.STATE) === TASK_STATE.PENDING) this.#putIn(task);
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

function crashOf(worker: Thread, cause: unknown): WorkerCrashedError {
  const how = cause === undefined ? ': it ended in the middle of the task' : because(cause);
  return new WorkerCrashedError(`The task's worker ${worker.name} died${how}`, undefined, { cause });
}

function because(cause: unknown): string {
  return cause === undefined ? '' : `: ${(cause as Error | null)?.message ?? String(cause)}`;
}

const OPTIONS = new Set(
  'maxWorkers threadNamePrefix initializer initArgs idleTimeout maxTasksPerWorker resourceLimits'.split(' '),
);

function checkOptions(options: ThreadPoolOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      `new ThreadPoolExecutor(${String(options)}): give an object of options, as in { maxWorkers: 4 }.`,
    );
  }
  const unknown = Object.keys(options).find((key) => !OPTIONS.has(key));
  if (unknown !== undefined) {
    throw new TypeError(`new ThreadPoolExecutor: there is no option ${unknown}; there are ${[...OPTIONS].join(', ')}.`);
  }
  const { maxWorkers, initializer, initArgs, idleTimeout, maxTasksPerWorker } = options;
  if (maxWorkers !== undefined && (!Number.isInteger(maxWorkers) || maxWorkers < 1)) {
    throw new RangeError(`maxWorkers is ${String(maxWorkers)}: give a whole number, 1 or more.`);
  }
  if (maxTasksPerWorker !== undefined && (!Number.isInteger(maxTasksPerWorker) || maxTasksPerWorker < 1)) {
    throw new RangeError(`maxTasksPerWorker is ${String(maxTasksPerWorker)}: give a whole number, 1 or more.`);
  }
  if (idleTimeout !== undefined && !(idleTimeout >= 0)) {
    throw new RangeError(`idleTimeout is ${String(idleTimeout)}: give milliseconds, 0 or more.`);
  }
  if (initializer !== undefined && typeof initializer !== 'function')
    throw new TypeError('initializer is not a function.');
  if (initArgs !== undefined && !Array.isArray(initArgs)) throw new TypeError('initArgs is not an array.');
  if (initializer !== undefined) describeFunction(initializer);
}

/** An executor that nobody refers to any more, never shut down: its workers may go. */
const forgotten = new FinalizationRegistry<{ tasks: Queue<number>; kept: Set<SentFunction> }>(({ tasks, kept }) => {
  tasks.shutdown();
  forgetAll(kept);
});

function forgetAll(kept: Set<SentFunction>): void {
  for (const sent of kept) forgetFunction(sent);
  kept.clear();
}

/** An inline function is another one at each submit; what was sent of it goes when it does. */
const collected = new FinalizationRegistry<{ kept: Set<SentFunction>; sent: SentFunction }>(({ kept, sent }) => {
  if (kept.delete(sent)) forgetFunction(sent);
});
