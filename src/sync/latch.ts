/**
 * A gate that opens once, when it was counted down to zero, as Java's `java.util.concurrent.CountDownLatch`.
 *
 *     COUNT   n > 0: waiters wait      0: open, for good
 *
 * It only falls, by compare-and-swap; who brings it to 0 wakes everybody.
 */
import { inspect } from 'node:util';
import {
  AT,
  deadlineIn,
  defineAbandon,
  defineKind,
  HEAP,
  initSpot,
  KIND,
  LATCH,
  park,
  parkSync,
  rouse,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';

const LARGEST = 2 ** 31 - 1;

export class CountDownLatch extends SharedObject {
  /** Opens after `count` steps, 0 or more. */
  constructor(count: number) {
    if (!SharedObject.adopting() && !(Number.isInteger(count) && count >= 0 && count <= LARGEST)) {
      throw new RangeError(`new ${new.target.name}(${inspect(count)}): give a whole number from 0 to ${LARGEST}.`);
    }
    super(KIND.LATCH, LATCH.WORDS - 2, (heap, at) => {
      heap.i32[at + LATCH.COUNT] = count;
      initSpot(heap, at + LATCH.SPOT);
    });
  }

  /** Steps that are still missing; 0 once it is open. */
  get count(): number {
    return this[HEAP].load(this[AT] + LATCH.COUNT);
  }

  /** Takes `n` steps (1 or more), down to 0 at most: on an open latch it does nothing. */
  countDown(n = 1): void {
    if (!Number.isInteger(n) || n < 1) {
      throw new RangeError(`countDown(${inspect(n)}): give a whole number of steps, 1 or more.`);
    }
    const heap = this[HEAP];
    const word = this[AT] + LATCH.COUNT;
    for (;;) {
      const count = heap.load(word);
      if (count === 0) return;
      const next = Math.max(0, count - n);
      if (heap.cas(word, count, next) !== count) continue;
      if (next === 0) wake(heap, this[AT] + LATCH.SPOT, Infinity);
      return;
    }
  }

  /** True once it is open, false when `timeout` (milliseconds) passed first. Rejects with `signal.reason`. */
  async wait(options?: WaitOptions): Promise<boolean> {
    deadlineIn(options, 'wait', this);
    const open = () => this.count === 0 || undefined;
    return (await park(this[HEAP], this[AT] + LATCH.SPOT, open, options)) ?? false;
  }

  /** The same, blocking this thread. */
  waitSync(options?: SyncWaitOptions): boolean {
    const deadline = deadlineIn(options, 'waitSync', this, SYNC);
    const open = () => this.count === 0 || undefined;
    return open() ?? parkSync(this[HEAP], this[AT] + LATCH.SPOT, this[AT], open, deadline) ?? false;
  }

  /** How many wait now, and how many steps are missing. */
  statistics(): { waiting: number; count: number } {
    return { waiting: waitingAt(this[HEAP], this[AT] + LATCH.SPOT), count: this.count };
  }

  override toString(): string {
    return `<${this.constructor.name} #${this[AT].toString(16)} count=${this.count}>`;
  }
}

defineKind(KIND.LATCH, CountDownLatch);
// It may have died between its last step and the wake-up. Steps that it has not taken, nobody can take for it.
defineAbandon(KIND.LATCH, (heap, at) => rouse(heap, at + LATCH.SPOT));
