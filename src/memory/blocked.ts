/**
 * What a thread that blocks says of its wait in its isolate's descriptor, for who asks (waits.ts), and who looks after
 * waits that take long. Written by the one that blocks, before it sleeps; nothing is written by one that need not.
 */
import type { Heap } from './heap.ts';
import { ISOLATE, PARKED } from './layout.ts';

/**
 * Looks why this thread blocks so long: returns after how many milliseconds to look again, or throws what ends the wait.
 */
export type Look = () => number;
export type Lookout = {
  /** Whether anybody wants to know. */
  wanted(): boolean;
  begin(object: number): Look;
  /** The event loop now has asynchronous waits to wait for. */
  loopWaits(): void;
};
let lookout: Lookout | undefined;

/** A wait without end is not looked into before this many milliseconds. */
export const FIRST_LOOK_MS = 100;

/** Installed by the floor that knows threads: who it is that waits, and for whom. */
export function defineLookout(installed: Lookout): void {
  lookout = installed;
}

/** The installed one, if anybody wants to know of a wait that begins now. */
export function wantedLookout(): Lookout | undefined {
  return lookout?.wanted() ? lookout : undefined;
}

/** To be told when this event loop begins to wait. */
export function loopWaits(): void {
  lookout?.loopWaits();
}

let unbreakable = false;

/** Runs a wait that no lookout may end with an error, since its caller could not go on. */
export function unbroken<T>(wait: () => T): T {
  unbreakable = true;
  try {
    return wait();
  } finally {
    unbreakable = false;
  }
}

/** Milliseconds since the epoch, with fractions. */
export const now = (): number => performance.timeOrigin + performance.now();

/** Says that this thread is about to block for `object`; returns the PARKED bits of the wait. */
export function announce(heap: Heap, object: number, timed: boolean): number {
  const { descriptor, i32 } = heap;
  const flags = (timed ? PARKED.TIMED : 0) | (unbreakable ? PARKED.UNBREAKABLE : 0);
  i32[descriptor + ISOLATE.PARKED_OBJECT] = object;
  i32[descriptor + ISOLATE.PARKED_FLAGS] = flags;
  i32[descriptor + ISOLATE.PARKED_SEQUENCE]++;
  heap.f64[(descriptor + ISOLATE.PARKED_SINCE) >> 1] = now();
  return flags;
}

/** Forgets where a thread blocked. */
export function dropPlace(heap: Heap, descriptor: number): void {
  if (heap.i32[descriptor + ISOLATE.PARKED_PLACE] === 0) return;
  const place = heap.exchange(descriptor + ISOLATE.PARKED_PLACE, 0);
  if (place !== 0) heap.release(place);
}
