/**
 * Dropping what a record holds. A record may be the last holder of another, and that one of the next: a list, so that
 * dropping a long chain of them takes no stack.
 */
import type { Heap } from '../memory/index.ts';

/** What is still to be released; undefined while nothing falls. */
let falling: number[] | undefined;

/** Releases the addresses that `each` names: at once, or, inside of another fall, when that one gets to them. */
export function fall(heap: Heap, each: (release: (address: number) => void) => void): void {
  if (falling !== undefined) {
    const list = falling;
    each((address) => list.push(address));
    return;
  }
  const list: number[] = [];
  falling = list;
  const drain = (address: number): void => {
    heap.release(address);
    while (list.length > 0) heap.release(list.pop()!);
  };
  try {
    each(drain);
  } finally {
    falling = undefined;
  }
}
