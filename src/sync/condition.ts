/**
 * A condition variable, as Python's `threading.Condition`: `notify(n)` wakes n of those who wait at that moment, first
 * come first served, and nobody who comes later.
 *
 * Who waits puts a record of its own at the end of a list, under the condition's lock, gives the lock up, and parks on
 * the record. Who notifies holds the lock too, takes records from the front and marks them. So the list needs no other
 * guard. A waiter that gives up takes the lock again first, as it must anyway, and only then looks: a notification that
 * came in between counts as received.
 */
import { inspect } from 'node:util';
import { RuntimeError } from '../errors.ts';
import {
  AT,
  abandon,
  addressOf,
  BLOCK,
  CONDITION,
  checkFunction,
  deadlineIn,
  defineAbandon,
  defineKind,
  endedThreads,
  HEAP,
  initSpot,
  KIND,
  letGo,
  noteCounting,
  noteNew,
  park,
  parkSync,
  rouse,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  threadEnded,
  WAITED_AT,
  WAITER,
  type WaitOptions,
  wake,
  wrapCounting,
} from '../memory/index.ts';
import type { Guard } from './guard.ts';
import { Lock } from './lock.ts';
import { type Mutual, RESTORE, RESTORE_SYNC, SAVE, TAKE } from './mutual.ts';
import { RLock } from './rlock.ts';

const FORGET: unique symbol = Symbol('telaio.forget');
/** States of a waiter: in the list; out of it, and woken; out of it, and dead. */
const WAITING = 0;
const NOTIFIED = 1;
const SKIPPED = 2;

export class Condition extends SharedObject {
  #lock: Mutual | undefined;
  /** The records of this thread's asynchronous waits. */
  readonly #waiters = new Set<number>();

  /** Over `lock`, a Lock or RLock that others may use too; a new RLock when none is given. */
  constructor(lock?: Mutual) {
    if (lock !== undefined && !(lock instanceof Lock || lock instanceof RLock)) {
      throw new TypeError(
        `new Condition(${inspect(lock)}): give a Lock or an RLock, or nothing for an RLock of its own.`,
      );
    }
    const own = SharedObject.adopting() ? undefined : (lock ?? new RLock());
    super(KIND.CONDITION, CONDITION.WORDS - 2, (heap, at) => {
      const address = addressOf(own!);
      heap.retain(address);
      heap.i32[at + CONDITION.LOCK] = address;
      heap.i32.fill(0, at + CONDITION.HEAD, at + CONDITION.WORDS);
    });
    this.#lock = own;
  }

  /** @internal */
  override [WAITED_AT](): Iterable<number> {
    return this.#waiters;
  }

  /** The lock it stands over. */
  get lock(): Mutual {
    if (!this.#lock) {
      const heap = this[HEAP];
      this.#lock = wrapCounting(heap, heap.i32[this[AT] + CONDITION.LOCK]) as Mutual;
    }
    return this.#lock;
  }

  acquire(options?: { signal?: AbortSignal }): Promise<Guard>;
  acquire(options?: WaitOptions): Promise<Guard | undefined>;
  acquire(options?: WaitOptions): Promise<Guard | undefined> {
    return this.lock.acquire(options);
  }

  acquireSync(): Guard;
  acquireSync(options?: SyncWaitOptions): Guard | undefined;
  acquireSync(options?: SyncWaitOptions): Guard | undefined {
    return this.lock.acquireSync(options);
  }

  tryAcquire(): Guard | undefined {
    return this.lock.tryAcquire();
  }

  release(): void {
    this.lock.release();
  }

  /**
   * Acquires the lock, runs `fn` to its end, releases. With an RLock (the default) this is the form for asynchronous
   * tasks of one thread: a plain `acquire()` doesn't tell them apart.
   */
  run<R>(fn: (guard: Guard) => R | Promise<R>): Promise<R> {
    return this.lock.run(fn);
  }

