/**
 * An executor in a thread that it was sent to: tasks go into the same ring, and their outcomes come back to this thread.
 * Workers are the business of the thread that made it, unless that blocks.
 */
import { BrokenExecutor, RuntimeError, ShutDown, WorkerCrashedError } from '../errors.ts';
import { exportedFrom } from '../functions/index.ts';
import { EXECUTOR, EXECUTOR_STATE, heap, ISOLATE, SENT_AS, type SentAs, THREAD, wake } from '../memory/index.ts';
import type { Queue } from '../queue/index.ts';
import type { CallSite } from './call-site.ts';
import { askToLeave } from './endings.ts';
import { Executor, type ExecutorStatistics, type TaskOptions } from './executor.ts';
// Also for its effect: whoever imports this module is about to receive such a record.
import './executor-record.ts';
import type { ExecutorRecord, Facts } from './executor-record.ts';
import type { Future } from './future.ts';
import type { Submitter } from './map.ts';
import { nested } from './nested.ts';
import type { Pool } from './pool.ts';
import type { AnyFunction } from './pool-options.ts';
import { Submissions } from './submissions.ts';
import { TaskRing } from './task-ring.ts';
import type { Outcome } from './worker.ts';

/** How often a thread that waits for outcomes looks whether their workers, and the executor, still live; milliseconds. */
const LIVENESS_MS = 500;

/** How long the executor's own thread has to tell of a worker's death, in milliseconds. */
const TOLD_MS = 1_000;

/** How long one relies on there being as many workers as there may be, in milliseconds: to count them takes a while. */
const ENOUGH_MS = 50;

/** How long it has to start a worker, in milliseconds; then the thread that wants one does it. */
const ANSWER_MS = 300;

/** What a thread that submits tells the executor's own. */
export const WANTED = 'wanted';
export const END = 'end';
/** What it tells them. */
export const CANCEL = 'cancel';

export class SentExecutor extends Executor {
  readonly #record: ExecutorRecord;
  readonly #facts: Facts;
  readonly #ring: TaskRing;
  readonly #owner: Queue<Outcome>;
  readonly #submissions: Submissions;
  #listed = false;
  #looking: NodeJS.Timeout | undefined;
  /** Since when one more worker has been wanted and has not come; 0 if none is. */
  #wantedSince = 0;
  #enoughUntil = 0;
  /** Workers of whose death nobody has told, though they were gone at the last look. */
  readonly #missing = new Map<number, number>();

  constructor(record: ExecutorRecord) {
    super();
    this.#record = record;
    this.#facts = record.facts;
    this.#ring = new TaskRing(record.tasks, record.ranked);
    this.#owner = record.outcomes;
    this.#submissions = new Submissions(this.#pool(), true);
  }

  /** @internal */
  submitWith(options: TaskOptions | undefined, fn: AnyFunction, args: unknown[], above: AnyFunction): Future<unknown> {
    return this.#submissions.submit(options, fn, args, above);
  }

  /** @internal */
  submitter(options: TaskOptions | undefined, site: CallSite): Submitter {
    return this.#submissions.submitter(options, site);
  }

  /** Only where it was made: throws `RuntimeError`. */
  async shutdown(): Promise<void> {
    throw new RuntimeError(`${this.toString()} was made by another thread: shut it down there.`);
  }

