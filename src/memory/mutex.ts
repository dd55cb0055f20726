/**
 * The lock below the locks: guards a few lines of ours, never a call into the user's code. One word.
 *
 *     word                      | meaning
 *     0                         | free
 *     ident                     | held by that thread, nobody sleeps
 *     ident | CONTENDED         | held, somebody may sleep: unlock wakes one
 *
 * (After Ulrich Drepper, "Futexes Are Tricky", mutex 2, with the owner's ident in place of 1.)
 *
 * An owner that died inside is noticed by who waits: the word is taken over, and `lock` says so, so that the structure
 * behind it can be looked over.
 */
import { announce, dropPlace, FIRST_LOOK_MS, type Look, wantedLookout } from './blocked.ts';
import type { Heap } from './heap.ts';
import { ISOLATE, MAX_ISOLATES, PARKED } from './layout.ts';
import { isGone } from './liveness.ts';
import { pause } from './thread-memory.ts';

const CONTENDED = 0x40000000;
const MOST_TURNS = 64;
/** How long a sleeper trusts that the owner lives before it looks again, in milliseconds. */
const LIVENESS_MS = 50;

/** Locks; true when the last owner died holding it, which leaves what it guards for the caller to look over. */
export function lockMutex(heap: Heap, at: number): boolean {
  return heap.cas(at, 0, heap.ident) === 0 ? false : lockSlow(heap, at);
}

function lockSlow(heap: Heap, at: number): boolean {
  return spin(heap, at) ? false : sleep(heap, at, (contended) => doze(heap, at, contended));
}

/** What `lockMutexFor` returns when waiting would have no end. */
export const CIRCLE: unique symbol = Symbol('circle');

/**
 * The same for a mutex under which its owners run the user's code, which may wait for anything: who waits here says so,
 * for which object, and is looked after as in `parkSync`. With `within`, the caller holds such a mutex already, which may
 * go round in a circle: this one wants what that one holds, and the other way round. Then the first that notices gets
 * `CIRCLE`, and nothing is locked.
 */
export function lockMutexFor(heap: Heap, at: number, object: number, within: boolean): boolean | typeof CIRCLE {
  return heap.cas(at, 0, heap.ident) === 0 || spin(heap, at) ? false : sleepFor(heap, at, object, within);
}

function sleepFor(heap: Heap, at: number, object: number, within: boolean): boolean | typeof CIRCLE {
  const { descriptor, i32 } = heap;
  const wanted = descriptor + ISOLATE.WANTED_MUTEX;
  // In the middle of another wait, when what arrives is made an object again: then it is that one that shows.
  const shows = i32[descriptor + ISOLATE.PARKED_SPOT] === 0;
  const flags = shows ? announce(heap, object, false) : 0;
  const lookout = shows ? wantedLookout() : undefined;
  let lookAt = performance.now() + FIRST_LOOK_MS;
  let look: Look | undefined;
  heap.store(wanted, at);
  try {
    return sleep(
      heap,
      at,
      (contended) => {
        if (shows) i32[descriptor + ISOLATE.PARKED_FLAGS] = flags | PARKED.ASLEEP;
        const woken = doze(heap, at, contended);
        if (!woken && lookout && performance.now() >= lookAt) {
          look ??= lookout.begin(object);
          lookAt = performance.now() + look();
        }
        if (shows) i32[descriptor + ISOLATE.PARKED_FLAGS] = flags;
        return woken;
      },
      within,
    );
  } finally {
    heap.store(wanted, 0);
    if (shows) dropPlace(heap, descriptor);
  }
}

/** Whether the holder of a mutex waits, over however many others, for one that this thread holds. */
function closesCircle(heap: Heap, at: number): boolean {
  let word = at;
  for (let steps = 0; steps < MAX_ISOLATES && word !== 0; steps++) {
    const holder = ownerOf(heap, word);
    if (holder === heap.ident) return true;
    const descriptor = heap.descriptorOf(holder);
    word = descriptor === 0 ? 0 : heap.load(descriptor + ISOLATE.WANTED_MUTEX);
  }
  return false;
}

/** Whether it came free within a microsecond or two, and is locked now. */
function spin(heap: Heap, at: number): boolean {
  // Ever more rarely: each look takes the cache line away from who is inside, who gets further in one go then.
  for (let turns = 1; turns <= MOST_TURNS; turns *= 2) {
    for (let turn = 0; turn < turns; turn++) pause();
    if (heap.load(at) === 0 && heap.cas(at, 0, heap.ident) === 0) return true;
  }
  return false;
}

/** Sleeps once while the word is `contended`; false when nobody woke it. */
type Nap = (contended: number) => boolean;

function doze(heap: Heap, at: number, contended: number): boolean {
  return heap.wait(at, contended, LIVENESS_MS) !== 'timed-out';
}

/** Locks by way of sleeping, each time with `nap`. */
function sleep(heap: Heap, at: number, nap: Nap): boolean;
function sleep(heap: Heap, at: number, nap: Nap, within: boolean): boolean | typeof CIRCLE;
function sleep(heap: Heap, at: number, nap: Nap, within = false): boolean | typeof CIRCLE {
  for (;;) {
    const word = heap.load(at);
    if (word === 0) {
      // Not plain `ident`: others may sleep whose CONTENDED bit went with the last owner.
      if (heap.cas(at, 0, heap.ident | CONTENDED) === 0) return false;
      continue;
    }
    if (!(word & CONTENDED) && heap.cas(at, word, word | CONTENDED) !== word) continue;
    const contended = word | CONTENDED;
    if (nap(contended)) continue;
    if (isDead(heap, word & ~CONTENDED)) {
      if (heap.cas(at, contended, heap.ident | CONTENDED) === contended) return true;
    } else if (within && closesCircle(heap, at) && closesCircle(heap, at)) {
      // Twice: the first look may have met a mutex that changed hands meanwhile. A true circle stays.
      return CIRCLE;
    }
  }
}

/**
 * Reaped, or about to be. Tempting and wrong: only the former. The reaper may be the one that waits here, and would
 * hear of this death only once its event loop turns.
 */
function isDead(heap: Heap, owner: number): boolean {
  const descriptor = heap.descriptorOf(owner);
  return descriptor === 0 || isGone(heap, descriptor);
}

export function unlockMutex(heap: Heap, at: number): void {
  if (heap.exchange(at, 0) & CONTENDED) heap.notify(at, 1);
}

/** The ident of the thread that holds a mutex, 0 for none. */
export function ownerOf(heap: Heap, at: number): number {
  return heap.load(at) & ~CONTENDED;
}

/** Whether the thread `ident` holds a mutex. */
export function isMutexOf(heap: Heap, at: number, ident: number): boolean {
  return ownerOf(heap, at) === ident;
}

/** Frees a mutex that a dead thread held; for the reaper. */
export function breakMutex(heap: Heap, at: number, dead: number): boolean {
  const word = heap.load(at);
  if ((word & ~CONTENDED) !== dead || heap.cas(at, word, 0) !== word) return false;
  heap.notify(at, 1);
  return true;
}
