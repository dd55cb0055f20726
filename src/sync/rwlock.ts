/**
 * A readers-writer lock: many read at once, or one writes. Its state is changed under a mutex, a few words at a time.
 *
 *     WRITER      READING   meaning                     leaves by
 *     0           0         free                        a reader: READING + 1; a writer: → ident
 *     0           n         n threads read              their reads' ends: READING - 1; a reader's death: likewise
 *     ident > 0   0         that thread writes          its release: → 0; its death: → ABANDONED
 *     ABANDONED   0 or n    free for readers, or read;  a writer: → ident, told so by the guard; readers are told so too,
 *                           the last writer died        and leave it as it is
 *
 * Which threads read, and how many reads each has, stands in a table: so a reader's death gives back exactly its own.
 *
 * Nobody starves. A new reader waits behind a writer that waits; when a writer ends, as many readers as wait at that
 * moment have their TURN before the next one (after Brandenburg and Anderson's phase-fair locks). A writer that others
 * have overtaken for a millisecond is STARVING: then only it may write next.
 *
 * All this goes by who blocks. An asynchronous waiter's event loop may itself be blocked, perhaps by the very thread that
 * would stand behind it, so it is waited for GRACE_MS after the lock was given back, and no longer.
 */
import { RuntimeError } from '../errors.ts';
import {
  AT,
  blockedAt,
  breakMutex,
  deadlineIn,
  defineAbandon,
  defineHeld,
  defineHolder,
  defineKind,
  HEAP,
  type Heap,
  ISOLATE,
  initSpot,
  KIND,
  lockMutex,
  park,
  parkSync,
  RWLOCK,
  refuseArguments,
  refuseDisposed,
  rouse,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  unlockMutex,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';
import { leaveSpots } from './death.ts';
import { GIVE_BACK, Guard, type Release } from './guard.ts';
import { enter, entryOf, leave, readsOf } from './readers.ts';

const ABANDONED = -1;
const STARVING_MS = 1;
const GRACE_MS = 10;

/** Nobody is in the way; somebody is, who blocks; somebody is, whose event loop has not turned yet. */
const FREE = 0;
const CLAIMED = 1;
const SOFTLY_CLAIMED = 2;
/** Look again after GRACE_MS, whether woken or not. */
const LATER = Symbol('later');

const READ = 0;
const WRITE = 1;
type Side = typeof READ | typeof WRITE;
const SPOTS = [RWLOCK.READ_SPOT, RWLOCK.WRITE_SPOT] as const;
const VERBS = ['read', 'write'] as const;

export type RWLockStatistics = {
  /** How many wait, for reading and for writing. */
  waiting: number;
  waitingReaders: number;
  waitingWriters: number;
  /** How many reads are going on. */
  readers: number;
  /** The ident of the thread that writes. */
  writer?: number;
};

export class RWLock extends SharedObject {
  #timer: NodeJS.Timeout | undefined;

  /** A free one. It takes no arguments: `TypeError`. */
  constructor(...none: []) {
    refuseArguments(new.target.name, none);
    super(KIND.RWLOCK, RWLOCK.WORDS - 2, (heap, at) => {
      heap.i32.fill(0, at + RWLOCK.WRITER, at + RWLOCK.WORDS);
      initSpot(heap, at + RWLOCK.READ_SPOT);
      initSpot(heap, at + RWLOCK.WRITE_SPOT);
    });
  }

  /**
   * Takes it for reading, beside other readers, without blocking the event loop; undefined only when `timeout`
   * (milliseconds) passed first. Rejects with `signal.reason`. Waits behind writers that wait, also inside another read:
   * a task that reads already and awaits a second read may wait for a writer that waits for the task.
   */
  read(options?: { signal?: AbortSignal }): Promise<Guard>;
  read(options?: WaitOptions): Promise<Guard | undefined>;
  read(options?: WaitOptions): Promise<Guard | undefined> {
    return this.#wait(READ, options);
  }

  /**
   * The same, blocking this thread. Inside another read of the same thread it waits for nobody. Where it would wait for
   * ever, since this very thread writes: `RuntimeError`.
   */
  readSync(): Guard;
  readSync(options?: SyncWaitOptions): Guard | undefined;
  readSync(options?: SyncWaitOptions): Guard | undefined {
    return this.#waitSync(READ, options);
  }

  /** A read if one can begin now, else undefined. Never waits. */
  tryRead(): Guard | undefined {
    const guard = this.#take(READ, false, true);
    return guard === LATER ? undefined : guard;
  }

  /**
   * Takes it for writing, alone, without blocking the event loop; undefined only when `timeout` (milliseconds) passed
   * first. Rejects with `signal.reason`. A task that reads must end that first: it would wait for itself.
   */
  write(options?: { signal?: AbortSignal }): Promise<Guard>;
  write(options?: WaitOptions): Promise<Guard | undefined>;
  write(options?: WaitOptions): Promise<Guard | undefined> {
    return this.#wait(WRITE, options);
  }

  /** The same, blocking this thread. Where it would wait for this very thread, which reads or writes: `RuntimeError`. */
  writeSync(): Guard;
  writeSync(options?: SyncWaitOptions): Guard | undefined;
  writeSync(options?: SyncWaitOptions): Guard | undefined {
    return this.#waitSync(WRITE, options);
  }

  /** The write if it can begin now, else undefined. Never waits. */
  tryWrite(): Guard | undefined {
    const guard = this.#take(WRITE, false, true);
    return guard === LATER ? undefined : guard;
  }

  /** Whether anybody reads or writes now. */
  locked(): boolean {
    const heap = this[HEAP];
    return heap.load(this[AT] + RWLOCK.WRITER) > 0 || heap.load(this[AT] + RWLOCK.READING) > 0;
  }

  statistics(): RWLockStatistics {
    const heap = this[HEAP];
    const at = this[AT];
    const waitingReaders = waitingAt(heap, at + RWLOCK.READ_SPOT);
    const waitingWriters = waitingAt(heap, at + RWLOCK.WRITE_SPOT);
    const waiting = waitingReaders + waitingWriters;
    lockMutex(heap, at + RWLOCK.MUTEX);
    const readers = readsOf(heap, at);
    const writer = heap.i32[at + RWLOCK.WRITER];
    unlockMutex(heap, at + RWLOCK.MUTEX);
    return { waiting, waitingReaders, waitingWriters, readers, ...(writer > 0 ? { writer } : undefined) };
  }

  override toString(): string {
    const { readers, writer } = this.statistics();
    const name = `${this.constructor.name} #${this[AT].toString(16)}`;
    if (writer !== undefined) return `<locked ${name} writer=${writer}>`;
    return readers > 0 ? `<locked ${name} readers=${readers}>` : `<unlocked ${name}>`;
  }

  async #wait(side: Side, options: WaitOptions | undefined): Promise<Guard | undefined> {
    deadlineIn(options, VERBS[side], this);
    const heap = this[HEAP];
    const at = this[AT];
    let since = 0;
    const attempt = (counted: boolean): Guard | undefined => {
      if (counted && since === 0) since = performance.now();
      const guard = this.#take(side, counted, false);
      if (guard && guard !== LATER) return guard;
      if (side === WRITE && counted && performance.now() - since > STARVING_MS) starve(heap, at);
      if (guard === LATER) this.#lookLater(side);
      return undefined;
    };
    let guard: Guard | undefined;
    try {
      guard = await park(heap, at + SPOTS[side], attempt, options);
      return guard;
    } finally {
      if (!guard) wakeAll(heap, at);
    }
  }

  #waitSync(side: Side, options: SyncWaitOptions | undefined): Guard | undefined {
    const deadline = options === undefined ? Infinity : deadlineIn(options, `${VERBS[side]}Sync`, this, SYNC);
    const guard = this.#take(side, false, true);
    return guard && guard !== LATER ? guard : this.#waitSyncSlow(side, deadline);
  }

  #waitSyncSlow(side: Side, deadline: number): Guard | undefined {
    const heap = this[HEAP];
    const at = this[AT];
    let since = 0;
    let patient = false;
    const attempt = (counted: boolean): Guard | typeof LATER | undefined => {
      if (counted && since === 0) since = performance.now();
      const guard = this.#take(side, counted, true);
      if (guard && guard !== LATER) return guard;
      if (!guard && deadline === Infinity) this.#mustNotWaitForItself(side);
      if (side === WRITE && counted && performance.now() - since > STARVING_MS) starve(heap, at);
      return guard === LATER && patient ? undefined : guard;
    };
    let guard: Guard | undefined;
    try {
      for (;;) {
        // Woken when what it waits for changes; that an asynchronous waiter's time is up, nobody tells.
        const until: number = patient ? Math.min(deadline, performance.now() + GRACE_MS) : deadline;
        const taken = parkSync(heap, at + SPOTS[side], at, attempt, until);
        patient = taken === LATER;
        if (taken !== undefined && taken !== LATER) {
          guard = taken;
          return guard;
        }
        if (performance.now() >= deadline) return undefined;
      }
    } finally {
      // Others may have stood behind this one only.
      if (!guard) wakeAll(heap, at);
    }
  }

  /** Blocking, when what is in the way is this thread itself, whatever task of it: it would never go on. */
  #mustNotWaitForItself(side: Side): void {
    const heap = this[HEAP];
    const writes = heap.load(this[AT] + RWLOCK.WRITER) === heap.ident;
    if (!writes && (side === READ || !reads(heap, this[AT], heap.ident))) return;
    throw new RuntimeError(
      `${VERBS[side]}Sync() of ${this.toString()} would wait for ever: this very thread ${writes ? 'writes' : 'reads'}. ` +
        'Release that guard first.',
    );
  }

  /** Wakes this isolate's asynchronous waiters, and others, once those before them have had their time. */
  #lookLater(side: Side): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // Disposed meanwhile: then nobody waits here.
      if (this instanceof RWLock) wake(this[HEAP], this[AT] + SPOTS[side], Infinity);
    }, GRACE_MS);
  }

  /** `blocking`: the caller's thread can give nothing back while it waits, so a read inside a read waits for nobody. */
  #take(side: Side, counted: boolean, blocking: boolean): Guard | typeof LATER | undefined {
    const heap = this[HEAP];
    const at = this[AT];
    const { ident, i32 } = heap;
    // Most looks of a waiter end here.
    if (heap.load(at + RWLOCK.WRITER) > 0) return undefined;
    lockMutex(heap, at + RWLOCK.MUTEX);
    try {
      const writer = i32[at + RWLOCK.WRITER];
      if (writer > 0 || (side === WRITE && i32[at + RWLOCK.READING] > 0)) return undefined;
      if (side === READ) {
        const inside = blocking && entryOf(heap, at, ident) !== 0;
        const claim = inside ? FREE : claimOfWriters(heap, at, counted);
        if (claim !== FREE) return claim === CLAIMED ? undefined : LATER;
        enter(heap, at, ident);
        if (counted && i32[at + RWLOCK.TURN] > 0) i32[at + RWLOCK.TURN]--;
      } else {
        const claim = claimOfReaders(heap, at) || claimOfStarving(heap, at);
        if (claim !== FREE) return claim === CLAIMED ? undefined : LATER;
        i32[at + RWLOCK.TURN] = 0;
        i32[at + RWLOCK.STARVING] = 0;
        heap.store(at + RWLOCK.WRITER, ident);
      }
      return new Guard(new Share(this, side, ident), writer === ABANDONED);
    } finally {
      unlockMutex(heap, at + RWLOCK.MUTEX);
    }
  }
}

