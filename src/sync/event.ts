/**
 * A flag that threads wait for, as Python's `threading.Event`.
 *
 *     FLAG   meaning                      leaves by
 *     even   clear: waiters wait          set: + 1
 *     odd    set: nobody waits            clear: + 1
 *
 * It counts its changes, so that those who waited when it was set go on although it was cleared before they woke.
 * Tempting and wrong: 0 and 1, since `set(); clear()` is then seen by none of them.
 */
import {
  AT,
  type Attempt,
  deadlineIn,
  defineAbandon,
  defineKind,
  EVENT,
  HEAP,
  initSpot,
  KIND,
  park,
  parkSync,
  refuseArguments,
  rouse,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';

export class Event extends SharedObject {
  /** A clear one. It takes no arguments: `TypeError`. */
  constructor(...none: []) {
    refuseArguments(new.target.name, none);
    super(KIND.EVENT, EVENT.WORDS - 2, (heap, at) => {
      heap.i32[at + EVENT.FLAG] = 0;
      initSpot(heap, at + EVENT.SPOT);
    });
  }

  /** Sets the flag and wakes everybody who waits now, also if it is cleared at once. */
  set(): void {
    this.#change(1);
    wake(this[HEAP], this[AT] + EVENT.SPOT, Infinity);
  }

  /** Clears the flag: who comes from now on waits. */
  clear(): void {
    this.#change(0);
  }

  isSet(): boolean {
    return (this.#flag() & 1) === 1;
  }

  /** True once the flag is set, false when `timeout` (milliseconds) passed first. Rejects with `signal.reason`. */
  async wait(options?: WaitOptions): Promise<boolean> {
    deadlineIn(options, 'wait', this);
    return (await park(this[HEAP], this[AT] + EVENT.SPOT, this.#attempt(), options)) ?? false;
  }

  /** The same, blocking this thread. */
  waitSync(options?: SyncWaitOptions): boolean {
    const deadline = deadlineIn(options, 'waitSync', this, SYNC);
    if (this.isSet()) return true;
    return parkSync(this[HEAP], this[AT] + EVENT.SPOT, this[AT], this.#attempt(), deadline) ?? false;
  }

  #flag(): number {
    return this[HEAP].load(this[AT] + EVENT.FLAG);
  }

  #change(parity: 0 | 1): void {
    const word = this[AT] + EVENT.FLAG;
    for (;;) {
      const flag = this.#flag();
      if ((flag & 1) === parity || this[HEAP].cas(word, flag, (flag + 1) | 0) === flag) return;
    }
  }

  #attempt(): Attempt<true> {
    const before = this.#flag();
    return () => {
      const flag = this.#flag();
      return (flag & 1) === 1 || flag !== before || undefined;
    };
  }

  statistics(): { waiting: number } {
    return { waiting: waitingAt(this[HEAP], this[AT] + EVENT.SPOT) };
  }

  override toString(): string {
    return `<${this.constructor.name} #${this[AT].toString(16)}: ${this.isSet() ? 'set' : 'unset'}>`;
  }
}

defineKind(KIND.EVENT, Event);
// It may have died between its set() and the wake-up.
defineAbandon(KIND.EVENT, (heap, at) => rouse(heap, at + EVENT.SPOT));
