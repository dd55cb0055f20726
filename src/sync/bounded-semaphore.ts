/** A semaphore that can't be released more often than it was acquired, as Python's `threading.BoundedSemaphore`. */
import { AT, defineChooser, defineVariant, HEAP, KIND, SEMAPHORE, SharedObject } from '../memory/index.ts';
import { Semaphore } from './semaphore.ts';

/**
 * A Semaphore that remembers how many permits it began with: a `release()` that would make them more throws
 * `RuntimeError` and changes nothing. For resources of a fixed number, where one release too many is a bug.
 */
export class BoundedSemaphore extends Semaphore {
  /** `value` permits, 0 or more, and never more than that; default 1. */
  constructor(value = 1) {
    const adopting = SharedObject.adopting();
    super(value);
    if (!adopting) this[HEAP].i32[this[AT] + SEMAPHORE.BOUND] = value;
  }
}

defineVariant(KIND.SEMAPHORE, BoundedSemaphore);
defineChooser(KIND.SEMAPHORE, (heap, at) =>
  heap.i32[at + SEMAPHORE.BOUND] < 0 ? Semaphore : (BoundedSemaphore as never),
);
