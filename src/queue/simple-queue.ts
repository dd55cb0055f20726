/**
 * An unbounded first-in, first-out queue with nothing but putting and taking, as Python's `queue.SimpleQueue`: no bound,
 * so putting never waits; no `join`, no `shutdown`, so iterating it ends only by `break`.
 */
import { KIND, refuseArguments } from '../memory/index.ts';
import { BaseQueue, defineQueue, STORE } from './base.ts';
import { destroyRing, ring } from './ring.ts';
import type { Store } from './store.ts';

/** Items of any copyable value, unbounded, first in, first out. */
export class SimpleQueue<T = unknown> extends BaseQueue<T> {
  /** An empty one. It takes no arguments: `TypeError`. */
  constructor(...none: []) {
    refuseArguments(new.target.name, none, ', since it has no bound; a Queue has one');
    super(new.target.prototype[STORE], 0);
  }
}

const unboundedRing: Store = { ...ring, kind: KIND.SIMPLE_QUEUE };

defineQueue(SimpleQueue, unboundedRing, destroyRing);
