/**
 * A reentrant lock, as Python's `threading.RLock`: its owner may take it again, and only its owner may release it.
 *
 *     OWNER      meaning                            leaves by
 *     0          free                               anybody: 0 → ident, then TOKEN and LEVELS by the new owner
 *     ident > 0  owned, LEVELS times over           the owner's last release: → 0; its death: → ABANDONED
 *     ABANDONED  free; its last owner died          anybody: → ident, told so by the guard
 *
 * The owner is the thread, and for asynchronous holders the `run` call that they are nested in (TOKEN). A `run` inside a
 * `run` takes the lock over from it, and gives it back at its end: so two of them inside one exclude each other, and
 * what a `run` left running owns nothing once that `run` is over.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { RuntimeError } from '../errors.ts';
import {
  AT,
  type Attempt,
  checkFunction,
  deadlineIn,
  defineAbandon,
  defineHolder,
  defineKind,
  HEAP,
  initSpot,
  KIND,
  park,
  parkSync,
  RLOCK,
  refusal,
  refuseArguments,
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

/** The `run` calls that the current code is nested in, innermost first; over ones are still there, and count no more. */
type Nesting = { lock: RLock; token: number; active: boolean; outer: Nesting | undefined };
const nestings = new AsyncLocalStorage<Nesting>();
let lastToken = 0;
const LARGEST = 2 ** 31 - 1;

export class RLock extends SharedObject implements Mutual {
  #guards: (Guard | undefined)[] = [];

  /** A free lock. It takes no arguments: `TypeError`. */
  constructor(...none: []) {
    refuseArguments(new.target.name, none);
    super(KIND.RLOCK, RLOCK.WORDS - 2, (heap, at) => {
      heap.i32[at + RLOCK.OWNER] = FREE;
      heap.i32[at + RLOCK.TOKEN] = 0;
      heap.i32[at + RLOCK.LEVELS] = 0;
      initSpot(heap, at + RLOCK.SPOT);
    });
  }

  /** Acquires without blocking the event loop; undefined only when `timeout` (milliseconds) passed first. */
  acquire(options?: { signal?: AbortSignal }): Promise<Guard>;
  acquire(options?: WaitOptions): Promise<Guard | undefined>;
  acquire(options?: WaitOptions): Promise<Guard | undefined> {
    const refused = refusal(options, 'acquire', this);
    if (refused) return refused;
    const token = this.#token();
    // An owner never queues behind those who wait for it.
    if (!options?.signal?.aborted && this.#owns(token)) return Promise.resolve(this.#enter(false));
    return park(this[HEAP], this[AT] + RLOCK.SPOT, this.#attempt(token), options);
  }

  /** Blocks this thread until the lock is acquired; undefined only when `timeout` (milliseconds) passed first. */
  acquireSync(): Guard;
  acquireSync(options?: SyncWaitOptions): Guard | undefined;
  acquireSync(options?: SyncWaitOptions): Guard | undefined {
    const deadline = options === undefined ? Infinity : deadlineIn(options, 'acquireSync', this, SYNC);
    const token = this.#token();
    const guard = this.#take(token);
    if (guard) return guard;
    return parkSync(this[HEAP], this[AT] + RLOCK.SPOT, this[AT], this.#attempt(token), deadline);
  }

  /** The lock if it is free or this owner's already, else undefined. Never waits. */
  tryAcquire(): Guard | undefined {
    return this.#take(this.#token());
  }

  /** Gives one level back. Throws `RuntimeError` when the caller isn't the owner. */
  release(): void {
    this.#mustOwn();
    this.#guards.pop()?.forget();
    this.#leave();
  }

  #mustOwn(): void {
    if (!this.#owns(this.#token())) {
      throw new RuntimeError(
        `${this.toString()} can't be released here: only its owner (thread, and \`run\` call) may release an RLock.`,
      );
    }
  }

  #leave(): void {
    if (--this[HEAP].i32[this[AT] + RLOCK.LEVELS] === 0) this.#free();
  }

  /** Whether anybody owns it now. */
  locked(): boolean {
    return this[HEAP].load(this[AT] + RLOCK.OWNER) > 0;
  }

  /**
   * Acquires, runs `fn` to its end, releases, also when it throws. What runs inside owns the lock, across every
   * `await`, and may `run` again; other tasks of this thread do not. Without `run` the thread is the owner, and its
   * tasks are not told apart: `acquire()` twice is a second level, whichever task calls. `fn` is given the guard.
   */
  async run<R>(fn: (guard: Guard) => R | Promise<R>): Promise<R> {
    checkFunction(fn, 'run', this, 'to run with the lock held');
    const outer = nestings.getStore();
    const enclosing = this.#token();
    // A word of the record: it starts again before it would not fit.
    if (lastToken === LARGEST) lastToken = 0;
    const token = ++lastToken;
    const nesting: Nesting = { lock: this, token, active: true, outer };
    return await nestings.run(nesting, async () => {
      const guard = await this.#enterRun(token, enclosing);
      try {
        return await fn(guard);
      } finally {
        nesting.active = false;
        this.#leaveRun(guard, token, enclosing);
      }
    });
  }

  /** Acquires for a `run`; from the `run` around it, or from the thread, it takes the lock over. */
  #enterRun(token: number, enclosing: number): Promise<Guard> {
    const heap = this[HEAP];
    const attempt = (): Guard | undefined => {
      const guard = this.#take(enclosing);
      if (guard) heap.i32[this[AT] + RLOCK.TOKEN] = token;
      return guard;
    };
    const guard = attempt();
    return guard ? Promise.resolve(guard) : (park(heap, this[AT] + RLOCK.SPOT, attempt) as Promise<Guard>);
  }

