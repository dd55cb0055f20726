/**
 * A flag that threads wait for, as Python's `threading.Event`.
 *
 *     FLAG   0 clear: waiters wait      1 set: nobody waits
 */
import {
  AT,
  deadlineOf,
  defineAbandon,
  defineKind,
  EVENT,
  HEAP,
  initSpot,
  KIND,
  park,
  parkSync,
  SharedObject,
  type SyncWaitOptions,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';

export class Event extends SharedObject {
  constructor() {
    super(KIND.EVENT, EVENT.WORDS - 2, (heap, at) => {
      heap.i32[at + EVENT.FLAG] = 0;
      initSpot(heap, at + EVENT.SPOT);
    });
  }

  /** Sets the flag and wakes everybody. */
  set(): void {
    this[HEAP].store(this[AT] + EVENT.FLAG, 1);
    wake(this[HEAP], this[AT] + EVENT.SPOT, Infinity);
  }

  clear(): void {
    this[HEAP].store(this[AT] + EVENT.FLAG, 0);
  }

  isSet(): boolean {
    return this[HEAP].load(this[AT] + EVENT.FLAG) === 1;
  }

  /** True once the flag is set, false when `timeout` (milliseconds) passed first. Rejects with `signal.reason`. */
  async wait(options?: WaitOptions): Promise<boolean> {
    return (await park(this[HEAP], this[AT] + EVENT.SPOT, () => this.isSet() || undefined, options)) ?? false;
  }

  /** The same, blocking this thread. */
  waitSync(options?: SyncWaitOptions): boolean {
    const deadline = deadlineOf(options?.timeout);
    if (this.isSet()) return true;
    return parkSync(this[HEAP], this[AT] + EVENT.SPOT, this[AT], () => this.isSet() || undefined, deadline) ?? false;
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
defineAbandon(KIND.EVENT, (heap, at) => wake(heap, at + EVENT.SPOT, Infinity));
