/**
 * What one thread has submitted to an executor: encodes tasks and puts them in, receives their outcomes, settles their
 * futures. How there come to be workers is the business of the `Pool` behind it: the executor itself in the thread that
 * made it, a `SentExecutor` in all others.
 */
import { channel } from 'node:diagnostics_channel';
import { CancelledError, CloneError, RuntimeError, TimeoutError, WorkerCrashedError } from '../errors.ts';
import { addressOf, heap, leavingWith, letGo, TASK, TASK_FLAG, TASK_FORM, TASK_STATE } from '../memory/index.ts';
import { Queue } from '../queue/index.ts';
import { mayStartThreads } from '../threading/internal.ts';
import { Abandoned } from './abandoned.ts';
import { addCallSite, type CallSite, CallSites } from './call-site.ts';
import { CircleWatch } from './circles.ts';
import { storesOf } from './context.ts';
import { storeReason } from './crash.ts';
import type { ExecutorStatistics, TaskOptions } from './executor.ts';
import { collected, forgetAll, submitted as registry } from './forgotten.ts';
import { Future, type FutureSource, runningLast } from './future.ts';
import { Inbox, opened } from './inbox.ts';
import { LostTasks } from './lost.ts';
import type { Submitter } from './map.ts';
import { detach, numbersFor, Outgoing, WANT } from './movings.ts';
import { Pending } from './pending.ts';
import type { Pool } from './pool.ts';
import type { AnyFunction } from './pool-options.ts';
import { Pump } from './pump.ts';
import { forgetFunction, makeTask, type SentFunction, sendFunction, storedResult } from './task.ts';
import { TaskTimes } from './task-times.ts';
import { Unobserved } from './unobserved.ts';
import type { ChunkOutcome, Outcome } from './worker.ts';

/** How long `resultSync` sleeps before it looks whether a worker has died, in milliseconds. */
const LIVENESS_MS = 50;
const SPENT =
  'The worker was ended for the sake of another task, and what was transferred with this one is gone with it.';

const CIRCLE =
  'resultSync(): nobody will ever run this task. All workers of its executor block, and what they wait for needs this thread. Await the future instead, or give the executor more workers.';

/** What happens in executors, for whoever subscribes: `{ executor, future, … }`. Starts are told in the workers' threads. */
const submitted = channel('telaio:task:submit');
const ended = channel('telaio:task:end');
const failed = channel('telaio:task:fail');

