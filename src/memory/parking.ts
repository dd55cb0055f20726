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
 *     ASYNC_COUNT      asynchronous waiters add, sub,   how many there are: for statistics, and for locks that
 *                      the reaper for a dead isolate    hand over
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
import { ThreadEndedError } from '../errors.ts';
import { announce, dropPlace, FIRST_LOOK_MS, type Look, loopWaits, now, wantedLookout } from './blocked.ts';
import { deadlineOf, type WaitOptions } from './deadline.ts';
import type { Heap } from './heap.ts';
import { ASYNC_WAITS, ISOLATE, KIND, MAX_ISOLATES, PARKED, QUEUE, SPOT } from './layout.ts';
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
  const { descriptor, i32 } = heap;
  const flags = announce(heap, object, deadline !== Infinity);
  const lookout = deadline === Infinity ? wantedLookout() : undefined;
  let patience = lookout ? FIRST_LOOK_MS : Infinity;
  let look: Look | undefined;
  // PARKED_SPOT is set exactly while we are counted: if we are killed, the reaper subtracts us and passes on the wake we
  // may have got. A thread is killed only where it enters a function or goes round a loop, so nothing may stand between
  // the two; tempting and wrong: heap.store(), a call.
  heap.add(spot + SPOT.WAITERS, COUNTED);
  i32[descriptor + ISOLATE.PARKED_SPOT] = spot;
  try {
    for (;;) {
      const sequence = heap.load(spot + SPOT.SEQUENCE);
      const taken = attempt(true);
      if (taken !== undefined) return taken;
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      i32[descriptor + ISOLATE.PARKED_FLAGS] = flags | PARKED.ASLEEP;
      const outcome = heap.wait(spot + SPOT.SEQUENCE, sequence, Math.min(left, patience));
      // Nobody's wake-up is lost when it throws: who sleeps no more can't be the one that a notify(1) chose.
      if (outcome === 'timed-out' && patience < left) patience = (look ??= lookout!.begin(object))();
      i32[descriptor + ISOLATE.PARKED_FLAGS] = flags;
    }
  } finally {
    heap.add(spot + SPOT.WAITERS, -COUNTED);
    i32[descriptor + ISOLATE.PARKED_SPOT] = 0;
    dropPlace(heap, descriptor);
  }
}

/** Blocks while one word is `expected`, for waits that no spot serves: a parked isolate's mailbox. */
export function parkOnWord(heap: Heap, word: number, expected: number, milliseconds: number): void {
  heap.wait(word, expected, milliseconds);
}

/** Stores into one word and wakes who blocks on it. */
export function wakeWord(heap: Heap, word: number, value: number): void {
  heap.store(word, value);
  heap.notify(word, Infinity);
}

/** How often something was posted to this isolate that it may block for. */
export function postedHere(heap: Heap): number {
  return heap.load(heap.descriptor + ISOLATE.POSTED);
}

/** Blocks until something more was posted; so many milliseconds at most, of which it looks on for the first `awake`. */
export function parkUntilPosted(heap: Heap, before: number, awake: number, milliseconds: number): void {
  const word = heap.descriptor + ISOLATE.POSTED;
  for (const start = performance.now(); performance.now() - start < awake; pause()) {
    if (heap.load(word) !== before) return;
  }
  heap.wait(word, before, milliseconds);
}

/** Something was posted to the isolate in which the thread `ident` runs. */
export function tellPosted(heap: Heap, ident: number): void {
  const descriptor = heap.descriptorOf(ident);
  if (descriptor === 0) return;
  heap.add(descriptor + ISOLATE.POSTED, 1);
  heap.notify(descriptor + ISOLATE.POSTED, 1);
}

/** Blocks this thread for some milliseconds. */
export function blockFor(heap: Heap, milliseconds: number): void {
  heap.wait(heap.descriptor + ISOLATE.SLEEP, 0, milliseconds);
}