  /**
   * Gives the lock up, waits for a notification, takes the lock again: true. False when `timeout` (milliseconds) passed
   * first; rejects with `signal.reason`; the lock is held again in every case. Throws `RuntimeError` without the lock.
   */
  async wait(options?: WaitOptions): Promise<boolean> {
    deadlineIn(options, 'wait', this);
    this.#mustOwn('wait');
    if (options?.signal?.aborted) throw options.signal.reason;
    const { lock } = this;
    const slot = this.#join();
    // Also of one that is disposed meanwhile: its list is gone through when the wait is over.
    const kept = noteCounting(this[AT]);
    const waiter = this[HEAP].i32[slot];
    this.#waiters.add(waiter);
    const saved = lock[SAVE]();
    const threads = endedThreads();
    let failure: { reason: unknown } | undefined;
    try {
      await park(this[HEAP], waiter + WAITER.SPOT, () => this.#notified(waiter), options);
    } catch (reason) {
      failure = { reason };
    }
    this.#waiters.delete(waiter);
    await lock[RESTORE](saved);
    const notified = this.#leave(slot);
    // It may have ended while it took the lock again: what is left of it goes no further.
    if (threads !== endedThreads()) failure ??= { reason: threadEnded() };
    // Notified and aborted at once: the notification must not be lost, so it goes to the next.
    if (failure && notified) this.#notify(1);
    letGo(kept);
    if (failure) throw failure.reason;
    return notified;
  }

  /** The same, blocking this thread. */
  waitSync(options?: SyncWaitOptions): boolean {
    const deadline = deadlineIn(options, 'waitSync', this, SYNC);
    this.#mustOwn('waitSync');
    const { lock } = this;
    const slot = this.#join();
    const waiter = this[HEAP].i32[slot];
    const saved = lock[SAVE]();
    parkSync(this[HEAP], waiter + WAITER.SPOT, this[AT], () => this.#notified(waiter), deadline);
    lock[RESTORE_SYNC](saved);
    return this.#leave(slot);
  }

  /** Waits until `predicate` holds, which is called with the lock held. Its last value: falsy only after a timeout. */
  async waitFor<R>(predicate: () => R, options?: WaitOptions): Promise<R> {
    const deadline = deadlineIn(options, 'waitFor(predicate, …)', this);
    checkFunction(predicate, 'waitFor', this, 'that says when to go on');
    this.#mustOwn('waitFor');
    for (;;) {
      const result = predicate();
      const timeout = deadline - performance.now();
      if (result || timeout <= 0) return result;
      await this.wait({ ...options, timeout });
    }
  }

  /** The same, blocking this thread. */
  waitForSync<R>(predicate: () => R, options?: SyncWaitOptions): R {
    const deadline = deadlineIn(options, 'waitForSync(predicate, …)', this, SYNC);
    checkFunction(predicate, 'waitForSync', this, 'that says when to go on');
    this.#mustOwn('waitForSync');
    for (;;) {
      const result = predicate();
      const timeout = deadline - performance.now();
      if (result || timeout <= 0) return result;
      this.waitSync({ timeout });
    }
  }

  /** Wakes `n` (0 or more) of those who wait now. Throws `RuntimeError` without the lock. */
  notify(n = 1): void {
    if (!((Number.isInteger(n) && n >= 0) || n === Infinity)) {
      throw new RangeError(`notify(${inspect(n)}): give how many to wake, a whole number, 0 or more.`);
    }
    this.#mustOwn('notify');
    this.#notify(n);
  }

  /** Wakes all who wait now. Throws `RuntimeError` without the lock. */
  notifyAll(): void {
    this.#mustOwn('notifyAll');
    this.#notify(Infinity);
  }

  /** How many wait for a notification now. */
  statistics(): { waiting: number } {
    return { waiting: this[HEAP].load(this[AT] + CONDITION.COUNT) };
  }

  override toString(): string {
    return `<${this.constructor.name} #${this[AT].toString(16)} over ${this.lock}, ${this.statistics().waiting} waiting>`;
  }

  /**
   * @internal Takes a waiter that died out of the list, or wakes another when it died before it could act on its
   * notification. In the reaper's thread, so without blocking it. Takes over a count of the record.
   */
  [FORGET](waiter: number): void {
    const forget = (guard: Guard): void => {
      const heap = this[HEAP];
      if (heap.i32[waiter + WAITER.STATE] === NOTIFIED) this.#notify(1);
      else if (heap.i32[waiter + WAITER.STATE] === WAITING) this.#unlink(waiter);
      heap.release(waiter);
      // Whoever takes the lock next must still hear that its holder died.
      if (guard.abandoned) abandon(this[HEAP], addressOf(this.lock), this[HEAP].ident);
      else guard.release();
    };
    const guard = this.lock.tryAcquire();
    if (guard) forget(guard);
    else this.lock[TAKE]().then(forget);
  }

  #mustOwn(call: string): void {
    if (!this.lock.isOwned()) {
      throw new RuntimeError(
        `${call}() needs the condition's lock, and this thread doesn't hold ${this.lock}: acquire it first, \`using guard = condition.acquireSync()\`.`,
      );
    }
  }

  #notified(waiter: number): true | undefined {
    return this[HEAP].load(waiter + WAITER.STATE) === NOTIFIED || undefined;
  }

