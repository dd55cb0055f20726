/**
 * Waiting. The only door through which this library sleeps and wakes.
 *
 * A *spot* is four words inside a shared record. Who needs something that isn't there (a lock, an item) parks on the
 * spot with an `attempt`, a function that takes it or returns undefined; who provides it makes it visible first and
 * then calls `wake`. An eventcount, so it serves any condition, not only a single word:
 *
 *     word             who writes                       meaning
 *     WAITERS          parkers add 2 before their last  bits 1…: threads that block or are about to;
 *                      look, subtract after the wait    bit 0: some isolate's event loop watches (armed)
 *     SEQUENCE         wakers add 1                     blocking threads sleep while it is what they read
 *     ASYNC_SEQUENCE   wakers add 1                     event loops watch while it is what they read
 *     ASYNC_COUNT      asynchronous waiters add, sub    how many there are: for statistics only
 *
 * No wake-up is lost: the parker counts itself, reads SEQUENCE, *then* looks again and sleeps; the waker publishes,
 * *then* reads WAITERS. Whichever comes second sees the other. Tempting and wrong: looking before being counted (the
 * waker sees nobody, the parker saw nothing), or reading SEQUENCE after the look (a wake in between goes unnoticed).
 *
 * Blocking and asynchronous waiters are woken separately, since V8 can't cancel an asynchronous wait: a waiter that
 * gave up would stay in the engine's list and swallow a `notify(1)` that somebody else needed, and one whose event
 * loop is busy would sit on it. So each isolate keeps its own asynchronous waiters in order in a local queue, watches
 * a spot at most once, and *every* watching isolate is told at each wake, in addition to the blocking thread that is.
 * Giving up is then a local removal, and costs nobody a wake-up. The armed bit is set by each watcher and cleared by
 * the waker, so a watcher that dies leaves no trace.
 */

import { availableParallelism } from 'node:os';
import { deadlineOf, type WaitOptions } from './deadline.ts';
import type { Heap } from './heap.ts';
import { ISOLATE, SPOT } from './layout.ts';
import { pause } from './thread-memory.ts';

/**
 * Takes what is waited for, or returns undefined; may throw, which ends the wait. `counted` says whether the caller
 * stands among the waiters by now.
 */
export type Attempt<T> = (counted: boolean) => T | undefined;

const COUNTED = 2;
const ARMED = 1;

/** About a microsecond or two: a hand-over between running threads takes less, a sleep and its wake take 15 µs. */
const SPINS = availableParallelism() > 1 ? 60 : 0;

/** Clears the spot of a new record. */
export function initSpot(heap: Heap, spot: number): void {
  heap.i32.fill(0, spot, spot + SPOT.WORDS);
}

/** Blocks until `attempt` succeeds; undefined when the deadline came first. `object` is named in reports. */
export function parkSync<T>(
  heap: Heap,
  spot: number,
  object: number,
  attempt: Attempt<T>,
  deadline: number,
): T | undefined {
  for (let spin = 0; spin < SPINS; spin++) {
    const taken = attempt(false);
    if (taken !== undefined) return taken;
    pause();
  }
  heap.add(spot + SPOT.WAITERS, COUNTED);
  const { descriptor } = heap;
  heap.i32[descriptor + ISOLATE.PARKED_OBJECT] = object;
  heap.f64[(descriptor + ISOLATE.PARKED_SINCE) >> 1] = performance.timeOrigin + performance.now();
  // Set only while we are counted: if we are killed, the reaper subtracts us and passes on the wake we may have got.
  heap.store(descriptor + ISOLATE.PARKED_SPOT, spot);
  try {
    for (;;) {
      const sequence = heap.load(spot + SPOT.SEQUENCE);
      const taken = attempt(true);
      if (taken !== undefined) return taken;
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      heap.wait(spot + SPOT.SEQUENCE, sequence, left);
    }
  } finally {
    heap.store(descriptor + ISOLATE.PARKED_SPOT, 0);
    heap.add(spot + SPOT.WAITERS, -COUNTED);
  }
}

/** Wakes up to `count` blocked threads and every event loop that watches. Call it after what they need is visible. */
export function wake(heap: Heap, spot: number, count: number): void {
  if (heap.load(spot + SPOT.WAITERS) !== 0) wakeSlow(heap, spot, count);
}

function wakeSlow(heap: Heap, spot: number, count: number): void {
  const waiters = heap.load(spot + SPOT.WAITERS);
  if (waiters >= COUNTED) {
    heap.add(spot + SPOT.SEQUENCE, 1);
    heap.notify(spot + SPOT.SEQUENCE, count);
  }
  if (waiters & ARMED) {
    heap.and(spot + SPOT.WAITERS, ~ARMED);
    heap.add(spot + SPOT.ASYNC_SEQUENCE, 1);
    heap.notify(spot + SPOT.ASYNC_SEQUENCE, Infinity);
  }
}

/** How many wait at a spot now, in both forms. */
export function waitingAt(heap: Heap, spot: number): number {
  return (heap.load(spot + SPOT.WAITERS) >> 1) + heap.load(spot + SPOT.ASYNC_COUNT);
}

