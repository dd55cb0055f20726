/**
 * A counter of permits, as Python's `threading.Semaphore`.
 *
 *     VALUE   permits left, never negative: acquire takes one by compare-and-swap, release adds
 *     BOUND   how many there may be; -1 for no bound of its own (see bounded-semaphore.ts); its maker writes it, once
 */
import { inspect } from 'node:util';
import { RuntimeError } from '../errors.ts';
import {
  AT,
  checkFunction,
  deadlineIn,
  defineAbandon,
  defineKind,
  HEAP,
  initSpot,
  KIND,
  park,
  parkSync,
  refusal,
  rouse,
  SEMAPHORE,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';
import { GIVE_BACK, Guard } from './guard.ts';

const LARGEST = 2 ** 31 - 1;

export class Semaphore extends SharedObject {
  /** `value` permits, 0 or more; default 1. */
  constructor(value = 1) {
    if (!Number.isInteger(value) || value < 0 || value > LARGEST) {
      throw new RangeError(`new ${new.target.name}(${inspect(value)}): give a whole number from 0 to ${LARGEST}.`);
    }
    super(KIND.SEMAPHORE, SEMAPHORE.WORDS - 2, (heap, at) => {
      heap.i32[at + SEMAPHORE.VALUE] = value;
      heap.i32[at + SEMAPHORE.BOUND] = -1;
      initSpot(heap, at + SEMAPHORE.SPOT);
    });
  }

  /** Takes a permit without blocking the event loop; undefined only when `timeout` (milliseconds) passed first. */
  acquire(options?: { signal?: AbortSignal }): Promise<Guard>;
  acquire(options?: WaitOptions): Promise<Guard | undefined>;
  acquire(options?: WaitOptions): Promise<Guard | undefined> {
    const refused = refusal(options, 'acquire', this);
    return refused ?? park(this[HEAP], this[AT] + SEMAPHORE.SPOT, () => this.tryAcquire(), options);
  }

  /** The same, blocking this thread. */
  acquireSync(): Guard;
  acquireSync(options?: SyncWaitOptions): Guard | undefined;
  acquireSync(options?: SyncWaitOptions): Guard | undefined {
    const deadline = deadlineIn(options, 'acquireSync', this, SYNC);
    return (
      this.tryAcquire() ?? parkSync(this[HEAP], this[AT] + SEMAPHORE.SPOT, this[AT], () => this.tryAcquire(), deadline)
    );
  }

  /** A permit if there is one, else undefined. Never waits. */
  tryAcquire(): Guard | undefined {
    const heap = this[HEAP];
    const word = this[AT] + SEMAPHORE.VALUE;
    for (;;) {
      const value = heap.load(word);
      if (value === 0) return undefined;
      if (heap.cas(word, value, value - 1) === value) return new Guard(this);
    }
  }

  /** Gives `n` permits back (1 or more). Throws `RangeError` past 2^31 - 1 in all. */
  release(n = 1): void {
    if (!Number.isInteger(n) || n < 1)
      throw new RangeError(`release(${String(n)}): give a whole number of permits, 1 or more.`);
    const heap = this[HEAP];
    const word = this[AT] + SEMAPHORE.VALUE;
    const bound = heap.i32[this[AT] + SEMAPHORE.BOUND];
    for (;;) {
      const value = heap.load(word);
      if (bound >= 0 && value + n > bound) {
        throw new RuntimeError(
          `${this.toString()} was released too often: it began with ${bound}, and ${n} more would make ${value + n}. ` +
            'Each release() belongs after an acquire(), once. A `using` guard releases by itself.',
        );
      }
      if (value + n > LARGEST)
        throw new RangeError(`${this.toString()} can't hold ${n} permits more: ${LARGEST} at most.`);
      if (heap.cas(word, value, value + n) === value) break;
    }
    wake(heap, this[AT] + SEMAPHORE.SPOT, n);
  }

  /** @internal */
  [GIVE_BACK](): void {
    this.release();
  }

  /** Takes a permit, runs `fn` to its end, gives it back, also when it throws. */
  async run<R>(fn: () => R | Promise<R>): Promise<R> {
    checkFunction(fn, 'run', this, 'to run with a permit');
    using _guard = await this.acquire();
    return await fn();
  }

  /** How many wait now, and how many permits are left. */
  statistics(): { waiting: number; value: number } {
    return {
      waiting: waitingAt(this[HEAP], this[AT] + SEMAPHORE.SPOT),
      value: this[HEAP].load(this[AT] + SEMAPHORE.VALUE),
    };
  }

  override toString(): string {
    return `<${this.constructor.name} #${this[AT].toString(16)} value=${this.statistics().value}>`;
  }
}

defineKind(KIND.SEMAPHORE, Semaphore);
// It may have died between its release and the wake-up; of how many, nobody knows.
defineAbandon(KIND.SEMAPHORE, (heap, at) => rouse(heap, at + SEMAPHORE.SPOT));
