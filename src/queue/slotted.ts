/**
 * A store whose items lie in slots under one mutex (PUT_MUTEX): what that makes the same, however they lie there.
 */
import { type Heap, lockMutex, QUEUE, unlockMutex, wake } from '../memory/index.ts';
import { type Item, NOTHING } from './item.ts';
import { discardFound, type Found, openFound } from './slot.ts';
import { FULL, SHUT, type Store } from './store.ts';

/** How they lie. `push` and `pop` are called under the mutex. */
export type Slots<I extends Item> = Pick<Store, 'kind' | 'create'> & {
  prepare(...args: Parameters<Store['prepare']>): I;
  /** Ends what a thread began that died under the mutex; not there where that leaves nothing to mend. */
  repair?(heap: Heap, at: number): void;
  /** Puts an item in; false when there is no room. */
  push(heap: Heap, at: number, item: I): boolean;
  /** Takes the next item, in hand. */
  pop(heap: Heap, at: number): Found | undefined;
};

export function slotted<I extends Item>({ kind, create, prepare, repair, push, pop }: Slots<I>): Store {
  const lock = (heap: Heap, at: number): void => {
    if (lockMutex(heap, at + QUEUE.PUT_MUTEX)) repair?.(heap, at);
  };
  const take = (heap: Heap, at: number): unknown => {
    lock(heap, at);
    let found: Found | undefined;
    try {
      found = pop(heap, at);
    } finally {
      unlockMutex(heap, at + QUEUE.PUT_MUTEX);
    }
    return found === undefined ? NOTHING : openFound(heap, found);
  };
  return {
    kind,
    create,
    prepare,

    place(heap, at, item) {
      lock(heap, at);
      try {
        if (heap.i32[at + QUEUE.SHUT_DOWN] !== 0) return SHUT;
        if (!push(heap, at, item as I)) return FULL;
      } finally {
        unlockMutex(heap, at + QUEUE.PUT_MUTEX);
      }
      wake(heap, at + QUEUE.NOT_EMPTY, 1);
      return 1;
    },

    placeMany(heap, at, items, from) {
      let index = from;
      lock(heap, at);
      try {
        if (heap.i32[at + QUEUE.SHUT_DOWN] !== 0) return SHUT;
        try {
          while (index < items.length && push(heap, at, items[index] as I)) index++;
        } catch (error) {
          // The heap is exhausted: what is in belongs to the queue. The next call fails at once.
          if (index === from) throw error;
        }
      } finally {
        unlockMutex(heap, at + QUEUE.PUT_MUTEX);
      }
      if (index > from) wake(heap, at + QUEUE.NOT_EMPTY, index - from);
      return index - from;
    },

    take,

    takeMany(heap, at, most, into) {
      let taken = 0;
      for (; taken < most; taken++) {
        const item = take(heap, at);
        if (item === NOTHING) break;
        into.push(item);
      }
      return taken;
    },

    close(heap, at, empty) {
      lock(heap, at);
      try {
        heap.store(at + QUEUE.SHUT_DOWN, 1);
        let thrownAway = 0;
        if (!empty) return 0;
        for (let found = pop(heap, at); found !== undefined; found = pop(heap, at)) {
          discardFound(found);
          thrownAway++;
        }
        return thrownAway;
      } finally {
        unlockMutex(heap, at + QUEUE.PUT_MUTEX);
      }
    },

    mend(heap, at) {
      lock(heap, at);
      unlockMutex(heap, at + QUEUE.PUT_MUTEX);
    },
  };
}