  /**
   * Puts a record at the end of the list, with one count for the list and one for the waiter. The latter stands in the
   * holdings of this isolate, in the slot that is returned: so the record outlives a waiter that dies until the reaper
   * has looked at its spot.
   */
  #join(): number {
    const heap = this[HEAP];
    const { i32 } = heap;
    const at = this[AT];
    const slot = noteNew(KIND.WAITER, WAITER.WORDS - 2);
    const waiter = i32[slot];
    i32[waiter + WAITER.STATE] = WAITING;
    i32[waiter + WAITER.OWNER] = heap.ident;
    i32[waiter + WAITER.NEXT] = 0;
    i32[waiter + WAITER.CONDITION] = at;
    initSpot(heap, waiter + WAITER.SPOT);
    // In one go, with no call in which the thread could be killed. From here on the reaper looks into it.
    i32[waiter + BLOCK.KIND] = KIND.WAITER;
    i32[waiter + BLOCK.COUNT] = 2;
    const tail = i32[at + CONDITION.TAIL];
    if (tail === 0) i32[at + CONDITION.HEAD] = waiter;
    else i32[tail + WAITER.NEXT] = waiter;
    i32[at + CONDITION.TAIL] = waiter;
    i32[at + CONDITION.COUNT]++;
    return slot;
  }

  /** With the lock held again: whether the notification came. Takes the record out of the list when it did not. */
  #leave(slot: number): boolean {
    const waiter = this[HEAP].i32[slot];
    const notified = this[HEAP].i32[waiter + WAITER.STATE] === NOTIFIED;
    if (!notified) this.#unlink(waiter);
    letGo(slot);
    return notified;
  }

  #unlink(waiter: number): void {
    const heap = this[HEAP];
    const { i32 } = heap;
    const at = this[AT];
    let before = 0;
    let node = i32[at + CONDITION.HEAD];
    for (; node !== waiter && node !== 0; node = i32[node + WAITER.NEXT]) before = node;
    // Never put in: it died before.
    if (node === 0) return;
    const next = i32[waiter + WAITER.NEXT];
    if (before === 0) i32[at + CONDITION.HEAD] = next;
    else i32[before + WAITER.NEXT] = next;
    if (next === 0) i32[at + CONDITION.TAIL] = before;
    i32[at + CONDITION.COUNT]--;
    heap.release(waiter);
  }

  #notify(n: number): void {
    const heap = this[HEAP];
    const { i32 } = heap;
    const at = this[AT];
    for (let left = n; left > 0; ) {
      const waiter = i32[at + CONDITION.HEAD];
      if (waiter === 0) return;
      // In the holdings while it is woken: should this thread die in the middle, the reaper rouses it.
      const slot = noteCounting(waiter);
      // One that died waiting needs none.
      const alive = heap.descriptorOf(i32[waiter + WAITER.OWNER]) !== 0;
      // Out of the list and notified in one go: a thread dies only where it calls something, and a record that is out
      // and not notified would never be.
      i32[at + CONDITION.HEAD] = i32[waiter + WAITER.NEXT];
      if (i32[at + CONDITION.HEAD] === 0) i32[at + CONDITION.TAIL] = 0;
      i32[at + CONDITION.COUNT]--;
      i32[waiter + WAITER.STATE] = alive ? NOTIFIED : SKIPPED;
      if (alive) {
        // Again, atomically: visible before the waiters are looked at.
        heap.store(waiter + WAITER.STATE, NOTIFIED);
        wake(heap, waiter + WAITER.SPOT, 1);
        left--;
      }
      heap.release(waiter);
      letGo(slot);
    }
  }
}

defineKind(KIND.CONDITION, Condition, (heap, at) => {
  for (let waiter = heap.i32[at + CONDITION.HEAD]; waiter !== 0; ) {
    const next = heap.i32[waiter + WAITER.NEXT];
    heap.release(waiter);
    waiter = next;
  }
  heap.release(heap.i32[at + CONDITION.LOCK]);
});
defineAbandon(KIND.WAITER, (heap, waiter, ident) => {
  if (heap.i32[waiter + WAITER.OWNER] !== ident) {
    // It was being woken by the thread that died.
    rouse(heap, waiter + WAITER.SPOT);
    return;
  }
  const at = heap.i32[waiter + WAITER.CONDITION];
  heap.retain(waiter);
  (wrapCounting(heap, at) as Condition)[FORGET](waiter);
});
