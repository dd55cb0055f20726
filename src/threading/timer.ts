/**
 * A thread that waits first, as Python's `threading.Timer`. It blocks in its own thread on an event that `cancel` sets,
 * so it needs nobody's event loop, and a cancelled one ends at once.
 */
import type { ResourceLimits } from 'node:worker_threads';
import { describeFunction } from '../functions/index.ts';
import {
  AT,
  checkOptions,
  defineChooser,
  defineVariant,
  HEAP,
  KIND,
  LET_GO,
  SharedObject,
  THREAD,
  THREAD_FLAG,
  wrapCounting,
  wrapperAt,
} from '../memory/index.ts';
import { Event } from '../sync/index.ts';
import { PAYLOAD, type Payload, Thread } from './thread.ts';
import { COMMON_OPTIONS } from './thread-options.ts';

export type TimerOptions = {
  /** As of every thread. */
  name?: string;
  daemon?: boolean;
  resourceLimits?: ResourceLimits;
};

// biome-ignore lint/suspicious/noExplicitAny: a timer of any arguments is a timer
export class Timer<A extends any[] = [], R = unknown> extends Thread<A, R | undefined> {
  /** What it will call, and with what; the thread has copies from `start` on. Not known to threads it was sent to. */
  declare function: ((...args: A) => R | Promise<R>) | undefined;
  declare args: A | undefined;

  /**
   * After `start` and then `interval` milliseconds, calls `fn(...args)` in its own thread, once. `result()` is what that
   * returns, undefined when it was cancelled. A negative interval or NaN: `RangeError`.
   */
  constructor(interval: number, fn: (...args: A) => R | Promise<R>, args?: A, options: TimerOptions = {}) {
    const adopting = SharedObject.adopting();
    if (!adopting) check(interval, fn, args, options);
    // A list of its own: what one timer's is changed to is nobody else's.
    const own = [...(args ?? [])] as unknown as A;
    super(adopting ? {} : { ...options, target: fn, args: own });
    if (adopting) return;
    const finished = new Event();
    const heap = this[HEAP];
    const at = this[AT];
    // The record holds it; a wrapper that nobody has seen would hold it until the next collection.
    heap.retain(finished[AT]);
    heap.i32[at + THREAD.FINISHED] = finished[AT];
    finished[Symbol.dispose]();
    heap.f64[(at + THREAD.INTERVAL) >> 1] = interval;
    heap.or(at + THREAD.FLAGS, THREAD_FLAG.TIMER);
    this.function = fn;
    this.args = own;
  }

  /** Milliseconds from the start to the call. */
  get interval(): number {
    return this[HEAP].f64[(this[AT] + THREAD.INTERVAL) >> 1];
  }

  /** Set when it was cancelled, or when its function has returned. */
  get finished(): Event {
    const heap = this[HEAP];
    return wrapCounting(heap, heap.i32[this[AT] + THREAD.FINISHED]) as Event;
  }

  /** Ends the waiting: its function will not be called. From any thread; without effect once that runs. */
  cancel(): void {
    useFinished(this as never, (finished) => finished.set());
  }

  /** Waits, then calls the function. A subclass may do otherwise: `while (!this.finished.waitSync({ timeout })) …`. */
  protected override run(): R | undefined | Promise<R | undefined> {
    if (useFinished(this as never, (finished) => finished.waitSync({ timeout: this.interval }))) return undefined;
    return callThenSet(this as never, () => this.function!(...this.args!));
  }

  /** @internal */
  override [PAYLOAD](): Payload {
    const { function: fn, args } = this;
    // As a shared object it is sent without its own properties.
    return {
      self: this as unknown as Thread,
      target: fn as Payload['target'],
      args: args ?? [],
      text: `function ${describeFunction(fn!)} of ${this.constructor.name}`,
    };
  }

  /** @internal */
  override runHere(payload: Payload): unknown {
    this.function ??= payload.target as typeof this.function;
    this.args ??= payload.args as A;
    return this.run();
  }
}

/* Not private methods: a wrapper made where the timer arrives has none. */

/** A wrapper that nobody else has seen is given back at once. */
function useFinished<T>(timer: Timer, use: (finished: Event) => T): T {
  const address = timer[HEAP].i32[timer[AT] + THREAD.FINISHED];
  const seen = wrapperAt(address) !== undefined;
  const { finished } = timer;
  try {
    return use(finished);
  } finally {
    if (!seen) finished[LET_GO]();
  }
}

async function callThenSet<R>(timer: Timer, call: () => R | Promise<R>): Promise<R> {
  const result = await call();
  useFinished(timer, (finished) => finished.set());
  return result;
}

function check(interval: unknown, fn: unknown, args: unknown, options: TimerOptions): void {
  if (typeof interval !== 'number' || !(interval >= 0)) {
    throw new RangeError(`new Timer(${String(interval)}, …): give milliseconds, 0 or more.`);
  }
  if (typeof fn !== 'function') {
    throw new TypeError(
      `new Timer(${interval}, ${typeof fn}): give the function to call, and its arguments behind it.`,
    );
  }
  if (args !== undefined && !Array.isArray(args)) {
    throw new TypeError('new Timer: args is not an array: one argument is written new Timer(ms, fn, [value]).');
  }
  checkOptions(options, 'new Timer(ms, fn, args, …)', undefined, COMMON_OPTIONS);
}

defineVariant(KIND.THREAD, Timer as never);
defineChooser(KIND.THREAD, (heap, at) => (heap.load(at + THREAD.FLAGS) & THREAD_FLAG.TIMER ? Timer : Thread) as never);
