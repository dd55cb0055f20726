/**
 * A function that is called once in all threads together, after Go's `sync.Once`, with its value (as its `OnceValue`).
 *
 *     RUNNER   RESULT    meaning                 leaves by
 *     0        0         nobody has begun        anybody: RUNNER 0 → ident
 *     ident    0         that thread runs it     the runner: RESULT 0 → message; its death: RUNNER → 0
 *     any      message   done, for good          never
 *
 * RESULT alone says that it is done. Tempting and wrong: a state DONE in RUNNER, written before or after the result; a
 * runner that dies in between leaves either no result or nobody to run it again.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect, types } from 'node:util';
import '../functions/message-codec.ts';
import { CloneError, HeapExhaustedError, RuntimeError, ThreadEndedError, TimeoutError } from '../errors.ts';
import {
  AT,
  checkFunction,
  deadlineIn,
  defineAbandon,
  defineHeld,
  defineHolder,
  defineKind,
  HEAP,
  type Heap,
  initSpot,
  KIND,
  letGo,
  loadValue,
  noteCounting,
  ONCE,
  park,
  parkSync,
  refuseArguments,
  rouse,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  storeValue,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';
import { diedWith } from './death.ts';

/** What a run came to, as it travels. */
type Outcome = { value: unknown } | { error: unknown };

/** The runs that the current code is nested in, innermost first; over ones are still there, and count no more. */
type Nesting = { once: Once; active: boolean; outer: Nesting | undefined };
const nestings = new AsyncLocalStorage<Nesting>();

/** The caller is to run the function. */
const RUN = Symbol('run');

export class Once<T = unknown> extends SharedObject {
  /** As this thread has seen it: the runner its own value, everybody else one copy. */
  #outcome: Outcome | undefined;

  /** It takes no arguments, the function is given to `run`: `TypeError`. */
  constructor(...none: []) {
    refuseArguments(new.target.name, none, ': the function is given to run()');
    super(KIND.ONCE, ONCE.WORDS - 2, (heap, at) => {
      heap.i32[at + ONCE.RUNNER] = 0;
      heap.i32[at + ONCE.RESULT] = 0;
      initSpot(heap, at + ONCE.SPOT);
    });
  }

