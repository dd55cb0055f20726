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
import { BrokenExecutor, RuntimeError, WorkerCrashedError } from '../errors.ts';
import {
  addressOf,
  checkOptions,
  EXECUTOR,
  EXECUTOR_STATE,
  heap,
  ISOLATE,
  SENT_AS,
  type SentAs,
  THREAD,
  wake,
} from '../memory/index.ts';
import type { Queue } from '../queue/index.ts';
import { Thread } from '../threading/index.ts';
import type { CallSite } from './call-site.ts';
import { because, crashOf } from './crash.ts';
import { Endings } from './endings.ts';
import { Executor, type ExecutorStatistics, type ShutdownOptions, type TaskOptions } from './executor.ts';
import { ExecutorRecord } from './executor-record.ts';
import { forgotten } from './forgotten.ts';
import type { Future } from './future.ts';
import { keepForOthers, keepNoLonger } from './kept-for-others.ts';
import type { Submitter } from './map.ts';
import type { Pool } from './pool.ts';
import { type AnyFunction, checkPoolOptions, type ThreadPoolOptions } from './pool-options.ts';
import { CANCEL, END, receiveExecutor, WANTED } from './sent-executor.ts';
import { Stop } from './stop.ts';
import { Submissions } from './submissions.ts';
import { TaskRing } from './task-ring.ts';
import { LEFT, type Outcome, serve, UNOBSERVED, type WorkerOptions } from './worker.ts';

let made = 0;

/** For whoever subscribes: `{ executor, worker, error }`. */
const crashed = channel('telaio:worker:crash');

export class ThreadPoolExecutor extends Executor {
  readonly #options: ThreadPoolOptions;
  readonly #maxWorkers: number;
  readonly #prefix: string;
  readonly #ring = new TaskRing();
  readonly #submissions: Submissions;
  readonly #workers = new Set<Thread>();
  /** Workers that have said that they are up. */
  readonly #ready = new Set<number>();
  readonly #endings = new Endings((worker) => this.#record?.noteEnded(worker.ident ?? 0));
  #workerCount = 0;
  #functionCount = 0;
  #closed = false;
  #over = false;
  #broken: BrokenExecutor | undefined;
  #idle: (() => void)[] = [];
  /** Once it was sent to another thread; and the threads that submit there. */
  #record: ExecutorRecord | undefined;
  readonly #submitters = new Map<Queue<Outcome>, number>();
  readonly #listening = new Stop();

