/**
 * A mutual-exclusion lock, as Python's `threading.Lock`: any thread may release it.
 *
 *     STATE      meaning                              leaves by
 *     0          free                                 anybody: 0 → ident
 *     ident > 0  held                                 release: → 0, or → HANDED when a waiter starves;
 *                                                     the holder's death: → ABANDONED
 *     ABANDONED  free; its last holder died           anybody: → ident, told so by the guard
 *     HANDED     free, for a waiter only              a counted waiter: → ident; anybody when none blocks any more
 *
 * Newcomers may overtake waiters: a thread that runs gets the lock in nanoseconds, one that sleeps needs 15 µs to wake,
 * and handing over each time would make every turn that slow. A waiter that was overtaken for a millisecond sets
 * STARVING, and the next release is a hand-over (after Go's sync.Mutex).
 */

import { RuntimeError } from '../errors.ts';
import {
  AT,
  type Attempt,
  blockedAt,
  checkFunction,
  deadlineIn,
  defineAbandon,
  defineHolder,
  defineKind,
  HEAP,
  type Heap,
  initSpot,
  KIND,
  LOCK,
  park,
  parkSync,
  refusal,
  rouse,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  unbroken,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';
import { GIVE_BACK, Guard } from './guard.ts';
import { type Mutual, RESTORE, RESTORE_SYNC, SAVE, type Saved, TAKE } from './mutual.ts';

const FREE = 0;
const ABANDONED = -1;
const HANDED = -2;
const STARVING_MS = 1;

export class Lock extends SharedObject implements Mutual {
  #guard: Guard | undefined;

  /** A free lock. It takes no arguments: `TypeError`. */
  constructor(...none: []) {
    if (none.length > 0) throw new TypeError('new Lock(…): a lock takes no arguments. Write new Lock().');
    super(KIND.LOCK, LOCK.WORDS - 2, (heap, at) => {
      heap.i32[at + LOCK.STATE] = FREE;
      heap.i32[at + LOCK.STARVING] = 0;
      initSpot(heap, at + LOCK.SPOT);
    });
  }

  /**
   * Acquires without blocking the event loop; undefined only when `timeout` (milliseconds) passed first. Rejects with
   * `signal.reason` when aborted.
   */
  acquire(options?: { signal?: AbortSignal }): Promise<Guard>;
  acquire(options?: WaitOptions): Promise<Guard | undefined>;
  acquire(options?: WaitOptions): Promise<Guard | undefined> {
    return refusal(options, 'acquire', this) ?? park(this[HEAP], this[AT] + LOCK.SPOT, this.#attempt(), options);
  }

  /** Blocks this thread until the lock is acquired; undefined only when `timeout` (milliseconds) passed first. */
  acquireSync(): Guard;
  acquireSync(options?: SyncWaitOptions): Guard | undefined;
  acquireSync(options?: SyncWaitOptions): Guard | undefined {
    const heap = this[HEAP];
    const at = this[AT];
    const deadline = options === undefined ? Infinity : deadlineIn(options, 'acquireSync', this, SYNC);
    if (heap.cas(at + LOCK.STATE, FREE, heap.ident) === FREE) return (this.#guard = new Guard(this));
    return this.#acquireSlow(deadline);
  }

  #acquireSlow(deadline: number): Guard | undefined {
    return parkSync(this[HEAP], this[AT] + LOCK.SPOT, this[AT], this.#attempt(), deadline);
  }

  /** The lock if it is free now, else undefined. Never waits. */
  tryAcquire(): Guard | undefined {
    const heap = this[HEAP];
    if (heap.cas(this[AT] + LOCK.STATE, FREE, heap.ident) === FREE) return (this.#guard = new Guard(this));
    const guard = take(this, heap, this[AT], false);
    if (guard) this.#guard = guard;
    return guard;
  }

  #attempt(): Attempt<Guard> {
    const heap = this[HEAP];
    const at = this[AT];
    let since = 0;
    return (counted) => {
      const guard = take(this, heap, at, counted);
      if (guard) {
        // Only the one that takes what was handed over ends the hand-over; others that starve say so again.
        this.#guard = guard;
      } else if (counted) {
        const now = performance.now();
        if (since === 0) since = now;
        else if (now - since > STARVING_MS) heap.store(at + LOCK.STARVING, 1);
      }
      return guard;
    };
  }

  /** Releases; any thread may. Throws `RuntimeError` when the lock is free. */
  release(): void {
    this.#guard?.forget();
    this.#guard = undefined;
    if (!free(this[HEAP], this[AT])) {
      throw new RuntimeError(
        `${this.toString()} is not locked: release() belongs after an acquire(), once. A \`using\` guard releases by itself.`,
      );
    }
  }

  /** Whether anybody holds it now. */
  locked(): boolean {
    const state = this[HEAP].load(this[AT] + LOCK.STATE);
    return state > 0 || state === HANDED;
  }

  /** Acquires, runs `fn` to its end, releases, also when it throws. `fn` is given the guard, for its `abandoned`. */
  async run<R>(fn: (guard: Guard) => R | Promise<R>): Promise<R> {
    checkFunction(fn, 'run', this, 'to run with the lock held');
    using guard = await this.acquire();
    return await fn(guard);
  }

  /** How many wait now (threads and asynchronous waiters), and the ident of the holder's thread. */
  statistics(): { waiting: number; holder?: number } {
    const waiting = waitingAt(this[HEAP], this[AT] + LOCK.SPOT);
    const holder = this[HEAP].load(this[AT] + LOCK.STATE);
    return holder > 0 ? { waiting, holder } : { waiting };
  }

  override toString(): string {
    return `<${this.locked() ? 'locked' : 'unlocked'} ${this.constructor.name} #${this[AT].toString(16)}>`;
  }

  /** @internal */
  isOwned(): boolean {
    return this[HEAP].load(this[AT] + LOCK.STATE) === this[HEAP].ident;
  }

  /** @internal For a condition: gives the lock up without touching the user's guard. */
  [SAVE](): Saved {
    if (!this.isOwned()) throw new RuntimeError(`${this.toString()} is not held by this thread: acquire it first.`);
    const saved = { levels: 1, guards: [this.#guard] };
    this.#guard = undefined;
    free(this[HEAP], this[AT]);
    return saved;
  }

  /** @internal */
  [TAKE](): Promise<Guard> {
    return park(this[HEAP], this[AT] + LOCK.SPOT, this.#attempt(), { outlives: true }) as Promise<Guard>;
  }

  /** @internal */
  async [RESTORE]({ guards }: Saved): Promise<void> {
    const { abandoned } = await this[TAKE]();
    if (abandoned) guards[0]?.markAbandoned();
    this.#guard = guards[0];
  }

  /** @internal */
  [RESTORE_SYNC]({ guards }: Saved): void {
    const { abandoned } = unbroken(() => this.acquireSync());
    if (abandoned) guards[0]?.markAbandoned();
    this.#guard = guards[0];
  }

  /** @internal Any thread may have released the lock since, and somebody may hold it again: then this guard is spent. */
  [GIVE_BACK](guard: Guard): void {
    if (this.#guard === guard && this.isOwned()) this.release();
  }
}

function take(lock: Lock, heap: Heap, at: number, counted: boolean): Guard | undefined {
  const state = heap.load(at + LOCK.STATE);
  if (state > 0) return undefined;
  if (state === HANDED && !counted && blockedAt(heap, at + LOCK.SPOT) > 0) return undefined;
  if (heap.cas(at + LOCK.STATE, state, heap.ident) !== state) return undefined;
  if (state === HANDED) heap.store(at + LOCK.STARVING, 0);
  return new Guard(lock, state === ABANDONED);
}

/** False when the lock was free. */
function free(heap: Heap, at: number): boolean {
  for (;;) {
    const state = heap.load(at + LOCK.STATE);
    if (state <= 0) return false;
    // To threads that block only: an asynchronous waiter's event loop may be busy or blocked, and sit on it.
    const handOver = heap.load(at + LOCK.STARVING) === 1 && blockedAt(heap, at + LOCK.SPOT) > 0;
    const next = handOver ? HANDED : FREE;
    if (heap.cas(at + LOCK.STATE, state, next) === state) break;
  }
  wake(heap, at + LOCK.SPOT, 1);
  return true;
}

defineKind(KIND.LOCK, Lock);
defineHolder(KIND.LOCK, (heap, at) => Math.max(heap.load(at + LOCK.STATE), 0));
defineAbandon(KIND.LOCK, (heap, at, ident) => {
  heap.cas(at + LOCK.STATE, ident, ABANDONED);
  // Also when it didn't hold it: it may have died between its release and the wake-up, or within that.
  rouse(heap, at + LOCK.SPOT);
});
