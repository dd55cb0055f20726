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
import type { Heap } from './heap.ts';
import { ISOLATE, MAX_ISOLATES } from './layout.ts';
import { isGone } from './liveness.ts';
import { pause } from './thread-memory.ts';

const CONTENDED = 0x40000000;
const SPINS = 100;
/** How long a sleeper trusts that the owner lives before it looks again, in milliseconds. */
const LIVENESS_MS = 50;

/** Locks; true when the last owner died holding it, which leaves what it guards for the caller to look over. */
export function lockMutex(heap: Heap, at: number): boolean {
  return heap.cas(at, 0, heap.ident) === 0 ? false : lockSlow(heap, at);
}

/** What `lockMutexWithin` returns when waiting would have no end. */
export const CIRCLE: unique symbol = Symbol('circle');

/**
 * The same for a thread that holds mutexes already and runs the user's code under them, which may go round in a circle:
 * this one wants what that one holds, and the other way round. Then the first that notices gets `CIRCLE`, and nothing
 * is locked. Who waits so says for what in its descriptor.
 */
export function lockMutexWithin(heap: Heap, at: number): boolean | typeof CIRCLE {
  if (heap.cas(at, 0, heap.ident) === 0) return false;
  const wanted = heap.descriptor + ISOLATE.WANTED_MUTEX;
  heap.store(wanted, at);
  try {
    return lockSlow(heap, at, true);
  } finally {
    heap.store(wanted, 0);
  }
}

/** Whether the holder of a mutex waits, over however many others, for one that this thread holds. */
function closesCircle(heap: Heap, at: number): boolean {
  let word = at;
  for (let steps = 0; steps < MAX_ISOLATES && word !== 0; steps++) {
    const holder = heap.load(word) & ~CONTENDED;
    if (holder === heap.ident) return true;
    const descriptor = heap.descriptorOf(holder);
    word = descriptor === 0 ? 0 : heap.load(descriptor + ISOLATE.WANTED_MUTEX);
  }
  return false;
}

function lockSlow(heap: Heap, at: number): boolean;
function lockSlow(heap: Heap, at: number, within: true): boolean | typeof CIRCLE;
function lockSlow(heap: Heap, at: number, within = false): boolean | typeof CIRCLE {
  for (let spin = 0; spin < SPINS; spin++) {
    if (heap.load(at) === 0 && heap.cas(at, 0, heap.ident) === 0) return false;
    pause();
  }
  for (;;) {
    const word = heap.load(at);
    if (word === 0) {
      // Not plain `ident`: others may sleep whose CONTENDED bit went with the last owner.
      if (heap.cas(at, 0, heap.ident | CONTENDED) === 0) return false;
      continue;
    }
    if (!(word & CONTENDED) && heap.cas(at, word, word | CONTENDED) !== word) continue;
    const contended = word | CONTENDED;
    if (heap.wait(at, contended, LIVENESS_MS) !== 'timed-out') continue;
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

/** Whether the thread `ident` holds a mutex. */
export function isMutexOf(heap: Heap, at: number, ident: number): boolean {
  return (heap.load(at) & ~CONTENDED) === ident;
}

/** Frees a mutex that a dead thread held; for the reaper. */
export function breakMutex(heap: Heap, at: number, dead: number): boolean {
  const word = heap.load(at);
  if ((word & ~CONTENDED) !== dead || heap.cas(at, word, 0) !== word) return false;
  heap.notify(at, 1);
  return true;
}