/** Wakes up to `count` blocked threads (0: none) and every event loop that watches. Call it after what they need is visible. */
export function wake(heap: Heap, spot: number, count: number): void {
  if (heap.load(spot + SPOT.WAITERS) !== 0) wakeSlow(heap, spot, count);
}

function wakeSlow(heap: Heap, spot: number, count: number): void {
  const waiters = heap.load(spot + SPOT.WAITERS);
  if (waiters >= COUNTED && count > 0) {
    heap.add(spot + SPOT.SEQUENCE, 1);
    heap.notify(spot + SPOT.SEQUENCE, count);
  }
  if (waiters & ARMED) {
    heap.and(spot + SPOT.WAITERS, ~ARMED);
    heap.add(spot + SPOT.ASYNC_SEQUENCE, 1);
    heap.notify(spot + SPOT.ASYNC_SEQUENCE, Infinity);
  }
}

/**
 * Lets everybody at a spot look again, whatever its words say: for who cleans up after a dead thread. A waker clears the
 * armed bit before it tells the event loops, and may die in between; tempting and wrong, then: `wake`, which sees no bit.
 */
export function rouse(heap: Heap, spot: number): void {
  for (const word of [spot + SPOT.SEQUENCE, spot + SPOT.ASYNC_SEQUENCE]) {
    heap.add(word, 1);
    heap.notify(word, Infinity);
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

/** Takes back what an isolate that died while it waited left at its spots. */
export function unpark(heap: Heap, descriptor: number): void {
  // Its event loop has swallowed no wake-up, since each wake tells all of them: only the counts are to be put right.
  let chunk = heap.exchange(descriptor + ISOLATE.ASYNC_WAITS, 0);
  while (chunk !== 0) {
    for (let index = 0; index < ASYNC_WAITS.PER_CHUNK; index++) {
      const entry = chunk + ASYNC_WAITS.ENTRIES + index * ASYNC_WAITS.ENTRY_WORDS;
      const watched = heap.i32[entry + ASYNC_WAITS.SPOT];
      if (watched !== 0) heap.add(watched + SPOT.ASYNC_COUNT, -heap.i32[entry + ASYNC_WAITS.COUNT]);
    }
    const next = heap.i32[chunk + ASYNC_WAITS.NEXT];
    heap.release(chunk);
    chunk = next;
  }
  dropPlace(heap, descriptor);
  const queue = heap.exchange(descriptor + ISOLATE.LOOKING, 0);
  // Nobody may have been called for an item while it was there: who reaps lets everybody look again.
  if (queue !== 0) heap.add(queue + QUEUE.LOOKING, -1);
  const spot = heap.exchange(descriptor + ISOLATE.PARKED_SPOT, 0);
  if (spot === 0) return;
  heap.add(spot + SPOT.WAITERS, -COUNTED);
  // It may have been chosen by the last notify(1) and died before it could act on it.
  wake(heap, spot, 1);
}

/**
 * Lets every blocked thread look again. A thread that died between making something visible and its wake-up leaves no
 * trace of whom it meant. The bare notify changes no word, so a spot that is freed meanwhile comes to no harm.
 */
export function nudge(heap: Heap): void {
  for (let slot = 0; slot < MAX_ISOLATES; slot++) {
    const spot = heap.load(heap.isolates + slot * ISOLATE.WORDS + ISOLATE.PARKED_SPOT);
    if (spot !== 0) heap.notify(spot + SPOT.SEQUENCE, Infinity);
  }
}

type Waiter = {
  attempt: Attempt<unknown>;
  resolve: (value: never) => void;
  reject: (reason: unknown) => void;
  leave: () => void;
  outlives: boolean;
};

/** One isolate's asynchronous waiters at one spot, in order of arrival; `entry` is their place in ASYNC_WAITS. */
type Watch = { heap: Heap; spot: number; waiters: Set<Waiter>; armed: boolean; entry: number };
type Station = { watches: Map<number, Watch> /** Free places in ASYNC_WAITS. */; entries: number[] };

const stations = new Map<Heap, Station>();

export type ParkOptions = {
  /** false: the wait doesn't keep the process alive. */
  hold?: boolean;
  /** true: it goes on when the thread ends that began it. Default: as those do that keep nothing alive. */
  outlives?: boolean;
};

/**
 * Resolves with what `attempt` takes, or with undefined when the timeout came first; rejects with `signal.reason`, or
 * with what `attempt` throws. Waiters of one isolate are served in order. Tries once before it waits.
 */
export function park<T>(
  heap: Heap,
  spot: number,
  attempt: Attempt<T>,
  options?: WaitOptions & ParkOptions,
): Promise<T | undefined> {
  const { signal, hold = true, outlives = !hold } = options ?? {};
  let deadline: number;
  try {
    deadline = deadlineOf(options?.timeout);
  } catch (error) {
    return Promise.reject(error);
  }
  if (signal?.aborted) return Promise.reject(signal.reason);
  // Those before us first: what they wait for may be there by now, only the event loop hasn't turned since.
  const before = stations.get(heap)?.watches.get(spot);
  if (before) serve(before);
  if (!before || before.waiters.size === 0) {
    try {
      const taken = attempt(false);
      if (taken !== undefined) return Promise.resolve(taken);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  const left = deadline - performance.now();
  if (left <= 0) return Promise.resolve(undefined);
  const watch = watchOf(heap, spot);
  return new Promise<T | undefined>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const waiter: Waiter = { attempt, resolve, reject, leave, outlives };
    function leave(): void {
      if (!watch.waiters.delete(waiter)) return;
      heap.add(spot + SPOT.ASYNC_COUNT, -1);
      heap.i32[watch.entry + ASYNC_WAITS.COUNT]--;
      clearTimeout(timer);
      if (signal) {
        abortable--;
        signal.removeEventListener('abort', onAbort);
      }
      if (hold) releaseLoop();
      if (watch.waiters.size > 0) return;
      // The engine's wait must not outlive ours: when the record is freed the word becomes somebody else's, and the
      // stale wait would swallow the notify(1) that a blocked thread there needs. Others that watch just look again.
      if (watch.armed) heap.notify(spot + SPOT.ASYNC_SEQUENCE, Infinity);
      else forget(watch);
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
      // What came in time counts, however late this timer fires: the event loop may have been busy.
      serve(watch);
      if (!watch.waiters.has(waiter)) return;
      leave();
      resolve(undefined);
      serve(watch);
    }
    if (signal) {
      abortable++;
      signal.addEventListener('abort', onAbort);
    }
    if (watch.waiters.size === 0) heap.f64[(watch.entry + ASYNC_WAITS.SINCE) >> 1] = now();
    watch.waiters.add(waiter);
    heap.add(spot + SPOT.ASYNC_COUNT, 1);
    heap.i32[watch.entry + ASYNC_WAITS.COUNT]++;
    if (hold) holdLoop();
    arm(watch);
  });
}

/**
 * Ends this isolate's asynchronous waits at a record that it gives up: they reject. Left alone they would go on reading
 * words that may soon be somebody else's.
 */
export function endWaits(heap: Heap, from: number, reason: () => unknown): void {
  const watches = stations.get(heap)?.watches;
  if (watches === undefined || watches.size === 0) return;
  const to = from + heap.wordsOf(from);
  for (const watch of [...watches.values()]) {
    if (watch.spot < from || watch.spot >= to) continue;
    for (const waiter of [...watch.waiters]) {
      waiter.leave();
      waiter.reject(reason());
    }
  }
}

let threadsEnded = 0;

/** How many threads have ended in this isolate: another number than before, and it was another thread that began. */
export function endedThreads(): number {
  return threadsEnded;
}

/**
 * Ends the asynchronous waits that the thread which ends here has begun and not awaited: they reject. Left alone they
 * would take a lock or an item when nobody is there any more who could use it. Nobody's wake-up is lost, since each wake
 * tells all event loops and a blocked thread besides. Returns how many there were.
 */
export function endThreadWaits(heap: Heap): number {
  threadsEnded++;
  let ended = 0;
  for (const watch of [...(stations.get(heap)?.watches.values() ?? [])]) {
    for (const waiter of [...watch.waiters]) {
      if (waiter.outlives) continue;
      ended++;
      waiter.leave();
      waiter.reject(threadEnded());
    }
  }
  return ended;
}

/** What a wait rejects with whose thread has ended. */
export function threadEnded(): ThreadEndedError {
  return new ThreadEndedError(
    'The thread that began this wait has ended, and the wait with it: await it before the target returns.',
  );
}

/** setTimeout takes 31 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function watchOf(heap: Heap, spot: number): Watch {
  let station = stations.get(heap);
  if (!station) {
    station = { watches: new Map(), entries: [] };
    stations.set(heap, station);
  }
  let watch = station.watches.get(spot);
  if (!watch) {
    if (station.entries.length === 0) growEntries(heap, station);
    const entry = station.entries.pop()!;
    heap.i32[entry + ASYNC_WAITS.COUNT] = 0;
    heap.i32[entry + ASYNC_WAITS.SPOT] = spot;
    watch = { heap, spot, waiters: new Set(), armed: false, entry };
    station.watches.set(spot, watch);
  }
  return watch;
}

function forget({ heap, spot, entry }: Watch): void {
  const station = stations.get(heap)!;
  station.watches.delete(spot);
  heap.i32[entry + ASYNC_WAITS.SPOT] = 0;
  station.entries.push(entry);
}

/** Where this isolate writes how many of its asynchronous waits each ASYNC_COUNT includes, for who finds it dead. */
function growEntries(heap: Heap, station: Station): void {
  const chunk = heap.allocate(KIND.HOLDINGS, ASYNC_WAITS.WORDS - 2);
  heap.i32.fill(0, chunk + ASYNC_WAITS.NEXT, chunk + ASYNC_WAITS.WORDS);
  heap.i32[chunk + ASYNC_WAITS.NEXT] = heap.i32[heap.descriptor + ISOLATE.ASYNC_WAITS];
  heap.store(heap.descriptor + ISOLATE.ASYNC_WAITS, chunk);
  for (let index = ASYNC_WAITS.PER_CHUNK - 1; index >= 0; index--) {
    station.entries.push(chunk + ASYNC_WAITS.ENTRIES + index * ASYNC_WAITS.ENTRY_WORDS);
  }
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
    // Read before the bit is set. Tempting and wrong: after it. A waker that clears the bit and counts up in between
    // would go unnoticed, and we would sleep on a spot that nobody thinks is watched.
    const sequence = heap.load(spot + SPOT.ASYNC_SEQUENCE);
    // Always, also while a watch is pending: a waker may have cleared the bit for another isolate's sake, or the record
    // may be a new one at the same address.
    heap.or(spot + SPOT.WAITERS, ARMED);
    serve(watch);
    if (watch.armed || watch.waiters.size === 0) return;
    const woken = heap.waitAsync(spot + SPOT.ASYNC_SEQUENCE, sequence);
    if (woken) {
      watch.armed = true;
      woken.then(() => {
        watch.armed = false;
        if (watch.waiters.size === 0) forget(watch);
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
  loopWaits();
}

export function releaseLoop(): void {
  if (--held === 0) keeper!.unref();
}

/** Asynchronous waits with a signal, which may come from where nothing shows: AbortSignal.timeout keeps no loop alive. */
let abortable = 0;

export function anyAbortable(): boolean {
  return abortable > 0;
}

/** Whether this isolate's event loop waits for anything of ours. */
export function loopHeld(): boolean {
  return held > 0;
}