  /** All workers; of tasks, those that this thread has submitted. */
  statistics(): ExecutorStatistics {
    return { workers: this.#record.serving().length, ...this.#submissions.statistics() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** @internal */
  [SENT_AS](): SentAs {
    return { value: this.#record, receive: receiveExecutor };
  }

  override toString(): string {
    return `<ThreadPoolExecutor ${this.#facts.prefix}, sent here>`;
  }

  #pool(): Pool {
    const record = this.#record;
    const { maxWorkers, singly } = this.#facts;
    return {
      tasks: this.#ring.tasks,
      executor: this,
      maxWorkers,
      singly,
      context: undefined,
      nextFunction: () => record.nextFunction(),
      mustBeOpen: () => this.#mustBeOpen(),
      put: (task, priority) => this.#put(task, priority),
      putAgain: (task, priority) => {
        this.#ring.putAgain(task, priority);
        this.#wanted();
      },
      submitted: (future) => {
        nested.began(future, this.#ring.tasks, this.#submissions.unobserved);
        this.#wanted();
      },
      isBroken: () => record.state === EXECUTOR_STATE.BROKEN,
      heard: (ident, ok, value) => this.#heard(ident, ok, value),
      lives: (ident) => heap.descriptorOf(ident) !== 0,
      reach: (ident) => {
        const descriptor = heap.descriptorOf(ident);
        const thread = descriptor === 0 ? 0 : heap.load(descriptor + ISOLATE.THREAD);
        if (thread !== 0) wake(heap, thread + THREAD.SPOT, Infinity);
      },
      end: (ident, task) => {
        // With a count of the task, which may have ended when this is heard.
        heap.retain(task);
        this.#owner.putSync([-ident, null, [END, task]]);
        // Its maker may block: then this thread sees to another in its place.
        askToLeave(ident);
        this.#enoughUntil = 0;
      },
      look: () => this.#look(),
      mustNotBlock: () => nested.mustNotBlock(this.#ring.tasks, this),
      idle: () => {
        clearInterval(this.#looking);
        this.#looking = undefined;
      },
    };
  }

  #mustBeOpen(): void {
    const { state } = this.#record;
    if (state === EXECUTOR_STATE.BROKEN) {
      throw new BrokenExecutor(`${this.toString()} can't run anything any more: it is broken, or its maker has ended.`);
    }
    if (state !== EXECUTOR_STATE.OPEN) {
      throw new RuntimeError(`${this.toString()} takes no more tasks: shutdown() was called.`);
    }
    if (this.#listed) return;
    this.#listed = true;
    // Before the first task is in: who looks after a worker that died must know whom to tell.
    const { submitters } = this.#record;
    submitters.putSync([this.#submissions.outcomes, heap.ident]);
    // Two looks at each that comes: those that have ended don't pile up.
    for (let looks = 0; looks < 2; looks++) {
      const other = submitters.tryGet();
      if (other !== undefined && heap.descriptorOf(other[1]) !== 0) submitters.putSync(other);
    }
  }

  #put(task: number, priority: number): void {
    try {
      this.#ring.put(task, priority);
    } catch (error) {
      if (error instanceof ShutDown) {
        throw new RuntimeError(`${this.toString()} takes no more tasks: shutdown() was called.`);
      }
      throw error;
    }
    this.#looking ??= setInterval(() => this.#look(), LIVENESS_MS).unref();
  }

  /** Sees to one more worker when there may be, and tasks wait for one: by its maker, or itself where that blocks. */
  #wanted(): void {
    const record = this.#record;
    const now = performance.now();
    if (now < this.#enoughUntil) return;
    if (this.#ring.size === 0) {
      this.#wantedSince = 0;
      return;
    }
    if (record.serving().length >= this.#facts.maxWorkers) {
      this.#enoughUntil = now + ENOUGH_MS;
      this.#wantedSince = 0;
      return;
    }
    if (record.claim(EXECUTOR.WANTED)) this.#owner.putSync([0, null, WANTED]);
    if (this.#wantedSince === 0) this.#wantedSince = now;
    if (now - this.#wantedSince < ANSWER_MS) return;
    this.#wantedSince = now;
    try {
      record.hire();
    } catch {
      // There is no room for it, or this thread can't start any now: it is tried again.
    }
  }

  /** From the executor's own thread. */
  #heard(ident: number, ok: boolean | null, value: unknown): void {
    if (ident !== 0) this.#died(ident, value);
    else if (ok === false) this.#submissions.failAll(value);
    else if (value === CANCEL) this.#submissions.cancelAll();
  }

  /** A worker died, and this is what the tasks that it ran fail with; or, for a worker that was ended, begin anew. */
  #died(ident: number, error: unknown): void {
    this.#missing.delete(ident);
    this.#enoughUntil = 0;
    this.#submissions.workerDied(ident, error);
    this.#ring.addToken();
    this.#submissions.putLost(ident);
    this.#wanted();
  }

  /** The executor's own thread tells of deaths, unless it has died itself, or blocks for ever. */
  #look(): void {
    if (!this.#record.hasOwner) {
      this.#submissions.failAll(
        new BrokenExecutor(`${this.toString()} can't run anything any more: the thread that made it has ended.`),
      );
      return;
    }
    // What they had finished counts.
    this.#submissions.drain();
    const missing = this.#submissions.missing();
    for (const ident of this.#missing.keys()) if (!missing.has(ident)) this.#missing.delete(ident);
    const now = performance.now();
    for (const ident of missing) {
      const since = this.#missing.get(ident) ?? now;
      this.#missing.set(ident, since);
      // It can say how the worker died.
      if (now - since < TOLD_MS) continue;
      const ended = this.#record.wasEnded(ident);
      const text = `The task's worker died: a thread of ${this.toString()}.`;
      this.#died(ident, ended ? undefined : new WorkerCrashedError(text));
    }
    this.#submissions.putLostWhenStill();
    this.#wanted();
  }
}

exportedFrom('futures/sent-executor', receiveExecutor, import.meta);

/** What an executor is made of again where it arrives. */
export function receiveExecutor(record: ExecutorRecord): object {
  return record.stand((it) => new SentExecutor(it));
}