export class Submissions implements FutureSource {
  readonly outcomes = new Queue<Outcome>();
  readonly pending = new Pending();
  /** Functions whose messages are kept until this executor is over. */
  readonly kept = new Set<SentFunction>();
  readonly counts = { done: 0, failed: 0, cancelled: 0 };
  readonly #pool: Pool;
  /** The address of `outcomes` for the workers to know it by, 0 for the executor's own. */
  readonly #reply: number;
  readonly #sent = new WeakMap<AnyFunction, SentFunction>();
  readonly unobserved = new Unobserved();
  readonly #times = new TaskTimes((future) => this.#expire(future));
  readonly #abandoned = new Abandoned();
  readonly #callSites = new CallSites();
  /** The tasks of each signal that are pending, and the listener for them. */
  readonly #heeding = new Map<AbortSignal, { futures: Set<Future<unknown>>; abort: () => void }>();
  readonly #lost: LostTasks;
  #endedAtLook = 0;
  readonly #inbox = new Inbox(this.outcomes);
  readonly #pump = new Pump(
    this.outcomes,
    () => this.drain(),
    () => this.pending.size,
  );
  /** What was transferred, and the ports for it. */
  #outgoing: Outgoing | undefined;

  constructor(pool: Pool, sent: boolean) {
    this.#pool = pool;
    this.#lost = new LostTasks(this.pending, pool);
    this.#reply = sent ? addressOf(this.outcomes) : 0;
    registry.register(this, this.kept);
  }

  /** For the public function `above`, whose caller is the submitter. */
  submit(options: TaskOptions | undefined, fn: AnyFunction, args: unknown[], above: AnyFunction): Future<unknown> {
    this.#pool.mustBeOpen();
    options?.signal?.throwIfAborted();
    if (typeof fn !== 'function') throw new TypeError(`submit(${String(fn)}): give a function, then its arguments.`);
    const sent = this.#sent.get(fn) ?? this.#send(fn);
    const future = new Future<unknown>(this);
    future.callSite = this.#callSites.below(above, this.pending.size === 0);
    try {
      this.#enqueue(future, this.#make(sent, TASK_FORM.CALL, args, fn, options), options);
    } finally {
      if (sent.id === 0) forgetFunction(sent);
    }
    return future;
  }

  submitter(options: TaskOptions | undefined, site: CallSite): Submitter {
    return {
      workers: this.#pool.maxWorkers,
      singly: this.#pool.singly || options?.timeout !== undefined || options?.retries !== undefined,
      chunksOf: (fn) => {
        this.#pool.mustBeOpen();
        options?.signal?.throwIfAborted();
        if (options?.transfer !== undefined)
          throw new TypeError('map: transfer is for submit, whose arguments it names.');
        if (typeof fn !== 'function')
          throw new TypeError(`map(${String(fn)}, …): give a function first, then the items.`);
        const sent = this.#sent.get(fn) ?? this.#send(fn, true);
        const cached = this.#sent.get(fn) === sent;
        let open = true;
        return {
          submit: (items) => {
            this.#pool.mustBeOpen();
            const future = new Future<ChunkOutcome>(this);
            future.chunk = items.length;
            future.callSite = site;
            const entry = this.#make(sent, TASK_FORM.CHUNK, items, fn, options);
            this.#enqueue(future as Future<unknown>, entry, options);
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

  isRunning(future: Future<unknown>): boolean {
    return future.entry !== 0 && heap.load(future.task + TASK.STATE) > 0;
  }

  withdraw(future: Future<unknown>): boolean {
    const { task, entry } = future;
    if (entry === 0) return false;
    if (heap.cas(task + TASK.STATE, TASK_STATE.PENDING, TASK_STATE.CANCELLED) !== TASK_STATE.PENDING) return false;
    this.counts.cancelled++;
    this.#forget(future, false);
    // After the future is settled, which the caller does now.
    queueMicrotask(() => this.#afterOutcome());
    return true;
  }

  interrupt(future: Future<unknown>, reason: unknown, force: boolean): boolean {
    if (future.done()) return force && this.#endAbandoned(future);
    if (!this.#ask(future, reason, force)) return false;
    if (force) this.#abandon(future, 'cancelled');
    return true;
  }

  drive(future: Future<unknown>, deadline: number): void {
    this.#pool.mustNotBlock();
    const circle = new CircleWatch(this.#pool.tasks);
    while (!future.done()) {
      this.drain();
      const left = deadline - performance.now();
      if (future.done() || left <= 0) return;
      // Not always as long: two threads that look at each other must not do so at the same moments.
      const slice = LIVENESS_MS * (1 + Math.random() / 2);
      circle.during(left < Infinity, () => this.outcomes.blockUntilItem(Math.min(left, slice)));
      if (left === Infinity && this.outcomes.empty() && circle.look()) throw new RuntimeError(CIRCLE);
      this.#times.look();
      this.#pool.look();
      this.#lost.look();
    }
  }

  observed(future: Future<unknown>): void {
    this.unobserved.delete(future);
  }

  /** Withdraws what no worker has begun, and asks to stop what runs. */
  cancelAll(): void {
    for (const future of runningLast(this.pending.all())) future.cancel({ force: false });
  }

  statistics(): Omit<ExecutorStatistics, 'workers'> {
    let running = 0;
    for (const { task } of this.pending.all()) if (heap.load(task + TASK.STATE) !== TASK_STATE.PENDING) running++;
    return { queued: this.pending.size - running, running, ...this.counts, ...this.#times.percentiles() };
  }

  drain(): void {
    for (let outcome = this.#inbox.next(); outcome !== undefined; outcome = this.#inbox.next()) {
      if (typeof outcome === 'number') {
        this.#settleStored(outcome);
        continue;
      }
      const received = opened(outcome);
      if (received === undefined) continue;
      const [task, ok, value] = received;
      if (task <= 0 && Array.isArray(value) && value[0] === WANT) this.#give(value[1] as number, -task);
      else if (task <= 0) this.#pool.heard(-task, ok, value);
      else if (ok === null) this.pending.get(task)?.tell(value);
      else if (!this.#abandoned.forget(task)) this.#settle(this.pending.get(task), ok, value);
    }
  }

  /**
   * The worker `ident` is gone. What it ran fails with `error`, or begins anew where there is none: then it was ended for
   * the sake of another task.
   */
  workerDied(ident: number, error: unknown): void {
    this.#abandoned.workerDied(ident);
    const held = this.pending.all().filter(({ task }) => heap.load(task + TASK.STATE) === ident);
    for (const future of held) {
      const { task } = future;
      // What runs when one of them is settled may have withdrawn others.
      if (future.entry === 0 || heap.load(task + TASK.STATE) !== ident) continue;
      if (error === undefined && !this.#isSpent(task)) {
        this.#times.again(future);
        heap.store(task + TASK.STATE, TASK_STATE.PENDING);
      } else this.#settle(future, false, error ?? new WorkerCrashedError(SPENT), held.length === 1);
    }
  }

  /** Idents of workers that are gone and ran tasks of this thread. */
  missing(): Set<number> {
    const gone = new Set<number>();
    for (const task of [...this.pending.all().map((future) => future.task), ...this.#abandoned.tasks()]) {
      const ident = heap.load(task + TASK.STATE);
      if (ident > 0 && heap.descriptorOf(ident) === 0) gone.add(ident);
    }
    return gone;
  }

  /** The worker `ident` is gone, or about to go: what it had taken and not begun goes in again. */
  putLost(ident: number): void {
    this.#lost.leftBy(ident);
  }

  /** For a thread whose maker may be blocked, and tell of no death: looks for what is lost when nothing has ended of late. */
  putLostWhenStill(): void {
    const { done, failed, cancelled } = this.counts;
    const ended = done + failed + cancelled;
    if (ended === this.#endedAtLook) this.#lost.find();
    this.#endedAtLook = ended;
  }

  /** Every task fails: nothing can run any more. */
  failAll(error: unknown): void {
    for (const future of this.pending.all()) {
      if (future.entry === 0) continue;
      heap.cas(future.task + TASK.STATE, TASK_STATE.PENDING, TASK_STATE.CANCELLED);
      this.#settle(future, false, error, false);
    }
  }

  /** Nothing will be submitted any more. */
  close(): void {
    forgetAll(this.kept);
    this.#outgoing?.close();
  }

  /** The entry of a task's block. */
  #make(sent: SentFunction, form: number, args: unknown[], fn: AnyFunction, options: TaskOptions | undefined): number {
    const context = options?.context ?? this.#pool.context;
    const stores = context === undefined ? undefined : storesOf(context, fn);
    if (!options?.transfer?.length) return makeTask(sent, form, args, stores);
    this.#outgoing ??= new Outgoing();
    const numbers = numbersFor(options.transfer);
    const entry = leavingWith(numbers, () => makeTask(sent, form, args, stores));
    const task = heap.i32[entry];
    try {
      this.#outgoing.add(task, detach(numbers));
    } catch (error) {
      letGo(entry);
      throw error;
    }
    heap.i32[task + TASK.FLAGS] |= TASK_FLAG.MOVED;
    return entry;
  }

  /** Whether what was transferred with a task has gone to a worker, so that it can't be run by another. */
  #isSpent(task: number): boolean {
    return (heap.load(task + TASK.FLAGS) & TASK_FLAG.MOVED) !== 0 && !this.#outgoing?.has(task);
  }

  /** Encodes a function. One that captures nothing is the same each time, and kept; else (`keep` apart) it has no number. */
  #send(fn: AnyFunction, keep = false): SentFunction {
    // Looking into a new function takes a while, and so does that.
    mayStartThreads();
    const sent = sendFunction(this.#pool.nextFunction(), fn);
    if (sent.constant) {
      this.#sent.set(fn, sent);
      this.kept.add(sent);
      collected.register(fn, { kept: this.kept, sent });
    } else if (!keep) {
      sent.id = 0;
    }
    return sent;
  }

  #enqueue(future: Future<unknown>, entry: number, options: TaskOptions | undefined): void {
    future.entry = entry;
    const { task } = future;
    if (this.#reply !== 0) {
      heap.retain(this.#reply);
      heap.i32[task + TASK.REPLY] = this.#reply;
    }
    if (options !== undefined) this.#heed(future, options);
    this.pending.add(future);
    this.#times.prepare(future);
    if (submitted.hasSubscribers) submitted.publish({ executor: this.#pool.executor, future });
    // Whoever heard of it may have cancelled it.
    if (future.entry === 0) return;
    try {
      this.#pool.put(task, options?.priority ?? 0);
      this.#pool.submitted(future);
    } catch (error) {
      // Unless a worker was faster: then it is in.
      if (this.withdraw(future)) throw error;
    }
    this.#pump.start();
  }

  #heed(future: Future<unknown>, options: TaskOptions): void {
    future.options = options;
    if (options.signal !== undefined) this.#heedSignal(future, options.signal);
  }

  /** One listener for all tasks of a signal: V8 goes through all there are for each that is added. */
  #heedSignal(future: Future<unknown>, signal: AbortSignal): void {
    let heeding = this.#heeding.get(signal);
    if (heeding === undefined) {
      const futures = new Set<Future<unknown>>();
      const abort = (): void => {
        for (const each of runningLast([...futures])) this.#aborted(each, signal.reason);
      };
      heeding = { futures, abort };
      this.#heeding.set(signal, heeding);
      signal.addEventListener('abort', abort, { once: true });
    }
    const { futures, abort } = heeding;
    futures.add(future);
    future.onDone(() => {
      futures.delete(future);
      if (futures.size > 0 || this.#heeding.get(signal)?.futures !== futures) return;
      this.#heeding.delete(signal);
      signal.removeEventListener('abort', abort);
    });
  }

  /** A worker asks for what was transferred with a task, or for a way to send something with its result. */
  #give(task: number, ident: number): void {
    try {
      this.#outgoing ??= new Outgoing();
      this.#outgoing.give(task, ident);
    } catch (error) {
      // No way from here to the worker: it will notice that nobody waits for the task any more.
      const future = this.pending.get(task);
      if (future !== undefined) future.retries = 0;
      this.#settle(future, false, error);
    }
  }

  /** A task ended well, and its value needs no message. */
  #settleStored(task: number): void {
    const future = this.pending.get(task);
    if (future === undefined) {
      this.#abandoned.forget(task);
      return;
    }
    const value = storedResult(task);
    this.#forget(future, true);
    this.counts.done++;
    if (ended.hasSubscribers) ended.publish({ executor: this.#pool.executor, future });
    future.settleValue(value);
    this.#afterOutcome();
  }

  /** With an error that other tasks fail with too, unless it is its `own`. */
  #settle(future: Future<unknown> | undefined, ok: boolean, value: unknown, own = true): void {
    if (future === undefined) return;
    const failure = ok ? (future.chunk > 0 ? (value as ChunkOutcome).failed : undefined) : { error: value };
    if (failure !== undefined && this.#tryAgain(future, failure.error)) return;
    this.#forget(future, true);
    if (!ok && future.asked && value instanceof CancelledError) {
      this.counts.cancelled++;
      future.settleCancelled();
      this.#afterOutcome();
      return;
    }
    if (failure !== undefined) {
      this.counts.failed++;
      if (own) addCallSite(failure.error, future.callSite);
      this.#tell(future, failure.error);
    } else {
      this.counts.done++;
      if (ended.hasSubscribers) ended.publish({ executor: this.#pool.executor, future });
    }
    future.settle(ok ? { state: 'value', value } : { state: 'error', error: value });
    if (failure !== undefined) this.unobserved.add(future);
    this.#afterOutcome();
  }

  /** A task that failed goes in again, unless it was asked to stop or could never end otherwise. */
  #tryAgain(future: Future<unknown>, error: unknown): boolean {
    if (future.retries === 0 || future.asked || this.#pool.isBroken() || error instanceof CloneError) return false;
    if (this.#isSpent(future.task)) return false;
    future.retries--;
    const { task } = future;
    this.#times.again(future);
    heap.store(task + TASK.STATE, TASK_STATE.PENDING);
    this.#pool.putAgain(task, future.options.priority ?? 0);
    return true;
  }

  /** Tells a task that runs to stop; with `force` its worker is ended. False when it doesn't run any more. */
  #ask(future: Future<unknown>, reason: unknown, force: boolean): boolean {
    const { task, entry } = future;
    const ident = entry === 0 ? 0 : heap.load(task + TASK.STATE);
    if (ident <= 0 || !this.#pool.lives(ident)) return false;
    if (!future.asked) {
      future.ask();
      heap.i32[task + TASK.REASON] = storeReason(reason);
      heap.or(task + TASK.FLAGS, TASK_FLAG.CANCEL);
    }
    this.#pool.reach(ident);
    if (force) this.#end(task, ident);
    return true;
  }

  /** Ends the worker of a task that goes on though its future is settled. */
  #endAbandoned(future: Future<unknown>): boolean {
    const task = this.#abandoned.taskOf(future);
    const ident = task === 0 ? 0 : heap.load(task + TASK.STATE);
    if (ident <= 0 || !this.#pool.lives(ident)) return false;
    this.#end(task, ident);
    return true;
  }

  #end(task: number, ident: number): void {
    heap.or(task + TASK.FLAGS, TASK_FLAG.FORCE);
    this.#pool.end(ident, task);
  }

  /** Nobody waits for this task any more, though it runs. */
  #abandon(future: Future<unknown>, as: 'failed' | 'cancelled'): void {
    this.counts[as]++;
    this.#times.ended(future, false);
    const { task, entry } = future;
    this.pending.delete(future);
    this.#abandoned.add(task, entry, future);
    future.entry = 0;
    queueMicrotask(() => this.#afterOutcome());
  }

  /** A task has run for longer than its timeout. */
  #expire(future: Future<unknown>): void {
    if (future.entry === 0) return;
    const { timeout, force = false } = future.options;
    const error = new TimeoutError(`The task ran for longer than its timeout of ${timeout} ms.`);
    if (!this.#ask(future, error, force)) return;
    this.#abandon(future, 'failed');
    addCallSite(error, future.callSite);
    this.#tell(future, error);
    future.settle({ state: 'error', error });
    this.unobserved.add(future);
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

  /** A failure, to whoever subscribes. */
  #tell(future: Future<unknown>, error: unknown): void {
    if (failed.hasSubscribers) failed.publish({ executor: this.#pool.executor, future, error });
  }

  #forget(future: Future<unknown>, ran: boolean): void {
    const { task } = future;
    this.#times.ended(future, ran);
    this.#outgoing?.forget(task);
    this.pending.delete(future);
    letGo(future.entry);
    future.entry = 0;
  }

  #afterOutcome(): void {
    if (this.pending.size > 0) return;
    this.#pump.stop();
    this.#pool.idle();
  }
}