  constructor(options: ThreadPoolOptions = {}) {
    super();
    checkPoolOptions(options);
    this.#options = options;
    this.#maxWorkers = options.maxWorkers ?? availableParallelism();
    this.#prefix = options.threadNamePrefix ?? `ThreadPoolExecutor-${made++}`;
    this.#submissions = new Submissions(this.#pool(), false);
    forgotten.register(this, { tasks: this.#ring.tasks, listening: this.#listening });
  }

  /** @internal */
  submitWith(options: TaskOptions | undefined, fn: AnyFunction, args: unknown[], above: AnyFunction): Future<unknown> {
    return this.#submissions.submit(options, fn, args, above);
  }

  /** Resolves when every task is done and, unless `wait` is false, every worker has ended. */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkOptions(options, 'shutdown', this, ['wait', 'cancelFutures']);
    const { wait = true, cancelFutures = false } = options;
    this.#closed = true;
    this.#setState(EXECUTOR_STATE.SHUT_DOWN);
    if (cancelFutures) {
      this.#submissions.cancelAll();
      this.#tellSubmitters([0, null, CANCEL]);
    }
    this.#closeWhenIdle();
    if (!wait) return;
    if (this.#submissions.pending.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#submissions.drain();
    this.#adopt();
    // Others may take the place of those that die over tasks of other threads.
    while (this.#workers.size > 0) await Promise.all([...this.#workers].map((worker) => this.#gone(worker)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
    this.#submissions.unobserved.throwAll();
  }

  statistics(): ExecutorStatistics {
    return { workers: this.#serving, ...this.#submissions.statistics() };
  }

  /** @internal */
  submitter(options: TaskOptions | undefined, site: CallSite): Submitter {
    return this.#submissions.submitter(options, site);
  }

  /** @internal In another thread: an executor with the same workers, whose futures are that thread's. */
  [SENT_AS](): SentAs {
    const record = this.#record ?? this.#makeRecord();
    if (!this.#isAtEnd()) keepForOthers(this, record);
    return { value: record, receive: receiveExecutor };
  }

  override toString(): string {
    return `<ThreadPoolExecutor ${this.#prefix}: ${this.#serving} of ${this.#maxWorkers} workers, ${this.#submissions.pending.size} tasks>`;
  }

  #pool(): Pool {
    return {
      tasks: this.#ring.tasks,
      executor: this,
      maxWorkers: this.#maxWorkers,
      singly: this.#options.maxTasksPerWorker !== undefined,
      context: this.#options.context,
      nextFunction: () => this.#record?.nextFunction() ?? ++this.#functionCount,
      mustBeOpen: () => this.#mustBeOpen(),
      put: (task, priority) => this.#ring.put(task, priority),
      putAgain: (task, priority) => this.#ring.putAgain(task, priority),
      submitted: () => this.#hireFor(this.#submissions.pending.size),
      isBroken: () => this.#broken !== undefined,
      heard: (ident, ok, value) => this.#heard(ident, ok, value),
      lives: (ident) => this.#workerOf(ident) !== undefined,
      reach: (ident) => {
        const worker = this.#workerOf(ident);
        if (worker !== undefined) wake(heap, addressOf(worker) + THREAD.SPOT, Infinity);
      },
      end: (ident, task) => this.#endWorker(ident, task),
      mustNotBlock: () => {},
      look: () => {
        this.#endings.look();
        for (const worker of [...this.#workers]) if (!worker.isAlive()) this.#bury(worker);
      },
      idle: () => {
        for (const resolve of this.#idle.splice(0)) resolve();
        this.#closeWhenIdle();
      },
    };
  }

  #mustBeOpen(): void {
    if (this.#broken) throw new BrokenExecutor(this.#broken.message, undefined, { cause: this.#broken.cause });
    if (this.#closed) throw new RuntimeError(`${this.toString()} takes no more tasks: shutdown() was called.`);
  }

  #workerOf(ident: number): Thread | undefined {
    for (const worker of this.#workers) if (worker.ident === ident) return worker;
    return undefined;
  }

  /** Ends a worker for the sake of a task. */
  #endWorker(ident: number, task: number): void {
    if (this.#workerOf(ident) === undefined) this.#adopt();
    const worker = this.#workerOf(ident);
    if (worker === undefined) return;
    this.#endings.begin(worker, task);
    this.#replace();
  }

  /** Workers that take tasks. */
  get #serving(): number {
    return this.#workers.size - this.#endings.leaving;
  }

  /** Another worker, if there are more tasks than workers. */
  #hireFor(tasks: number): void {
    if (this.#serving >= this.#maxWorkers || tasks <= this.#serving) return;
    this.#adopt();
    if (this.#serving >= this.#maxWorkers) return;
    try {
      this.#hire();
    } catch (error) {
      // Others will do it, if there are others.
      if (this.#workers.size === 0) throw error;
    }
  }

  #hire(): void {
    if (this.#record === undefined) {
      const worker = this.#worker();
      worker.launchQuietly();
      this.#take(worker);
    } else {
      this.#record.hire();
      this.#adopt();
    }
  }

  #worker(): Thread {
    const { initializer, initArgs = [], idleTimeout, maxTasksPerWorker, tasksPerWorker = 1 } = this.#options;
    const owner: WorkerOptions['owner'] = [heap.descriptor, heap.load(heap.descriptor + ISOLATE.EPOCH)];
    return new Thread({
      target: serve,
      args: [
        this.#ring.tasks,
        this.#ring.ranked,
        this.#submissions.outcomes,
        { initializer, initArgs, idleTimeout, maxTasksPerWorker, tasksPerWorker, owner },
      ],
      name: `${this.#prefix}_${this.#workerCount++}`,
      daemon: true,
      resourceLimits: this.#options.resourceLimits,
    }) as unknown as Thread;
  }

  #take(worker: Thread): void {
    this.#workers.add(worker);
    const weak = new WeakRef(this);
    void worker.whenEnded().then(() => {
      const executor = weak.deref();
      if (executor) executor.#bury(worker);
    });
  }

  /** Takes over workers that other threads have started while this one was blocked. */
  #adopt(): void {
    for (const worker of this.#record?.workers() ?? []) if (!this.#workers.has(worker)) this.#take(worker);
  }

  /** Resolves when a worker has ended and was buried. */
  async #gone(worker: Thread): Promise<void> {
    await worker.join();
    this.#bury(worker);
  }

  /** Of a worker: that it is up, or that its initializer failed. Or of another thread that submits: what it wants. */
  #heard(ident: number, ok: boolean | null, value: unknown): void {
    if (this.#endings.heard(this.#workerOf(ident), value)) return;
    if (ok === true) this.#cameUp(ident);
    else if (ok === false) {
      const text = (value as Error | undefined)?.message ?? value;
      this.#break(`The initializer of ${this.toString()} failed: ${text}`, value);
    } else if (Array.isArray(value) && value[0] === UNOBSERVED) this.#submissions.unobserved.addError(value[1]);
    else if (value === WANTED) {
      this.#record?.setWord(EXECUTOR.WANTED, 0);
      if (!this.#broken) this.#hireFor(this.#serving + Math.min(1, this.#ring.size));
    } else if (Array.isArray(value) && value[0] === END) {
      this.#endWorker(ident, value[1]);
      heap.release(value[1]);
    }
  }

  #cameUp(ident: number): void {
    this.#ready.add(ident);
    if (this.#record === undefined || this.#workerOf(ident) !== undefined) return;
    this.#adopt();
    if (this.#workerOf(ident) !== undefined) return;
    // Another thread had started it, and it has died since.
    this.#ready.delete(ident);
    this.#died(ident, new WorkerCrashedError(`The task's worker died: a thread of ${this.toString()}.`));
    this.#replace();
  }

  /** What a worker ran fails with `error`, here and in other threads; without one, it begins anew. */
  #died(ident: number, error: Error | undefined): void {
    this.#submissions.workerDied(ident, error);
    this.#tellSubmitters([-ident, null, error]);
    if (this.#broken) return;
    this.#ring.addToken();
    this.#submissions.putLost(ident);
  }

  /** Lets the workers go once there is nothing more to do, and nothing more can come. */
  #closeWhenIdle(): void {
    if (!this.#closed || this.#over || this.#submissions.pending.size > 0) return;
    this.#over = true;
    if (this.#submitters.size === 0 && this.#record === undefined) this.#ring.empty();
    this.#ring.close();
    this.#submissions.close();
    // Other threads may have put tasks in since the last worker left.
    this.#replace();
    if (this.#workers.size === 0) this.#end();
  }

  /** A worker has ended: as it should, or leaving a task behind. */
  #bury(worker: Thread): void {
    // What it had finished counts.
    if (this.#workers.has(worker)) this.#submissions.drain();
    if (!this.#workers.delete(worker)) return;
    const ident = worker.ident ?? 0;
    const cameUp = this.#ready.delete(ident);
    const cause = worker.failure();
    const died = worker.returned() !== LEFT;
    const doomed = this.#endings.gone(worker);
    if (died && ident !== 0) {
      if (!doomed && crashed.hasSubscribers) crashed.publish({ executor: this, worker: worker.name, error: cause });
      this.#died(ident, doomed ? undefined : crashOf(worker, cause));
    }
    // The next would do no better, unless somebody ended this one from outside.
    if (died && !cameUp && !worker.wasTerminated() && !this.#broken) {
      this.#break(`A worker of ${this.toString()} died before it could work${because(cause)}`, cause);
    }
    this.#replace();
    if (this.#over && this.#workers.size === 0) this.#end();
  }

  /** As many workers as there are tasks for. */
  #replace(): void {
    if (this.#broken || (this.#over && this.#record === undefined)) return;
    const others = this.#record === undefined ? 0 : this.#ring.size;
    while (this.#submissions.pending.size + others > this.#serving && this.#serving < this.#maxWorkers) {
      try {
        this.#hire();
      } catch (error) {
        if (this.#workers.size === 0) this.#break(`${this.toString()} can't start a worker${because(error)}`, error);
        return;
      }
    }
  }

  #break(message: string, cause: unknown): void {
    this.#broken = new BrokenExecutor(`${message.replace(/\.$/, '')}. Nothing can run in it any more.`, undefined, {
      cause,
    });
    this.#closed = true;
    this.#setState(EXECUTOR_STATE.BROKEN);
    this.#submissions.failAll(this.#broken);
    this.#tellSubmitters([0, false, this.#broken]);
    this.#closeWhenIdle();
  }

  #makeRecord(): ExecutorRecord {
    const singly = this.#options.maxTasksPerWorker !== undefined;
    const { resourceLimits } = this.#options;
    const facts = { maxWorkers: this.#maxWorkers, singly, prefix: this.#prefix, resourceLimits };
    const record = new ExecutorRecord(this.#ring, this.#submissions.outcomes, this.#worker().prepare(), facts);
    record.setWord(EXECUTOR.FUNCTIONS, this.#functionCount);
    record.setWord(EXECUTOR.WORKERS, this.#workerCount - 1);
    for (const worker of this.#workers) worker.belongsTo(addressOf(record));
    record.stand(() => this);
    this.#record = record;
    if (this.#broken) this.#setState(EXECUTOR_STATE.BROKEN);
    else if (this.#closed) this.#setState(EXECUTOR_STATE.SHUT_DOWN);
    // So that tasks are done even while this thread blocks.
    else if (this.#workers.size === 0) this.#hire();
    void listen(new WeakRef(this.#submissions), this.#submissions.outcomes, this.#listening);
    return record;
  }

  #setState(state: number): void {
    this.#record?.setWord(EXECUTOR.STATE, state);
  }

  #tellSubmitters(outcome: Outcome): void {
    if (this.#record === undefined) return;
    const { submitters } = this.#record;
    for (let one = submitters.tryGet(); one !== undefined; one = submitters.tryGet()) this.#submitters.set(...one);
    for (const [outcomes, ident] of this.#submitters) {
      if (heap.descriptorOf(ident) === 0) this.#submitters.delete(outcomes);
      else outcomes.putSync(outcome);
    }
  }

  /** The last worker is gone, and there will be no other. */
  #end(): void {
    this.#listening.abort();
    keepNoLonger(this);
  }

  #isAtEnd(): boolean {
    return this.#listening.aborted;
  }
}

/**
 * Hears what other threads want of an executor while nothing of this thread's own is pending, without keeping the process;
 * nor the executor, which nobody may refer to any more.
 */
async function listen(executor: WeakRef<Submissions>, outcomes: Queue<Outcome>, listening: Stop): Promise<void> {
  try {
    for (;;) {
      await outcomes.untilItem(listening.signal, false);
      // Not by a variable of this function, which would keep it during the wait.
      executor.deref()?.drain();
    }
  } catch (error) {
    if (!listening.aborted) throw error;
  }
}