/** What a guard of it stands for: the thread's, also when another thread runs in this isolate by then. */
class Share implements Release {
  readonly lock: RWLock;
  readonly side: Side;
  readonly ident: number;

  constructor(lock: RWLock, side: Side, ident: number) {
    this.lock = lock;
    this.side = side;
    this.ident = ident;
  }

  [GIVE_BACK](): void {
    refuseDisposed(this.lock, 'RWLock');
    (this.side === READ ? leaveRead : leaveWrite)(this.lock[HEAP], this.lock[AT], this.ident);
  }
}

/** Does nothing when the thread has no read any more: it was taken for dead. */
function leaveRead(heap: Heap, at: number, ident: number): void {
  lockMutex(heap, at + RWLOCK.MUTEX);
  leave(heap, at, ident, 1);
  const last = heap.i32[at + RWLOCK.READING] === 0;
  if (last) givenBack(heap, at);
  unlockMutex(heap, at + RWLOCK.MUTEX);
  if (last) wakeWriters(heap, at);
}

function leaveWrite(heap: Heap, at: number, ident: number): void {
  if (heap.load(at + RWLOCK.WRITER) !== ident) return;
  lockMutex(heap, at + RWLOCK.MUTEX);
  heap.i32[at + RWLOCK.TURN] = waitingAt(heap, at + RWLOCK.READ_SPOT);
  givenBack(heap, at);
  heap.store(at + RWLOCK.WRITER, 0);
  unlockMutex(heap, at + RWLOCK.MUTEX);
  wake(heap, at + RWLOCK.READ_SPOT, Infinity);
  wakeWriters(heap, at);
}

