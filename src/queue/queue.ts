/**
 * A first-in, first-out queue of any copyable values, as Python's `queue.Queue`: bounded or not, any number of
 * producers and consumers, blocking or not. Its waiting is in base.ts, the memory behind it in ring.ts.
 */
import { inspect } from 'node:util';
import { RuntimeError } from '../errors.ts';
import {
  AT,
  checkOptions,
  deadlineIn,
  HEAP,
  park,
  parkSync,
  QUEUE,
  SYNC,
  type SyncWaitOptions,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';
import { BaseQueue, defineQueue, STORE } from './base.ts';
import { LARGEST } from './block.ts';
import { destroyRing, ring } from './ring.ts';
import { wakeAll } from './store.ts';

export class Queue<T = unknown> extends BaseQueue<T> {
  /** `maxSize` items at most; 0 (or less, as in Python) for no bound. */
  constructor(maxSize = 0) {
    super(
      new.target.prototype[STORE],
      boundOf(maxSize, (bound) => `${new.target.name}(${bound})`),
    );
  }

  /** The bound, 0 for none. May be changed at any time: producers that wait notice, and items that are in stay in. */
  get maxSize(): number {
    return this[HEAP].load(this[AT] + QUEUE.MAX_SIZE);
  }

  set maxSize(bound: number) {
    this[HEAP].store(
      this[AT] + QUEUE.MAX_SIZE,
      boundOf(bound, (text) => `${this.constructor.name}.maxSize = ${text}`),
    );
    wake(this[HEAP], this[AT] + QUEUE.NOT_FULL, Infinity);
  }

  /** Whether there are as many items in as the bound allows, or more, at this moment. */
  full(): boolean {
    const { maxSize } = this;
    return maxSize > 0 && this.qsize() >= maxSize;
  }

  /** Says that an item taken earlier has been worked off. Throws `RuntimeError` when called more often than `put`. */
  taskDone(): void {
    if (this.#finish(1) === 0) {
      throw new RuntimeError(
        `taskDone() was called more often than there were items in ${this.toString()}: call it once for each item taken.`,
      );
    }
  }

  /**
   * Waits until every item put has been worked off (`taskDone`): true; false when `timeout` passed first. An item that a
   * dead thread had in hand is never worked off.
   */
  async join(options?: WaitOptions): Promise<boolean> {
    deadlineIn(options, 'join', this);
    const finished = () => this.#unfinished() === 0 || undefined;
    return (await park(this[HEAP], this[AT] + QUEUE.JOIN_SPOT, finished, options)) ?? false;
  }

  /** The same, blocking this thread. */
  joinSync(options?: SyncWaitOptions): boolean {
    const deadline = deadlineIn(options, 'joinSync', this, SYNC);
    const finished = () => this.#unfinished() === 0 || undefined;
    return parkSync(this[HEAP], this[AT] + QUEUE.JOIN_SPOT, this[AT], finished, deadline) ?? false;
  }

  /** Whether `shutdown` was called. */
  get isShutDown(): boolean {
    return this[HEAP].load(this[AT] + QUEUE.SHUT_DOWN) !== 0;
  }

  /**
   * From now on `put` throws `ShutDown`, also one that waits; `get` does once the queue is empty. With `immediate` the
   * items that are in are thrown away, and count as worked off. (As Python's, from 3.13 on.)
   */
  shutdown(options: { immediate?: boolean } = {}): void {
    checkOptions(options, 'shutdown', this, ['immediate']);
    const { immediate = false } = options;
    if (typeof immediate !== 'boolean') {
      throw new TypeError(`shutdown: immediate is ${inspect(immediate)}: give true or false.`);
    }
    const heap = this[HEAP];
    const thrownAway = this[STORE].close(heap, this[AT], immediate);
    if (thrownAway > 0) this.#finish(thrownAway);
    wakeAll(heap, this[AT]);
  }

  /** Items in, the bound, producers, consumers and joiners that wait now, items not yet worked off. */
  override statistics(): {
    size: number;
    maxSize: number;
    putters: number;
    getters: number;
    joiners: number;
    unfinished: number;
  } {
    const heap = this[HEAP];
    return {
      size: this.qsize(),
      maxSize: this.maxSize,
      putters: waitingAt(heap, this[AT] + QUEUE.NOT_FULL),
      getters: waitingAt(heap, this[AT] + QUEUE.NOT_EMPTY),
      joiners: waitingAt(heap, this[AT] + QUEUE.JOIN_SPOT),
      unfinished: this.#unfinished(),
    };
  }

  #unfinished(): number {
    const done = this[HEAP].load(this[AT] + QUEUE.DONE_COUNT);
    return (this[HEAP].load(this[AT] + QUEUE.PUT_COUNT) - done) | 0;
  }

  /** Counts up to so many items as worked off; returns how many it were. */
  #finish(items: number): number {
    const heap = this[HEAP];
    const at = this[AT];
    for (;;) {
      const done = heap.load(at + QUEUE.DONE_COUNT);
      const counted = Math.min(items, (heap.load(at + QUEUE.PUT_COUNT) - done) | 0);
      if (counted <= 0) return 0;
      if (heap.cas(at + QUEUE.DONE_COUNT, done, (done + counted) | 0) !== done) continue;
      if (this.#unfinished() === 0) wake(heap, at + QUEUE.JOIN_SPOT, Infinity);
      return counted;
    }
  }
}

/** What stands in MAX_SIZE. */
function boundOf(maxSize: number, call: (bound: string) => string): number {
  if (maxSize === Infinity || (typeof maxSize === 'number' && maxSize < 0)) return 0;
  if (Number.isInteger(maxSize) && maxSize <= LARGEST) return maxSize;
  throw new RangeError(`${call(inspect(maxSize))}: give a whole number of items up to ${LARGEST}, or 0 for no bound.`);
}

defineQueue(Queue, ring, destroyRing);
