/** A queue that gives the item of the lowest priority first, as Python's `queue.PriorityQueue`. See ranking.ts. */
import { checkOptions, type SyncWaitOptions, type WaitOptions } from '../memory/index.ts';
import { defineQueue, OFFER, OFFER_MANY, PUTS, PUTS_SYNC } from './base.ts';
import { Queue } from './queue.ts';
import { destroyRanking, ranking } from './ranking.ts';

/**
 * The lowest comes first, the oldest among equals. Any number but NaN; 0 when it isn't given, save for an item that is a
 * number itself: that is its own priority, as in Python.
 */
export type Priority = { priority?: number };
/** One for all items, or a function that says each item's. */
export type Priorities<T> = { priority?: number | ((item: T) => number) };

const PRIORITY = ['priority'];

/** A `Queue` that gives the item of the lowest priority first; items of one priority in the order they were put in. */
export class PriorityQueue<T = unknown> extends Queue<T> {
  override put(item: T, options?: WaitOptions & Priority): Promise<void> {
    return super.put(item, options);
  }

  override putSync(item: T, options?: SyncWaitOptions & Priority): void {
    super.putSync(item, options);
  }

  override tryPut(item: T, options?: Priority): boolean {
    if (options !== undefined) checkOptions(options, 'tryPut(item, …)', this, PRIORITY);
    return this[OFFER](item, options);
  }

  override putMany(items: Iterable<T>, options?: WaitOptions & Priorities<T>): Promise<void> {
    return super.putMany(items, options);
  }

  override putManySync(items: Iterable<T>, options?: SyncWaitOptions & Priorities<T>): void {
    super.putManySync(items, options);
  }

  override tryPutMany(items: readonly T[], options?: Priorities<T>): number {
    if (options !== undefined) checkOptions(options, 'tryPutMany(items, …)', this, PRIORITY);
    return this[OFFER_MANY](items, options);
  }
}

Object.defineProperty(PriorityQueue.prototype, PUTS, { value: [...PRIORITY, 'timeout', 'signal'] });
Object.defineProperty(PriorityQueue.prototype, PUTS_SYNC, { value: [...PRIORITY, 'timeout'] });
defineQueue(PriorityQueue, ranking, destroyRanking);