  /**
   * Calls `fn` if nobody has yet, else waits for who does; resolves with its value, or rejects with its error, in every
   * thread, ever after. The value is copied (shared objects go by reference). When the runner's thread dies, another of
   * those who wait runs its own `fn`.
   *
   * `timeout` (milliseconds) and `signal` limit the wait for another's run, not one's own: `TimeoutError`, the signal's
   * reason. Called from inside `fn`: `RuntimeError`, since it would wait for itself.
   */
  async run(fn: () => T | Promise<T>, options?: WaitOptions): Promise<T> {
    deadlineIn(options, 'run(fn, …)', this);
    checkFunction(fn, 'run', this, 'to call once');
    if (this.#nested()) throw this.#reentered('run');
    const taken = await park(this[HEAP], this[AT] + ONCE.SPOT, () => this.#take(), options);
    if (taken === undefined) throw this.#late(options?.timeout);
    if (taken !== RUN) return open(taken) as T;
    // Until the outcome is there, also when the function disposes it.
    const kept = noteCounting(this[AT]);
    const nesting: Nesting = { once: this as Once, active: true, outer: nestings.getStore() };
    const outcome = await nestings.run(nesting, async (): Promise<Outcome> => {
      try {
        return { value: await fn() };
      } catch (error) {
        // That is nobody's outcome: another of those who wait runs its own.
        if (error instanceof ThreadEndedError) {
          this.#giveUp();
          letGo(kept);
          throw error;
        }
        return { error };
      }
    });
    nesting.active = false;
    try {
      return open(this.#publish(outcome)) as T;
    } finally {
      letGo(kept);
    }
  }

  /** The same, blocking this thread. A `fn` that returns a promise is refused: `RuntimeError`, in every thread. */
  runSync(fn: () => T, options?: SyncWaitOptions): T {
    const deadline = deadlineIn(options, 'runSync(fn, …)', this, SYNC);
    checkFunction(fn, 'runSync', this, 'to call once');
    if (this.#nested()) throw this.#reentered('runSync');
    const heap = this[HEAP];
    const attempt = (): Outcome | typeof RUN | undefined => {
      const taken = this.#take();
      if (taken === undefined && heap.load(this[AT] + ONCE.RUNNER) === heap.ident && deadline === Infinity) {
        throw new RuntimeError(
          `runSync() of ${this.toString()} would wait for ever: a task of this very thread runs it, and can't go on while ` +
            'the thread is blocked. Use run().',
        );
      }
      return taken;
    };
    const taken = attempt() ?? parkSync(heap, this[AT] + ONCE.SPOT, this[AT], attempt, deadline);
    if (taken === undefined) throw this.#late(options?.timeout);
    if (taken !== RUN) return open(taken) as T;
    // Until the outcome is there, also when the function disposes it.
    const kept = noteCounting(this[AT]);
    const nesting: Nesting = { once: this as Once, active: true, outer: nestings.getStore() };
    const outcome = nestings.run(nesting, (): Outcome => {
      try {
        const value = fn();
        return types.isPromise(value) ? { error: this.#promised(value) } : { value };
      } catch (error) {
        return { error };
      }
    });
    nesting.active = false;
    try {
      return open(this.#publish(outcome)) as T;
    } finally {
      letGo(kept);
    }
  }

  /** Whether the function has been called to its end. */
  get done(): boolean {
    return this[HEAP].load(this[AT] + ONCE.RESULT) !== 0;
  }

  /** How many wait now, whether it is done, and the ident of the thread that runs the function. */
  statistics(): { waiting: number; done: boolean; runner?: number } {
    const { done } = this;
    const waiting = waitingAt(this[HEAP], this[AT] + ONCE.SPOT);
    const runner = this[HEAP].load(this[AT] + ONCE.RUNNER);
    return done || runner === 0 ? { waiting, done } : { waiting, done, runner };
  }

  override toString(): string {
    const { done, runner } = this.statistics();
    const state = done ? 'done' : runner === undefined ? 'not run' : `run by ${runner}`;
    return `<${this.constructor.name} #${this[AT].toString(16)}: ${state}>`;
  }

  /** What there is, or the right to run it, or undefined while somebody does. */
  #take(): Outcome | typeof RUN | undefined {
    if (this.#outcome) return this.#outcome;
    const heap = this[HEAP];
    const result = heap.load(this[AT] + ONCE.RESULT);
    if (result !== 0) {
      this.#outcome = loadValue(heap, result) as Outcome;
      return this.#outcome;
    }
    // Claimed, and finished by one that was taken for dead: publishing sorts that out.
    return heap.cas(this[AT] + ONCE.RUNNER, 0, heap.ident) === 0 ? RUN : undefined;
  }

  /** Makes an outcome everybody's, unless there is one already; returns what holds. */
  #publish(outcome: Outcome): Outcome {
    const heap = this[HEAP];
    let stored: { message: number; outcome: Outcome };
    try {
      stored = this.#store(outcome);
    } catch (error) {
      // No room in the heap: somebody else may have more luck.
      this.#giveUp();
      throw error;
    }
    if (heap.cas(this[AT] + ONCE.RESULT, 0, stored.message) === 0) {
      this.#outcome = stored.outcome;
    } else {
      heap.release(stored.message);
      this.#take();
    }
    wake(heap, this[AT] + ONCE.SPOT, Infinity);
    return this.#outcome!;
  }

  /** Not run, after all. */
  #giveUp(): void {
    const heap = this[HEAP];
    heap.cas(this[AT] + ONCE.RUNNER, heap.ident, 0);
    wake(heap, this[AT] + ONCE.SPOT, Infinity);
  }

  /** What can't be copied is an error for all, this thread included: else it alone would think that all went well. */
  #store(outcome: Outcome): { message: number; outcome: Outcome } {
    try {
      return { message: storeValue(outcome), outcome };
    } catch (cause) {
      if (cause instanceof HeapExhaustedError) throw cause;
      const what = 'error' in outcome ? 'error' : 'value';
      const why = cause instanceof Error ? cause.message.replace(`value.${what}`, 'it') : inspect(cause);
      const was = 'error' in outcome ? ` The error was: ${String(outcome.error)}` : '';
      const error = new CloneError(
        `The ${what} of ${this.toString()} can't be shared with other threads: ${why}${was}`,
      );
      return { message: storeValue({ error }), outcome: { error } };
    }
  }

  #nested(): boolean {
    if (this.done) return false;
    let nesting = nestings.getStore();
    while (nesting && !(nesting.active && nesting.once === this)) nesting = nesting.outer;
    return nesting !== undefined;
  }

  #reentered(call: string): RuntimeError {
    return new RuntimeError(
      `${call}() of ${this.toString()} was called from inside its own function, and would wait for itself: ` +
        'call it outside, or use another Once.',
    );
  }

  #promised(value: Promise<unknown>): RuntimeError {
    // Nobody will look at it.
    value.catch(() => {});
    return new RuntimeError(
      `The function of ${this.toString()} returned a promise, and runSync() can't wait for it: use run().`,
    );
  }

  #late(timeout: number | undefined): TimeoutError {
    return new TimeoutError(
      `${this.toString()} was not done in ${timeout} ms: another thread still runs its function.`,
    );
  }
}

function open(outcome: Outcome): unknown {
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

defineKind(KIND.ONCE, Once, (heap, at) => {
  const result = heap.i32[at + ONCE.RESULT];
  if (result !== 0) heap.release(result);
});
const runnerOf = (heap: Heap, at: number): number =>
  heap.load(at + ONCE.RESULT) === 0 ? heap.load(at + ONCE.RUNNER) : 0;
defineHolder(KIND.ONCE, runnerOf);
defineHeld(KIND.ONCE, (heap, at, ident) => runnerOf(heap, at) === ident);
defineAbandon(KIND.ONCE, (heap, at, ident) => {
  const runner = heap.load(at + ONCE.RUNNER);
  if (diedWith(heap, runner, ident)) heap.cas(at + ONCE.RUNNER, runner, 0);
  // Also when it did not run it: it may have died between its result and the wake-up.
  rouse(heap, at + ONCE.SPOT);
});
