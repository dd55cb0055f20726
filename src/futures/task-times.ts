/**
 * When tasks began and ended: for the statistics, and for those that have a timeout, which counts from the task's own
 * start. The start is read from the task's block, so the worker tells nobody.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { heap, TASK, TASK_FLAG, TASK_STATE } from '../memory/index.ts';
import type { Future } from './future.ts';

type AnyFuture = Future<unknown>;

/** Every task up to here is timed, then one in so many: two clocks cost as much as an empty task. */
const ALL_UP_TO = 1000;
const ONE_IN = 16;

export class TaskTimes {
  readonly #wait: RecordableHistogram = createHistogram();
  readonly #run: RecordableHistogram = createHistogram();
  readonly #timers = new Map<AnyFuture, NodeJS.Timeout>();
  readonly #expire: (future: AnyFuture) => void;
  #submitted = 0;

  /** `expire` is called for a task that has run for longer than its timeout. */
  constructor(expire: (future: AnyFuture) => void) {
    this.#expire = expire;
  }

  /** Before the task is put in. */
  prepare(future: AnyFuture): void {
    const { timeout } = future.options;
    const recorded = this.#submitted++ < ALL_UP_TO || this.#submitted % ONE_IN === 0;
    if (!recorded && timeout === undefined) return;
    heap.i32[future.task + TASK.FLAGS] |= TASK_FLAG.TIMED;
    if (recorded) future.submitted = now();
    if (timeout !== undefined && timeout !== Infinity) this.#arm(future, timeout);
  }

  /** The task is to run once more. */
  again(future: AnyFuture): void {
    heap.f64[(future.task + TASK.STARTED) >> 1] = 0;
    const { timeout } = future.options;
    if (timeout !== undefined && timeout !== Infinity) this.#arm(future, timeout);
  }

  /** The task has ended, in whatever way. */
  ended(future: AnyFuture, ran: boolean): void {
    if (this.#timers.size > 0) {
      clearTimeout(this.#timers.get(future));
      this.#timers.delete(future);
    }
    if (!ran || future.submitted === 0) return;
    const started = heap.f64[(future.task + TASK.STARTED) >> 1];
    const ended = heap.f64[(future.task + TASK.ENDED) >> 1];
    if (started === 0 || ended === 0) return;
    this.#wait.record(nanoseconds(started - future.submitted));
    this.#run.record(nanoseconds(ended - started));
  }

  /** Looks at the clock itself: for a thread that blocks, whose timers stand still. */
  look(): void {
    for (const future of [...this.#timers.keys()]) this.#check(future);
  }

  percentiles(): { wait: { p50: number; p99: number }; run: { p50: number; p99: number } } {
    return { wait: percentilesOf(this.#wait), run: percentilesOf(this.#run) };
  }

  #arm(future: AnyFuture, milliseconds: number): void {
    const timer = setTimeout(() => this.#check(future), Math.min(Math.ceil(milliseconds), 2 ** 31 - 1));
    // The pump keeps the process while there are tasks.
    timer.unref();
    clearTimeout(this.#timers.get(future));
    this.#timers.set(future, timer);
  }

  #check(future: AnyFuture): void {
    const timeout = future.options.timeout as number;
    const { task } = future;
    const started = heap.f64[(task + TASK.STARTED) >> 1];
    const state = heap.load(task + TASK.STATE);
    // Not begun, or just now: the clock starts with it.
    const left = state === TASK_STATE.PENDING || started === 0 ? Math.max(1, timeout) : started + timeout - now();
    if (left > 0) {
      this.#arm(future, left);
      return;
    }
    // `look` calls this while the timer still runs: one that is left would strike whichever task gets this one's block.
    clearTimeout(this.#timers.get(future));
    this.#timers.delete(future);
    // Its outcome is on the way.
    if (state !== TASK_STATE.DONE) this.#expire(future);
  }
}

/** Milliseconds on a clock that all threads share. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function nanoseconds(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds * 1e6));
}

function percentilesOf(histogram: RecordableHistogram): { p50: number; p99: number } {
  if (histogram.count === 0) return { p50: 0, p99: 0 };
  return { p50: histogram.percentile(50) / 1e6, p99: histogram.percentile(99) / 1e6 };
}