function reads(heap: Heap, at: number, ident: number): boolean {
  lockMutex(heap, at + RWLOCK.MUTEX);
  const entry = entryOf(heap, at, ident);
  unlockMutex(heap, at + RWLOCK.MUTEX);
  return entry !== 0;
}

/** From now on those whose event loops must turn first have their time. Under the mutex. */
function givenBack(heap: Heap, at: number): void {
  if (asyncAt(heap, at + RWLOCK.READ_SPOT) > 0 || asyncAt(heap, at + RWLOCK.WRITE_SPOT) > 0) {
    heap.i32[at + RWLOCK.FREE_SINCE] = Date.now() | 0;
  }
}

/** One writer; all when one of them starves, since it may not be the one that a single wake-up finds. */
function wakeWriters(heap: Heap, at: number): void {
  wake(heap, at + RWLOCK.WRITE_SPOT, heap.load(at + RWLOCK.STARVING) === 0 ? 1 : Infinity);
}

function wakeAll(heap: Heap, at: number): void {
  wake(heap, at + RWLOCK.READ_SPOT, Infinity);
  wake(heap, at + RWLOCK.WRITE_SPOT, Infinity);
}

function asyncAt(heap: Heap, spot: number): number {
  return waitingAt(heap, spot) - blockedAt(heap, spot);
}

