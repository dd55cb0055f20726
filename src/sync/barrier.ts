/**
 * A meeting point, as Python's `threading.Barrier`: so many parties wait for each other, and then go on together.
 *
 * Each generation is a record of its own, a *round*, which those who wait in it hold: so a round that is over tells
 * them how it ended, however many have come after it. The barrier points to the round that is filling.
 *
 *     STATE of a round   meaning                                leaves by
 *     n ≥ 0              n parties have come                    the next: → n + 1, the last: → ACTING, or → PASSED when
 *                                                               there is no action; one that leaves (signal): → n - 1
 *     ACTING             all have come, the last one runs       its runner: → PASSED
 *                        the action
 *     PASSED             they go on                             never
 *     BROKEN             they get an error, and so does who     never
 *                        comes, until a reset makes a new round
 *
 * From n and from ACTING, a timeout, `abort`, `reset`, a failing action, or the death of a party leads to BROKEN. All
 * by compare-and-swap; so one word decides between the last party and whoever breaks the barrier at the same moment.
 *
 * Who waits has written the round into its holdings before it counts itself: whoever cleans up after a dead isolate finds
 * it there, and breaks it.
 */
import { inspect, types } from 'node:util';
import '../functions/message-codec.ts';
import { BrokenBarrierError, RuntimeError, ThreadEndedError } from '../errors.ts';
import { type FunctionReference, loadModuleOf } from '../functions/index.ts';
import {
  AT,
  BARRIER,
  breakMutex,
  deadlineIn,
  deadlineOf,
  defineAbandon,
  defineKind,
  discard,
  HEAP,
  type Heap,
  initSpot,
  KIND,
  letGo,
  loadValue,
  lockMutex,
  noteCounting,
  pack,
  park,
  parkSync,
  ROUND,
  rouse,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  store,
  storeValue,
  unlockMutex,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';

const ACTING = -1;
const PASSED = -2;
const BROKEN = -3;
const LARGEST = 2 ** 31 - 1;

/** A party's stay in a round: the places of its two counts in the holdings, and whether it was the last to come. */
type Stay = { round: number; slots: [number, number]; last: boolean };

export type BarrierOptions = {
  /** Milliseconds that a wait without a timeout of its own waits at most. */ timeout?: number;
};

export class Barrier extends SharedObject {
  #action: (() => unknown) | undefined;

  /**
   * For `parties` (1 or more) that wait for each other. `action` is called by one of them each time, before any goes on;
   * it crosses to other threads as a thread's target does (`FunctionError` when it can't).
   */
  constructor(parties: number, action?: () => unknown, options: BarrierOptions = {}) {
    let messages = { action: 0, modules: 0 };
    const adopting = SharedObject.adopting();
    let timeout = Infinity;
    if (!adopting) {
      const text = `new ${new.target.name}(${inspect(parties)})`;
      if (!Number.isInteger(parties) || parties < 1 || parties > LARGEST) {
        throw new RangeError(
          `${text}: give how many parties wait for each other, a whole number from 1 to ${LARGEST}.`,
        );
      }
      if (action !== undefined && typeof action !== 'function') {
        throw new TypeError(`${text}: the action is ${inspect(action)}, not a function.`);
      }
      deadlineIn(options, `new ${new.target.name}(parties, action, …)`, undefined, SYNC);
      timeout = options.timeout ?? Infinity;
      if (action) messages = packAction(action);
    }
    super(KIND.BARRIER, BARRIER.WORDS - 2, (heap, at) => {
      heap.i32[at + BARRIER.PARTIES] = parties;
      heap.i32[at + BARRIER.MUTEX] = 0;
      heap.i32[at + BARRIER.ACTION] = messages.action;
      heap.i32[at + BARRIER.MODULES] = messages.modules;
      heap.f64[(at + BARRIER.TIMEOUT) >> 1] = timeout;
      initSpot(heap, at + BARRIER.SPOT);
      heap.i32[at + BARRIER.ROUND] = newRound(heap, at);
    });
    if (!adopting) this.#action = action;
  }

  /** How many parties go on together. */
  get parties(): number {
    return this[HEAP].i32[this[AT] + BARRIER.PARTIES];
  }

  /** How many parties of this generation have come and wait. */
  get nWaiting(): number {
    return Math.max(0, this.#state());
  }

  /** Whether it is broken: every wait throws `BrokenBarrierError` until `reset()`. */
  get broken(): boolean {
    return this.#state() === BROKEN;
  }

  /**
   * Waits until all parties have come; resolves with a number from 0 to `parties` - 1, each given once a generation.
   *
   * Throws `BrokenBarrierError` when the barrier is broken, before or meanwhile. A `timeout` (milliseconds) that passes
   * breaks it for everybody, as in Python. A wait whose `signal` is aborted rejects with the reason and counts no more;
   * the others go on waiting for a party. The party that runs the action gets the action's error.
   */
  async wait(options?: WaitOptions): Promise<number> {
    deadlineIn(options, 'wait', this);
    const timeout = options?.timeout ?? this.#timeout();
    const deadline = deadlineOf(timeout);
    const { signal } = options ?? {};
    signal?.throwIfAborted();
    const heap = this[HEAP];
    const spot = this[AT] + BARRIER.SPOT;
    const left = (): number => Math.max(0, deadline - performance.now());
    let stay = this.#arrive();
    while (!stay) {
      if (!(await park(heap, spot, () => this.#open(), { signal, timeout: left() }))) throw this.#tooEarly(timeout);
      stay = this.#arrive();
    }
    const { round, last } = stay;
    try {
      if (last) await this.#act(round);
      else if (!(await park(heap, spot, () => this.#over(round), { signal, timeout: left() }))) {
        // All have come in time, and it is the action that takes long: so to its end.
        if (this.#giveUp(round, timeout) === ACTING) await park(heap, spot, () => this.#over(round), { signal });
      }
      return this.#index(round);
    } catch (error) {
      // A party whose thread has ended can't go on with the others, as one that died: so none does.
      if (!last && error instanceof ThreadEndedError) this.#break(round);
      else if (!last) this.#unarrive(round);
      throw error;
    } finally {
      leave(stay);
    }
  }

  /** The same, blocking this thread. An action that returns a promise can't be waited for: `RuntimeError`. */
  waitSync(options?: SyncWaitOptions): number {
    deadlineIn(options, 'waitSync', this, SYNC);
    const timeout = options?.timeout ?? this.#timeout();
    const deadline = deadlineOf(timeout);
    const heap = this[HEAP];
    const at = this[AT];
    const spot = at + BARRIER.SPOT;
    let stay = this.#arrive();
    while (!stay) {
      if (!parkSync(heap, spot, at, () => this.#open(), deadline)) throw this.#tooEarly(timeout);
      stay = this.#arrive();
    }
    const { round, last } = stay;
    try {
      if (last) this.#actSync(round);
      else if (!parkSync(heap, spot, at, () => this.#over(round), deadline)) {
        if (this.#giveUp(round, timeout) === ACTING) parkSync(heap, spot, at, () => this.#over(round), Infinity);
      }
      return this.#index(round);
    } catch (error) {
      if (!last) this.#unarrive(round);
      throw error;
    } finally {
      leave(stay);
    }
  }

  /** Makes it as new; those who wait now get `BrokenBarrierError`. */
  reset(): void {
    this.#locked((round) => {
      // Nobody has come, or they are through already: as new.
      const state = this[HEAP].load(round + ROUND.STATE);
      if (state === 0 || state === PASSED) return;
      breakRound(this[HEAP], round);
      this.#replace(round);
    });
    wake(this[HEAP], this[AT] + BARRIER.SPOT, Infinity);
  }

  /** Breaks it: those who wait and all who come get `BrokenBarrierError`, until `reset()`. */
  abort(): void {
    this.#locked((round) => {
      // Those of a round that is through are not concerned any more.
      if (!breakRound(this[HEAP], round)) breakRound(this[HEAP], this.#replace(round));
    });
    wake(this[HEAP], this[AT] + BARRIER.SPOT, Infinity);
  }

  /** How many wait, how many of this generation have come, whether it is broken. */
  statistics(): { waiting: number; arrived: number; parties: number; broken: boolean } {
    const { parties, broken, nWaiting } = this;
    return { waiting: waitingAt(this[HEAP], this[AT] + BARRIER.SPOT), arrived: nWaiting, parties, broken };
  }

  override toString(): string {
    const { parties, broken, nWaiting } = this;
    return `<${this.constructor.name} #${this[AT].toString(16)}: ${broken ? 'broken' : `waiters=${nWaiting}/${parties}`}>`;
  }

  #timeout(): number {
    return this[HEAP].f64[(this[AT] + BARRIER.TIMEOUT) >> 1];
  }

  #state(): number {
    return this.#locked((round) => this[HEAP].load(round + ROUND.STATE));
  }

  /** Runs a few lines with the current round, which nobody replaces meanwhile. */
  #locked<R>(body: (round: number) => R): R {
    const heap = this[HEAP];
    const mutex = this[AT] + BARRIER.MUTEX;
    // Taken from a dead thread, or not: a round is put in its place in one step, so there is nothing to mend.
    lockMutex(heap, mutex);
    try {
      return body(heap.i32[this[AT] + BARRIER.ROUND]);
    } finally {
      unlockMutex(heap, mutex);
    }
  }

  #replace(round: number): number {
    const heap = this[HEAP];
    const fresh = newRound(heap, this[AT]);
    heap.i32[this[AT] + BARRIER.ROUND] = fresh;
    heap.release(round);
    return fresh;
  }

  /** Comes to the round that is filling; undefined while the last one's action runs. Throws when the barrier is broken. */
  #arrive(): Stay | undefined {
    const heap = this[HEAP];
    const slots: number[] = [noteCounting(this[AT])];
    try {
      const stay = this.#locked((current): Stay | undefined => {
        let state = heap.load(current + ROUND.STATE);
        if (state === ACTING) return undefined;
        const round = state === PASSED ? this.#replace(current) : current;
        // From here on our death breaks the round. Tempting and wrong: after we are counted; the others would wait for one
        // that is no more.
        slots.unshift(noteCounting(round));
        state = this.#count(round);
        if (state === BROKEN) throw this.#brokenError('it is broken, and reset() makes it usable again');
        return { round, slots: slots as [number, number], last: state + 1 === this.parties };
      });
      if (!stay) slots.forEach(letGo);
      return stay;
    } catch (error) {
      slots.forEach(letGo);
      throw error;
    }
  }

  /** One more; what the state was before. Only who holds the mutex adds, so it can't be full. */
  #count(round: number): number {
    const heap = this[HEAP];
    const full = heap.i32[this[AT] + BARRIER.ACTION] === 0 ? PASSED : ACTING;
    for (;;) {
      const state = heap.load(round + ROUND.STATE);
      if (state === BROKEN) return state;
      const next = state + 1 === this.parties ? full : state + 1;
      if (heap.cas(round + ROUND.STATE, state, next) === state) return state;
    }
  }

  /** Whether a round is over, one way or the other. */
  #over(round: number): true | undefined {
    const state = this[HEAP].load(round + ROUND.STATE);
    return state === PASSED || state === BROKEN || undefined;
  }

  /** Whether no action runs any more that keeps the next generation out. */
  #open(): true | undefined {
    return this.#state() !== ACTING || undefined;
  }

  /** The time has passed: the round breaks, unless it is over, or all have come. What the state is now. */
  #giveUp(round: number, timeout: number): number {
    const heap = this[HEAP];
    for (;;) {
      const state = heap.load(round + ROUND.STATE);
      if (state < 0) return state;
      if (heap.cas(round + ROUND.STATE, state, BROKEN) !== state) continue;
      wake(heap, this[AT] + BARRIER.SPOT, Infinity);
      throw this.#brokenError(`only ${state} of ${this.parties} came in ${timeout} ms`);
    }
  }

  /** The time of one that isn't let in has passed: that breaks the barrier too. */
  #tooEarly(timeout: number): BrokenBarrierError {
    this.abort();
    return this.#brokenError(`the action of the generation before was not done in ${timeout} ms`);
  }

  /** A party that gave up counts no more; too late when all have come. */
  #unarrive(round: number): void {
    const heap = this[HEAP];
    for (;;) {
      const state = heap.load(round + ROUND.STATE);
      if (state <= 0 || heap.cas(round + ROUND.STATE, state, state - 1) === state) return;
    }
  }

  /** The number that this party goes on with; throws when the round broke. */
  #index(round: number): number {
    const heap = this[HEAP];
    if (heap.load(round + ROUND.STATE) === BROKEN) {
      throw this.#brokenError(
        'it broke while this party waited: by a timeout, abort(), reset(), or a party that failed or died',
      );
    }
    return heap.add(round + ROUND.NEXT_INDEX, 1);
  }

  /** All have come: runs the action, then lets them go. */
  async #act(round: number): Promise<void> {
    try {
      const modules = this.#action ? 0 : this[HEAP].i32[this[AT] + BARRIER.MODULES];
      if (modules !== 0) {
        for (const reference of loadValue(this[HEAP], modules) as FunctionReference[]) await loadModuleOf(reference);
      }
      await this.#theAction()?.();
    } catch (error) {
      this.#break(round);
      throw error;
    }
    this.#pass(round);
  }

  #actSync(round: number): void {
    try {
      const value = this.#theAction()?.();
      if (types.isPromise(value)) {
        // Nobody will look at it.
        value.catch(() => {});
        throw new RuntimeError(
          `The action of ${this.toString()} returned a promise, and waitSync() can't wait for it: use wait() in every ` +
            'party, or an action that does all it does at once.',
        );
      }
    } catch (error) {
      this.#break(round);
      throw error;
    }
    this.#pass(round);
  }

  /** In the thread that made the barrier the very function, elsewhere what has come of it. */
  #theAction(): (() => unknown) | undefined {
    const message = this[HEAP].i32[this[AT] + BARRIER.ACTION];
    if (!this.#action && message !== 0) this.#action = loadValue(this[HEAP], message) as () => unknown;
    return this.#action;
  }

  #pass(round: number): void {
    this[HEAP].cas(round + ROUND.STATE, ACTING, PASSED);
    wake(this[HEAP], this[AT] + BARRIER.SPOT, Infinity);
  }

  #break(round: number): void {
    breakRound(this[HEAP], round);
    wake(this[HEAP], this[AT] + BARRIER.SPOT, Infinity);
  }

  #brokenError(why: string): BrokenBarrierError {
    return new BrokenBarrierError(`<${this.constructor.name} #${this[AT].toString(16)}>: ${why}.`);
  }
}

