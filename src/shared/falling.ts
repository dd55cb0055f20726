/**
 * Dropping what a record holds. A record may be the last holder of another, and that one of the next: a list, so that
 * dropping a long chain of them takes no stack.
 */
import type { Heap } from '../memory/index.ts';

/** What is still to be released; undefined while nothing falls. */
let falling: number[] | undefined;

/**
 * Gives back the counts in the words that `each` names: at once, or, inside of another fall, when that one gets there. A
 * word may be 0, where whoever wrote or dropped it was killed.
 */
export function fall(heap: Heap, each: (release: (word: number) => void) => void): void {
  if (falling !== undefined) {
    const list = falling;
    each((word) => {
      if (heap.i32[word] !== 0) list.push(heap.i32[word]);
      heap.i32[word] = 0;
    });
    return;
  }
  const list: number[] = [];
  falling = list;
  const drain = (word: number): void => {
    if (heap.i32[word] !== 0) heap.releaseFrom(word);
    while (list.length > 0) heap.release(list.pop()!);
  };
  try {
    each(drain);
  } finally {
    falling = undefined;
  }
}