  #leaveRun(guard: Guard, token: number, enclosing: number): void {
    const heap = this[HEAP];
    guard.release();
    if (heap.load(this[AT] + RLOCK.OWNER) !== heap.ident || heap.i32[this[AT] + RLOCK.TOKEN] !== token) return;
    // Still owned: the `run` around has it again, and the next one inside that may take it over.
    heap.i32[this[AT] + RLOCK.TOKEN] = enclosing;
    wake(heap, this[AT] + RLOCK.SPOT, 1);
  }

  /** How many wait now, and the ident of the owner's thread. */
  statistics(): { waiting: number; holder?: number } {
    const waiting = waitingAt(this[HEAP], this[AT] + RLOCK.SPOT);
    const holder = this[HEAP].load(this[AT] + RLOCK.OWNER);
    return holder > 0 ? { waiting, holder } : { waiting };
  }

  override toString(): string {
    const levels = this[HEAP].load(this[AT] + RLOCK.LEVELS);
    const owner = this[HEAP].load(this[AT] + RLOCK.OWNER);
    const state = owner > 0 ? 'locked' : 'unlocked';
    return `<${state} ${this.constructor.name} #${this[AT].toString(16)} owner=${Math.max(owner, 0)} count=${owner > 0 ? levels : 0}>`;
  }

  /** @internal */
  isOwned(): boolean {
    return this.#owns(this.#token());
  }

  /** @internal How many levels the caller holds; 0 when it isn't the owner. */
  recursionCount(): number {
    return this.isOwned() ? this[HEAP].i32[this[AT] + RLOCK.LEVELS] : 0;
  }

  /** @internal Gives up all levels, for a condition. */
  [SAVE](): Saved {
    this.#mustOwn();
    const saved = { levels: this[HEAP].i32[this[AT] + RLOCK.LEVELS], guards: this.#guards };
    this.#guards = [];
    this[HEAP].i32[this[AT] + RLOCK.LEVELS] = 0;
    this.#free();
    return saved;
  }

  /** @internal */
  [TAKE](): Promise<Guard> {
    const attempt = this.#attempt(this.#token());
    return park(this[HEAP], this[AT] + RLOCK.SPOT, attempt, { outlives: true }) as Promise<Guard>;
  }

  /** @internal */
  async [RESTORE](saved: Saved): Promise<void> {
    this.#restore(saved, await this[TAKE]());
  }

  /** @internal */
  [RESTORE_SYNC](saved: Saved): void {
    this.#restore(
      saved,
      unbroken(() => this.acquireSync()),
    );
  }

  /** @internal This very guard, not the innermost: tasks inside one `run` end in any order. */
  [GIVE_BACK](guard: Guard): void {
    // That the guard is in the list shows whose it is; the context may be another by now.
    if (this[HEAP].load(this[AT] + RLOCK.OWNER) !== this[HEAP].ident) this.#mustOwn();
    if (this.#guards.at(-1) === guard) {
      this.#guards.pop();
    } else {
      const index = this.#guards.lastIndexOf(guard);
      if (index < 0) return;
      this.#guards.splice(index, 1);
    }
    this.#leave();
  }

  #restore({ levels, guards }: Saved, { abandoned }: Guard): void {
    // What the caller holds are the old guards: they say now what the new one would.
    if (abandoned) for (const guard of guards) guard?.markAbandoned();
    this.#guards = guards;
    this[HEAP].i32[this[AT] + RLOCK.LEVELS] = levels;
  }

  #token(): number {
    if (lastToken === 0) return 0;
    let nesting = nestings.getStore();
    while (nesting && !(nesting.active && nesting.lock === this)) nesting = nesting.outer;
    return nesting?.token ?? 0;
  }

  #owns(token: number): boolean {
    const heap = this[HEAP];
    return heap.load(this[AT] + RLOCK.OWNER) === heap.ident && heap.i32[this[AT] + RLOCK.TOKEN] === token;
  }

  #attempt(token: number): Attempt<Guard> {
    return () => this.#take(token);
  }

  #take(token: number): Guard | undefined {
    const heap = this[HEAP];
    const at = this[AT];
    const owner = heap.load(at + RLOCK.OWNER);
    if (owner === heap.ident) return heap.i32[at + RLOCK.TOKEN] === token ? this.#enter(false) : undefined;
    if (owner > 0 || heap.cas(at + RLOCK.OWNER, owner, heap.ident) !== owner) return undefined;
    // Ours now, and nobody else reads these two while it is.
    heap.i32[at + RLOCK.TOKEN] = token;
    heap.i32[at + RLOCK.LEVELS] = 0;
    this.#guards.length = 0;
    return this.#enter(owner === ABANDONED);
  }

  #enter(abandoned: boolean): Guard {
    this[HEAP].i32[this[AT] + RLOCK.LEVELS]++;
    const guard = new Guard(this, abandoned);
    this.#guards.push(guard);
    return guard;
  }

  #free(): void {
    const heap = this[HEAP];
    heap.store(this[AT] + RLOCK.OWNER, FREE);
    wake(heap, this[AT] + RLOCK.SPOT, 1);
  }
}

defineKind(KIND.RLOCK, RLock);
defineHolder(KIND.RLOCK, (heap, at) => Math.max(heap.load(at + RLOCK.OWNER), 0));
defineAbandon(KIND.RLOCK, (heap, at, ident) => {
  heap.cas(at + RLOCK.OWNER, ident, ABANDONED);
  // Also when it didn't own it: it may have died between its release and the wake-up, or within that.
  rouse(heap, at + RLOCK.SPOT);
});