/** How many block at a spot now. */
export function blockedAt(heap: Heap, spot: number): number {
  return heap.load(spot + SPOT.WAITERS) >> 1;
}

/** Takes back what a thread that died while parked left at its spot. */
export function unpark(heap: Heap, descriptor: number): void {
  const spot = heap.exchange(descriptor + ISOLATE.PARKED_SPOT, 0);
  if (spot === 0) return;
  heap.add(spot + SPOT.WAITERS, -COUNTED);
  // It may have been chosen by the last notify(1) and died before it could act on it.
  wake(heap, spot, 1);
}

type Waiter = {
  attempt: Attempt<unknown>;
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
  leave: () => void;
};

/** One isolate's asynchronous waiters at one spot, in order of arrival. */
type Watch = { heap: Heap; spot: number; waiters: Set<Waiter>; armed: boolean };

const watches = new Map<Heap, Map<number, Watch>>();

/**
 * Resolves with what `attempt` takes, or with undefined when the timeout came first; rejects with `signal.reason`, or
 * with what `attempt` throws. Waiters of one isolate are served in order. Tries once before it waits.
 */
export function park<T>(heap: Heap, spot: number, attempt: Attempt<T>, options?: WaitOptions): Promise<T | undefined> {
  const { signal } = options ?? {};
  const deadline = deadlineOf(options?.timeout);
  if (signal?.aborted) return Promise.reject(signal.reason);
  const watch = watchOf(heap, spot);
  if (watch.waiters.size === 0) {
    try {
      const taken = attempt(false);
      if (taken !== undefined) return Promise.resolve(taken);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  const left = deadline - performance.now();
  if (left <= 0) return Promise.resolve(undefined);
  return new Promise<T | undefined>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const waiter: Waiter = { attempt, resolve, reject, leave };
    function leave(): void {
      if (!watch.waiters.delete(waiter)) return;
      heap.add(spot + SPOT.ASYNC_COUNT, -1);
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      releaseLoop();
      if (watch.waiters.size === 0 && !watch.armed) watches.get(heap)!.delete(spot);
    }
    function onAbort(): void {
      leave();
      reject(signal!.reason);
      // Whoever stands behind the one that left may be able to go on.
      serve(watch);
    }
    if (left !== Infinity) {
      timer = setTimeout(expire, Math.min(left, MAX_TIMER_MS));
    }
    function expire(): void {
      const rest = deadline - performance.now();
      if (rest > 0) {
        timer = setTimeout(expire, Math.min(Math.ceil(rest), MAX_TIMER_MS));
        return;
      }
      leave();
      resolve(undefined);
      serve(watch);
    }
    signal?.addEventListener('abort', onAbort);
    watch.waiters.add(waiter);
    heap.add(spot + SPOT.ASYNC_COUNT, 1);
    holdLoop();
    arm(watch);
  });
}

/** setTimeout takes 31 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function watchOf(heap: Heap, spot: number): Watch {
  let spots = watches.get(heap);
  if (!spots) {
    spots = new Map();
    watches.set(heap, spots);
  }
  let watch = spots.get(spot);
  if (!watch) {
    watch = { heap, spot, waiters: new Set(), armed: false };
    spots.set(spot, watch);
  }
  return watch;
}

/** Lets waiters take what there is, first come first served; the first that gets nothing ends it. */
function serve(watch: Watch): void {
  for (const waiter of watch.waiters) {
    try {
      const taken = waiter.attempt(true);
      if (taken === undefined) return;
      waiter.leave();
      waiter.resolve(taken as never);
    } catch (error) {
      waiter.leave();
      waiter.reject(error);
    }
  }
}

/** Watches the spot until nobody here waits any more. */
function arm(watch: Watch): void {
  const { heap, spot } = watch;
  while (watch.waiters.size > 0) {
    // Always, also while a watch is pending: a waker may have cleared the bit for another isolate's sake, or the record
    // may be a new one at the same address.
    heap.or(spot + SPOT.WAITERS, ARMED);
    const sequence = heap.load(spot + SPOT.ASYNC_SEQUENCE);
    serve(watch);
    if (watch.armed || watch.waiters.size === 0) return;
    const woken = heap.waitAsync(spot + SPOT.ASYNC_SEQUENCE, sequence);
    if (woken) {
      watch.armed = true;
      woken.then(() => {
        watch.armed = false;
        if (watch.waiters.size === 0) watches.get(heap)?.delete(spot);
        else arm(watch);
      });
      return;
    }
  }
}

/**
 * A pending asynchronous wait doesn't keep Node alive (it would exit with code 13), so a timer does while anything here
 * waits.
 */
let held = 0;
let keeper: NodeJS.Timeout | undefined;

export function holdLoop(): void {
  if (held++ > 0) return;
  keeper ??= setInterval(() => {}, MAX_TIMER_MS);
  keeper.ref();
}

export function releaseLoop(): void {
  if (--held === 0) keeper!.unref();
}

/** Whether this isolate's event loop waits for anything of ours. */
export function loopHeld(): boolean {
  return held > 0;
}
