/** What the primitives need to know of a thread that died, while its isolate is cleaned up. */
import { type Heap, ISOLATE, ISOLATE_STATE, MAX_ISOLATES, unpark } from '../memory/index.ts';

/** The descriptor of the isolate of the thread `ident` while somebody cleans up after it; 0 while the isolate lives on. */
function reapedIsolate(heap: Heap, ident: number): number {
  const descriptor = heap.isolates + (ident & (MAX_ISOLATES - 1)) * ISOLATE.WORDS;
  return heap.load(descriptor + ISOLATE.STATE) === ISOLATE_STATE.REAPED ? descriptor : 0;
}

/**
 * Whether `owner`, who did something that nobody else will finish, is gone: it is `ident`, of which the reaper speaks, or
 * a thread that had ended before in the same isolate and left it to the event loop there, which is no more.
 */
export function diedWith(heap: Heap, owner: number, ident: number): boolean {
  if (owner === ident) return true;
  return owner > 0 && (owner & (MAX_ISOLATES - 1)) === (ident & (MAX_ISOLATES - 1)) && reapedIsolate(heap, ident) !== 0;
}

/**
 * Takes the dead out of the counts of those who wait, before anybody is woken who looks at these counts. Tempting and
 * wrong: to leave it to the reaper, which does it later, and wakes only those at the very spot.
 */
export function leaveSpots(heap: Heap, ident: number): void {
  const descriptor = reapedIsolate(heap, ident);
  if (descriptor !== 0) unpark(heap, descriptor);
}
