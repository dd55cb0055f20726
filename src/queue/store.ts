/** What the four kinds of queue do differently: how items lie in the heap, and which one is next. */
import { type Heap, type Kind, QUEUE, rouse, wake } from '../memory/index.ts';
import type { Item } from './item.ts';

/** Said of an item or of several: how many went in; none since there is no room; none since the queue is shut down. */
export const FULL = 0;
export const SHUT = -1;

export type PutOptions = { priority?: number };

/** Functions of the record `at`, a QUEUE. They wait for nobody but for another thread that is inside one of them. */
export type Store = {
  readonly kind: Kind;
  /** Makes the memory for a new queue's items. */
  create(heap: Heap, at: number): void;
  /** Encodes an item; place it, or `drop` it. */
  prepare(value: unknown, options?: PutOptions): Item;
  /**
   * Puts items in from index `from` on while there is room, and wakes who waits for them: how many, FULL, or SHUT. Those
   * that went in are the queue's, the others stay the caller's.
   */
  place(heap: Heap, at: number, item: Item): number;
  placeMany(heap: Heap, at: number, items: readonly Item[], from: number): number;
  /** Takes the next item out, or `NOTHING`. */
  take(heap: Heap, at: number): unknown;
  /** Takes up to `most` items out, appending them to `into`; returns how many. It may stop before there are no more. */
  takeMany(heap: Heap, at: number, most: number, into: unknown[]): number;
  /**
   * Lets nothing more in. With `empty` all items are thrown away without decoding them; returns how many. Under the
   * producers' mutex: one that is past its look at SHUT_DOWN would otherwise put an item in after the last consumer has
   * found the queue empty and gone.
   */
  close(heap: Heap, at: number, empty: boolean): number;
  /** Ends what a dead thread had begun that holds a mutex here. */
  mend(heap: Heap, at: number): void;
};

/** Lets everybody who waits look again. */
export function wakeAll(heap: Heap, at: number): void {
  wake(heap, at + QUEUE.NOT_EMPTY, Infinity);
  wake(heap, at + QUEUE.NOT_FULL, Infinity);
  wake(heap, at + QUEUE.JOIN_SPOT, Infinity);
}

/** The same after a death, which may have come in the middle of waking. */
export function rouseAll(heap: Heap, at: number): void {
  for (const spot of [QUEUE.NOT_EMPTY, QUEUE.NOT_FULL, QUEUE.JOIN_SPOT]) rouse(heap, at + spot);
}