/** Gives the counts of a stay back. */
function leave({ slots }: Stay): void {
  for (const slot of slots) letGo(slot);
}

function newRound(heap: Heap, barrier: number): number {
  const round = heap.allocate(KIND.ROUND, ROUND.WORDS - 2);
  heap.i32[round + ROUND.STATE] = 0;
  heap.i32[round + ROUND.NEXT_INDEX] = 0;
  heap.i32[round + ROUND.BARRIER] = barrier;
  return round;
}

/** Breaks a round that isn't over; false when it had passed. */
function breakRound(heap: Heap, round: number): boolean {
  for (;;) {
    const state = heap.load(round + ROUND.STATE);
    if (state === PASSED) return false;
    if (state === BROKEN || heap.cas(round + ROUND.STATE, state, BROKEN) === state) return true;
  }
}

function packAction(action: () => unknown): { action: number; modules: number } {
  const encoder = pack(action);
  try {
    const modules = storeValue(encoder.functions);
    return { modules, action: store(encoder) };
  } catch (error) {
    discard(encoder);
    throw error;
  }
}

defineKind(KIND.BARRIER, Barrier as never, (heap, at) => {
  for (const field of [BARRIER.ROUND, BARRIER.ACTION, BARRIER.MODULES]) {
    if (heap.i32[at + field] !== 0) heap.release(heap.i32[at + field]);
  }
});
defineAbandon(KIND.BARRIER, (heap, at, ident) => {
  breakMutex(heap, at + BARRIER.MUTEX, ident);
  // It may have died between letting the others go, or breaking the barrier, and the wake-up.
  rouse(heap, at + BARRIER.SPOT);
});
// In the holdings of who waits: a party that died can't go on with the others, so none does.
defineAbandon(KIND.ROUND, (heap, round) => {
  breakRound(heap, round);
  rouse(heap, heap.i32[round + ROUND.BARRIER] + BARRIER.SPOT);
});
