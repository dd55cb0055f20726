/** Waiting at a queue in a thread that blocks: first it looks on awake, then it sleeps. */
import { type Heap, ISOLATE, isDeathNoticed, parkSync, QUEUE } from '../memory/index.ts';
import { type Look, learn, spin } from './spin.ts';

/** The largest bound, in items. */
export const LARGEST = 2 ** 30;

/** A side of a small queue that has waited goes on when half of it is there, of a large one at this many. */
const PLENTY = 64;

/** How many items are in. */
export function sizeOf(heap: Heap, at: number): number {
  // Taken first: what is put in between can only make the answer too large by that, never negative.
  const taken = heap.load(at + QUEUE.GET_COUNT);
  return (heap.load(at + QUEUE.PUT_COUNT) - taken) | 0;
}

/** Items to take; -1 when there are none and will be none. */
export function itemsIn(heap: Heap, at: number): number {
  const size = sizeOf(heap, at);
  return size === 0 && heap.load(at + QUEUE.SHUT_DOWN) !== 0 ? -1 : size;
}

/** Room for so many items; -1 when nothing more goes in. */
export function roomIn(heap: Heap, at: number): number {
  if (heap.load(at + QUEUE.SHUT_DOWN) !== 0) return -1;
  const max = heap.load(at + QUEUE.MAX_SIZE);
  return max === 0 ? LARGEST : Math.max(0, max - sizeOf(heap, at));
}

/** Takes what `attempt` gives, once it gives something; undefined when the deadline came first. */
export function block<R>(
  heap: Heap,
  at: number,
  spot: number,
  attempt: () => R | undefined,
  deadline: number,
): R | undefined {
  const start = performance.now();
  const forItems = spot === QUEUE.NOT_EMPTY;
  // With a deadline that is near there is nothing to gain.
  if (deadline - start > 1) {
    const look = forItems ? () => itemsIn(heap, at) : () => roomIn(heap, at);
    const max = heap.load(at + QUEUE.MAX_SIZE);
    const plenty = max > 0 ? Math.min((max + 1) >> 1, PLENTY) : PLENTY;
    while (forItems && isDeathNoticed ? lookForItems(heap, at, look, plenty) : spin(look, plenty)) {
      const taken = attempt();
      if (taken !== undefined) return taken;
      if (performance.now() >= deadline) break;
    }
  }
  const taken = parkSync(heap, at + spot, at, attempt, deadline);
  // Until somebody called, not until we heard it: to wake up takes longer than most waits.
  const called = forItems ? heap.f64[(at + QUEUE.CALLED_AT) >> 1] - performance.timeOrigin : 0;
  learn((called > start ? called : performance.now()) - start);
  return taken;
}

/** Looks on; meanwhile nobody is woken for an item that this thread will take. Not where nobody would notice its death. */
function lookForItems(heap: Heap, at: number, look: Look, plenty: number): boolean {
  const { descriptor, i32 } = heap;
  // Nothing between the two, as in `parkSync`: for who finds us dead.
  heap.add(at + QUEUE.LOOKING, 1);
  i32[descriptor + ISOLATE.LOOKING] = at;
  try {
    return spin(look, plenty);
  } finally {
    heap.add(at + QUEUE.LOOKING, -1);
    i32[descriptor + ISOLATE.LOOKING] = 0;
  }
}
