/**
 * A first-in, first-out queue of any copyable values, as Python's `queue.Queue`: bounded or not, any number of
 * producers and consumers, blocking or not. The memory behind it is in ring.ts.
 */
import '../functions/message-codec.ts';
import { Empty, Full, RuntimeError, ShutDown } from '../errors.ts';
import {
  AT,
  deadlineOf,
  defineAbandon,
  defineKind,
  HEAP,
  initSpot,
  KIND,
  park,
  parkSync,
  QUEUE,
  RING,
  SharedObject,
  type SyncWaitOptions,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';
import { close, createRing, drain, drop, type Item, NOTHING, place, prepare, releaseItems, take } from './ring.ts';

const LARGEST = 2 ** 30;

export class Queue<T = unknown> extends SharedObject implements AsyncIterable<T> {
  /** `maxSize` items at most; 0 (or less, as in Python) for no bound. */
  constructor(maxSize = 0) {
    if (
      Number.isNaN(maxSize) ||
      (maxSize > LARGEST && maxSize !== Infinity) ||
      (Number.isFinite(maxSize) && !Number.isInteger(maxSize))
    ) {
      throw new RangeError(
        `Queue(${String(maxSize)}): give a whole number of items up to ${LARGEST}, or 0 for no bound.`,
      );
    }
    super(KIND.QUEUE, QUEUE.WORDS - 2, (heap, at) => {
      heap.i32.fill(0, at + QUEUE.MAX_SIZE, at + QUEUE.WORDS);
      heap.i32[at + QUEUE.MAX_SIZE] = maxSize === Infinity || maxSize < 0 ? 0 : maxSize;
      heap.i32[at + QUEUE.RING] = createRing(heap, RING.FIRST_CAPACITY);
      initSpot(heap, at + QUEUE.JOIN_SPOT);
    });
  }

  /** The bound, 0 for none. */
  get maxSize(): number {
    return this[HEAP].load(this[AT] + QUEUE.MAX_SIZE);
  }

  /**
   * Puts a copy of `item` in, waiting for room without blocking the event loop. Throws `Full` when `timeout`
   * (milliseconds) passed first, `ShutDown`, `signal.reason`, or `CloneError` naming what can't be copied.
   */
  async put(item: T, options?: WaitOptions): Promise<void> {
    deadlineOf(options?.timeout);
    options?.signal?.throwIfAborted();
    const prepared = prepare(item);
    let placed: true | undefined;
    try {
      if (this.#put(prepared)) return;
      placed = await park(this[HEAP], this[AT] + QUEUE.NOT_FULL, () => this.#putWhenRoom(prepared), options);
    } catch (error) {
      drop(prepared);
      throw error;
    }
    if (!placed) this.#full(prepared, options!.timeout!);
  }

  /** The same, blocking this thread. */
  putSync(item: T, options?: SyncWaitOptions): void {
    const deadline = options === undefined ? Infinity : deadlineOf(options.timeout);
    const prepared = prepare(item);
    let placed: true | undefined;
    try {
      if (this.#put(prepared)) return;
      placed = parkSync(this[HEAP], this[AT] + QUEUE.NOT_FULL, this[AT], () => this.#putWhenRoom(prepared), deadline);
    } catch (error) {
      drop(prepared);
      throw error;
    }
    if (!placed) this.#full(prepared, options!.timeout!);
  }

  /** Puts the item in if there is room now; false when there isn't. Throws `ShutDown`. */
  tryPut(item: T): boolean {
    const prepared = prepare(item);
    try {
      if (this.#put(prepared)) return true;
    } catch (error) {
      drop(prepared);
      throw error;
    }
    drop(prepared);
    return false;
  }

  /**
   * Takes the oldest item, waiting for one without blocking the event loop. Throws `Empty` when `timeout`
   * (milliseconds) passed first, `ShutDown` when the queue is shut down and empty, `signal.reason`.
   */
  async get(options?: WaitOptions): Promise<T> {
    deadlineOf(options?.timeout);
    options?.signal?.throwIfAborted();
    const found = await park(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, () => this.#getWhenItem(), options);
    if (found) return found.item;
    throw this.#empty(options!.timeout!);
  }

  /** The same, blocking this thread. */
  getSync(options?: SyncWaitOptions): T {
    const deadline = options === undefined ? Infinity : deadlineOf(options.timeout);
    const item = this.#get();
    if (item !== NOTHING) return item as T;
    const found = parkSync(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, this[AT], () => this.#getWhenItem(), deadline);
    if (found) return found.item;
    throw this.#empty(options!.timeout!);
  }

  /** The oldest item if there is one now, else undefined. Throws `ShutDown` when the queue is shut down and empty. */
  tryGet(): T | undefined {
    const item = this.#get();
    return item === NOTHING ? undefined : (item as T);
  }

  /** How many items are in, at this moment. */
  qsize(): number {
    const heap = this[HEAP];
    // Taken first: what is put in between can only make the answer too large by that, never negative.
    const taken = heap.load(this[AT] + QUEUE.GET_COUNT);
    return (heap.load(this[AT] + QUEUE.PUT_COUNT) - taken) | 0;
  }

  empty(): boolean {
    return this.qsize() === 0;
  }

  full(): boolean {
    const { maxSize } = this;
    return maxSize > 0 && this.qsize() >= maxSize;
  }

  /** Says that an item taken earlier has been worked off. Throws `RuntimeError` when called more often than `put`. */
  taskDone(): void {
    const heap = this[HEAP];
    for (;;) {
      const done = heap.load(this[AT] + QUEUE.DONE_COUNT);
      if (heap.load(this[AT] + QUEUE.PUT_COUNT) === done) {
        throw new RuntimeError(
          `taskDone() was called more often than there were items in ${this.toString()}: call it once for each item taken.`,
        );
      }
      if (heap.cas(this[AT] + QUEUE.DONE_COUNT, done, (done + 1) | 0) === done) break;
    }
    if (this.#unfinished() === 0) wake(heap, this[AT] + QUEUE.JOIN_SPOT, Infinity);
  }

  /** Waits until every item put has been worked off (`taskDone`): true; false when `timeout` passed first. */
  async join(options?: WaitOptions): Promise<boolean> {
    return (
      (await park(this[HEAP], this[AT] + QUEUE.JOIN_SPOT, () => this.#unfinished() === 0 || undefined, options)) ??
      false
    );
  }

  /** The same, blocking this thread. */
  joinSync(options?: SyncWaitOptions): boolean {
    const deadline = deadlineOf(options?.timeout);
    return (
      parkSync(
        this[HEAP],
        this[AT] + QUEUE.JOIN_SPOT,
        this[AT],
        () => this.#unfinished() === 0 || undefined,
        deadline,
      ) ?? false
    );
  }

  /**
   * From now on `put` throws `ShutDown`, also one that waits; `get` does once the queue is empty. With `immediate` the
   * items that are in are thrown away, and count as done.
   */
  shutdown(options: { immediate?: boolean } = {}): void {
    const heap = this[HEAP];
    const at = this[AT];
    close(heap, at);
    if (options.immediate) {
      const items = drain(heap, at);
      for (let left = items; left > 0 && this.#unfinished() > 0; left--) this.taskDone();
    }
    wake(heap, at + QUEUE.NOT_EMPTY, Infinity);
    wake(heap, at + QUEUE.NOT_FULL, Infinity);
    wake(heap, at + QUEUE.JOIN_SPOT, Infinity);
  }

  /** Takes items until the queue is shut down and empty, without blocking the event loop. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const found = await park(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, () => this.#getUnlessOver());
      if (found === OVER) return;
      yield (found as { item: T }).item;
    }
  }

  /** Takes items until the queue is shut down and empty, blocking this thread in between. */
  *itemsSync(): Generator<T, void, undefined> {
    for (;;) {
      const found = parkSync(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, this[AT], () => this.#getUnlessOver(), Infinity);
      if (found === OVER) return;
      yield (found as { item: T }).item;
    }
  }

  /** Items in, the bound, producers and consumers that wait now, items not yet worked off. */
  statistics(): { size: number; maxSize: number; putters: number; getters: number; unfinished: number } {
    return {
      size: this.qsize(),
      maxSize: this.maxSize,
      putters: waitingAt(this[HEAP], this[AT] + QUEUE.NOT_FULL),
      getters: waitingAt(this[HEAP], this[AT] + QUEUE.NOT_EMPTY),
      unfinished: this.#unfinished(),
    };
  }

  override toString(): string {
    const bound = this.maxSize > 0 ? ` of ${this.maxSize}` : '';
    const over = this.#isShutDown() ? ', shut down' : '';
    return `<${this.constructor.name} #${this[AT].toString(16)} ${this.qsize()}${bound} items${over}>`;
  }

  /** @internal Resolves when there is an item, or the queue is shut down; leaves it there. */
  async untilItem(signal: AbortSignal): Promise<void> {
    await park(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, () => this.qsize() > 0 || this.#isShutDown() || undefined, {
      signal,
    });
  }

  /** @internal The same, blocking, for so many milliseconds at most. */
  blockUntilItem(milliseconds: number): void {
    const arrived = () => this.qsize() > 0 || this.#isShutDown() || undefined;
    parkSync(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, this[AT], arrived, performance.now() + milliseconds);
  }

  #isShutDown(): boolean {
    return this[HEAP].load(this[AT] + QUEUE.SHUT_DOWN) !== 0;
  }

  #unfinished(): number {
    const done = this[HEAP].load(this[AT] + QUEUE.DONE_COUNT);
    return (this[HEAP].load(this[AT] + QUEUE.PUT_COUNT) - done) | 0;
  }

  /** False when there is no room. The item stays the caller's unless this returns true. */
  #put(item: Item): boolean {
    const heap = this[HEAP];
    const outcome = place(heap, this[AT], item);
    if (outcome === 'placed') {
      wake(heap, this[AT] + QUEUE.NOT_EMPTY, 1);
      return true;
    }
    if (outcome === 'full') return false;
    throw new ShutDown(`${this.toString()} takes no more items: shutdown() was called.`);
  }

  /** A look before the lock: waiters try often. */
  #putWhenRoom(item: Item): true | undefined {
    if (this.full() && !this.#isShutDown()) return undefined;
    return this.#put(item) || undefined;
  }

  #get(): unknown {
    const heap = this[HEAP];
    const item = take(heap, this[AT]);
    if (item === NOTHING) {
      if (this.#isShutDown() && this.qsize() === 0) {
        throw new ShutDown(`${this.toString()} has nothing more to give: shutdown() was called.`);
      }
      return NOTHING;
    }
    wake(heap, this[AT] + QUEUE.NOT_FULL, 1);
    return item;
  }

  #getWhenItem(): { item: T } | undefined {
    if (this.qsize() === 0 && !this.#isShutDown()) return undefined;
    const item = this.#get();
    return item === NOTHING ? undefined : { item: item as T };
  }

  #getUnlessOver(): { item: T } | typeof OVER | undefined {
    try {
      return this.#getWhenItem();
    } catch (error) {
      if (error instanceof ShutDown) return OVER;
      throw error;
    }
  }

  #full(item: Item, timeout: number): never {
    drop(item);
    throw new Full(`${this.toString()} had no room in ${timeout} ms.`);
  }

  #empty(timeout: number): Empty {
    return new Empty(`${this.toString()} had no item in ${timeout} ms.`);
  }
}

const OVER: unique symbol = Symbol('over');

defineKind(KIND.QUEUE, Queue, (heap, at) => {
  releaseItems(heap, heap.i32[at + QUEUE.RING]);
  heap.release(heap.i32[at + QUEUE.RING]);
});
// It may have died between a put, a get or a shutdown and the wake-ups that belong to it.
defineAbandon(KIND.QUEUE, (heap, at) => {
  wake(heap, at + QUEUE.NOT_EMPTY, Infinity);
  wake(heap, at + QUEUE.NOT_FULL, Infinity);
  wake(heap, at + QUEUE.JOIN_SPOT, Infinity);
});