function inGrace(heap: Heap, at: number): boolean {
  const age = ((Date.now() | 0) - heap.i32[at + RWLOCK.FREE_SINCE]) | 0;
  return age >= 0 && age < GRACE_MS;
}

/** Whether a reader must let writers go first. */
function claimOfWriters(heap: Heap, at: number, counted: boolean): number {
  // Who waits goes in as long as it is the readers' turn. Tempting and wrong: to ask who waited when the turn began, and
  // to let writers wait as long as any reader blocks: one that came later would wait for them, and they for it.
  if (counted && heap.i32[at + RWLOCK.TURN] > 0) return FREE;
  if (blockedAt(heap, at + RWLOCK.WRITE_SPOT) > 0) return CLAIMED;
  if (asyncAt(heap, at + RWLOCK.WRITE_SPOT) === 0) return FREE;
  return heap.i32[at + RWLOCK.READING] > 0 || inGrace(heap, at) ? SOFTLY_CLAIMED : FREE;
}

/** Whether a writer must let readers go first. */
function claimOfReaders(heap: Heap, at: number): number {
  if (heap.i32[at + RWLOCK.TURN] === 0) return FREE;
  if (blockedAt(heap, at + RWLOCK.READ_SPOT) > 0) return CLAIMED;
  return asyncAt(heap, at + RWLOCK.READ_SPOT) > 0 && inGrace(heap, at) ? SOFTLY_CLAIMED : FREE;
}

/** Whether a writer must let another one go first. */
function claimOfStarving(heap: Heap, at: number): number {
  const starving = heap.load(at + RWLOCK.STARVING);
  if (starving === 0 || starving === heap.ident) return FREE;
  const descriptor = heap.descriptorOf(starving);
  if (descriptor === 0) return FREE;
  if (heap.load(descriptor + ISOLATE.PARKED_SPOT) === at + RWLOCK.WRITE_SPOT) return CLAIMED;
  return asyncAt(heap, at + RWLOCK.WRITE_SPOT) > 0 && inGrace(heap, at) ? SOFTLY_CLAIMED : FREE;
}

/** This thread's writer has waited too long; unless another one has said so before. */
function starve(heap: Heap, at: number): void {
  const starving = heap.load(at + RWLOCK.STARVING);
  if (starving === 0 || heap.descriptorOf(starving) === 0) heap.cas(at + RWLOCK.STARVING, starving, heap.ident);
}

defineKind(KIND.RWLOCK, RWLock, (heap, at) => {
  if (heap.i32[at + RWLOCK.TABLE] !== 0) heap.release(heap.i32[at + RWLOCK.TABLE]);
});
defineHolder(KIND.RWLOCK, (heap, at) => Math.max(heap.load(at + RWLOCK.WRITER), 0));
defineHeld(KIND.RWLOCK, (heap, at, ident) => heap.load(at + RWLOCK.WRITER) === ident || reads(heap, at, ident));
defineAbandon(KIND.RWLOCK, (heap, at, ident) => {
  breakMutex(heap, at + RWLOCK.MUTEX, ident);
  leaveSpots(heap, ident);
  lockMutex(heap, at + RWLOCK.MUTEX);
  leave(heap, at, ident, Infinity);
  if (heap.i32[at + RWLOCK.WRITER] === ident) {
    heap.i32[at + RWLOCK.TURN] = waitingAt(heap, at + RWLOCK.READ_SPOT);
    heap.store(at + RWLOCK.WRITER, ABANDONED);
  }
  givenBack(heap, at);
  unlockMutex(heap, at + RWLOCK.MUTEX);
  // Also when it held nothing: it may have died between giving back and the wake-up.
  rouse(heap, at + RWLOCK.READ_SPOT);
  rouse(heap, at + RWLOCK.WRITE_SPOT);
});
