/**
 * What all queues have: putting and taking, one by one and many at once, in all forms of waiting, and iterating. How
 * the items lie in memory is the business of a `Store`.
 *
 *     word          who writes                            meaning
 *     PUT_COUNT     producers, under the store's mutex    items ever put
 *     GET_COUNT     consumers, under the store's mutex    items ever taken; the difference is what is in
 *     SHUT_DOWN     shutdown(), under the same, once      1: nothing more goes in
 *     MAX_SIZE      anybody                               the bound, 0 for none
 *     DONE_COUNT    taskDone(), shutdown(), by CAS        items worked off
 *     NOT_EMPTY     spot: consumers wait there, woken after PUT_COUNT or SHUT_DOWN has changed
 *     NOT_FULL      spot: producers wait there, woken after GET_COUNT, MAX_SIZE or SHUT_DOWN has changed
 *     JOIN_SPOT     spot: joiners wait there, woken when DONE_COUNT has reached PUT_COUNT
 */
import { inspect } from 'node:util';
import '../functions/message-codec.ts';
import { Empty, Full, ShutDown } from '../errors.ts';
import {
  AT,
  deadlineIn,
  defineAbandon,
  defineKind,
  HEAP,
  type Heap,
  initSpot,
  isMutexOf,
  park,
  parkSync,
  QUEUE,
  refuseDisposed,
  SharedObject,
  SYNC,
  type SyncWaitOptions,
  type WaitOptions,
  waitingAt,
  wake,
} from '../memory/index.ts';
import { Batch, type ManyOptions } from './batch.ts';
import { block, itemsIn, roomIn, sizeOf } from './block.ts';
import { drop, type Item, NOTHING, Parcel, Ranked } from './item.ts';
import { learn, spin } from './spin.ts';
import { FULL, type PutOptions, rouseAll, SHUT, type Store } from './store.ts';

/** The class's way of keeping items. */
export const STORE: unique symbol = Symbol('telaio.store');
/** @internal What the classes above use of what stands here. */
export const OFFER: unique symbol = Symbol('telaio.offer');
/** @internal The options that putting knows, in a class of queues: see PriorityQueue. */
export const PUTS: unique symbol = Symbol('telaio.puts');
/** @internal */
export const PUTS_SYNC: unique symbol = Symbol('telaio.putsSync');
/** @internal */
export const OFFER_MANY: unique symbol = Symbol('telaio.offerMany');

export abstract class BaseQueue<T> extends SharedObject implements AsyncIterable<T> {
  /** @internal */ declare readonly [STORE]: Store;
  /** @internal Undefined: those of every wait. */ declare readonly [PUTS]: readonly string[] | undefined;
  /** @internal */ declare readonly [PUTS_SYNC]: readonly string[];

  protected constructor(store: Store, maxSize: number) {
    super(store.kind, QUEUE.WORDS - 2, (heap, at) => {
      heap.i32.fill(0, at + QUEUE.MAX_SIZE, at + QUEUE.WORDS);
      heap.i32[at + QUEUE.MAX_SIZE] = maxSize;
      for (const spot of [QUEUE.JOIN_SPOT, QUEUE.NOT_EMPTY, QUEUE.NOT_FULL]) initSpot(heap, at + spot);
      store.create(heap, at);
    });
  }

  /**
   * Puts a copy of `item` in, waiting for room without blocking the event loop. Throws `Full` when `timeout`
   * (milliseconds) passed first, `ShutDown`, `signal.reason`, or `CloneError` naming what can't be copied.
   */
  async put(item: T, options?: WaitOptions): Promise<void> {
    deadlineIn(options, 'put(item, …)', this, this[PUTS]);
    options?.signal?.throwIfAborted();
    const prepared = this[STORE].prepare(item, options as PutOptions);
    let placed: true | undefined;
    try {
      // Tries at once, but after those of this thread that wait already: a producer's items keep their order.
      placed = await park(this[HEAP], this[AT] + QUEUE.NOT_FULL, () => this.#putWhenRoom(prepared), options);
    } catch (error) {
      drop(prepared);
      throw error;
    }
    if (!placed) this.#full(prepared, options!.timeout!);
  }

  /** The same, blocking this thread. */
  putSync(item: T, options?: SyncWaitOptions): void {
    const deadline = options === undefined ? Infinity : deadlineIn(options, 'putSync(item, …)', this, this[PUTS_SYNC]);
    const prepared = this[STORE].prepare(item, options as PutOptions);
    let placed: true | undefined;
    try {
      if (this.#put(prepared)) return;
      placed = this.#block(QUEUE.NOT_FULL, () => this.#putWhenRoom(prepared), deadline);
    } catch (error) {
      drop(prepared);
      throw error;
    }
    if (!placed) this.#full(prepared, options!.timeout!);
  }

  /** @internal Puts an item into a queue without a bound; calls `ready` once it is encoded, and before it is in. */
  putAfter(item: T, ready: () => void): void {
    const prepared = this[STORE].prepare(item);
    try {
      ready();
      this.#put(prepared);
    } catch (error) {
      drop(prepared);
      throw error;
    }
  }

  /**
   * @internal Puts a task's block in whose entry in the holdings this is, into a queue without a bound; the entry is given
   * up. Who takes the item gets an entry of its own: at no instant does somebody's death lose the count.
   */
  putBlock(entry: number, priority?: number): void {
    const parcel = new Parcel(entry);
    try {
      this.#put(priority === undefined ? parcel : new Ranked(parcel, priority));
    } catch (error) {
      drop(parcel);
      throw error;
    }
  }

  /** Puts the item in if there is room now; false when there isn't. Throws `ShutDown`. */
  tryPut(item: T): boolean {
    return this[OFFER](item);
  }

  /** @internal */
  [OFFER](item: T, options?: PutOptions): boolean {
    const prepared = this[STORE].prepare(item, options);
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
   * Puts all items of an iterable in, in order, as room comes, without blocking the event loop; other producers' items
   * may come in between. `timeout` is for all of them. When it throws (`Full`, `ShutDown`, `signal.reason`, `CloneError`,
   * what the iterable throws), the items before are in; `Full` and `ShutDown` say in `placed` how many those are.
   */
  async putMany(items: Iterable<T>, options?: WaitOptions): Promise<void> {
    const deadline = deadlineIn(options, 'putMany(items, …)', this, this[PUTS]);
    const signal = options?.signal;
    signal?.throwIfAborted();
    using batch = new Batch(this[STORE], items, options as ManyOptions<never>);
    while (batch.fill()) {
      const timeout = deadline === Infinity ? Infinity : Math.max(0, deadline - performance.now());
      const attempt = () => this.#putBatch(batch);
      if (!(await park(this[HEAP], this[AT] + QUEUE.NOT_FULL, attempt, { timeout, signal }))) {
        throw this.#fullFor(batch, options!.timeout!);
      }
    }
  }

  /** The same, blocking this thread. */
  putManySync(items: Iterable<T>, options?: SyncWaitOptions): void {
    const deadline = deadlineIn(options, 'putManySync(items, …)', this, this[PUTS_SYNC]);
    using batch = new Batch(this[STORE], items, options as ManyOptions<never>);
    while (batch.fill()) {
      if (this.#putBatch(batch)) continue;
      if (!this.#block(QUEUE.NOT_FULL, () => this.#putBatch(batch), deadline)) {
        throw this.#fullFor(batch, options!.timeout!);
      }
    }
  }

  /** Puts in the items for which there is room now, the first ones; returns how many. Throws `ShutDown`. */
  tryPutMany(items: readonly T[]): number {
    return this[OFFER_MANY](items);
  }

  /** @internal */
  [OFFER_MANY](items: readonly T[], options?: ManyOptions<T>): number {
    using batch = new Batch(this[STORE], items, options);
    while (batch.fill() && this.#putBatch(batch));
    return batch.placed;
  }

  /**
   * Takes the next item, waiting for one without blocking the event loop. Throws `Empty` when `timeout` (milliseconds)
   * passed first, `ShutDown` when the queue is shut down and empty, `signal.reason`.
   */
  async get(options?: WaitOptions): Promise<T> {
    deadlineIn(options, 'get', this);
    options?.signal?.throwIfAborted();
    const found = await park(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, () => this.#getWhenItem(), options);
    if (found) return found.item;
    throw this.#empty(options!.timeout!);
  }

  /** The same, blocking this thread. */
  getSync(options?: SyncWaitOptions): T {
    const deadline = options === undefined ? Infinity : deadlineIn(options, 'getSync', this, SYNC);
    const item = this.#get();
    if (item !== NOTHING) return item as T;
    const found = this.#block(QUEUE.NOT_EMPTY, () => this.#getWhenItem(), deadline);
    if (found) return found.item;
    throw this.#empty(options!.timeout!);
  }

  /** The next item if there is one now, else undefined. Throws `ShutDown` when the queue is shut down and empty. */
  tryGet(): T | undefined {
    const item = this.#get();
    return item === NOTHING ? undefined : (item as T);
  }

  /**
   * Takes up to `max` items: waits, without blocking the event loop, until there is one, and takes what is there then.
   * Throws as `get` does. (An item that can't be made here throws, too; what was taken before it is the error's `taken`.)
   */
  async getMany(max: number, options?: WaitOptions): Promise<T[]> {
    this.#checkMax('getMany', max);
    deadlineIn(options, 'getMany(max, …)', this);
    options?.signal?.throwIfAborted();
    const items = await park(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, () => this.#getManyWhenItem(max), options);
    if (items) return items;
    throw this.#empty(options!.timeout!);
  }

  /** The same, blocking this thread. */
  getManySync(max: number, options?: SyncWaitOptions): T[] {
    this.#checkMax('getManySync', max);
    const deadline = deadlineIn(options, 'getManySync(max, …)', this, SYNC);
    const items = this.#getMany(max) ?? this.#block(QUEUE.NOT_EMPTY, () => this.#getManyWhenItem(max), deadline);
    if (items) return items;
    throw this.#empty(options!.timeout!);
  }

  /** Takes up to `max` of the items that are there now, maybe none. Throws `ShutDown` when shut down and empty. */
  tryGetMany(max: number): T[] {
    this.#checkMax('tryGetMany', max);
    return this.#getMany(max) ?? [];
  }

  /** How many items are in, at this moment. */
  qsize(): number {
    return sizeOf(this[HEAP], this[AT]);
  }

  empty(): boolean {
    return this.qsize() === 0;
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
      const found = this.#getUnlessOver() ?? this.#block(QUEUE.NOT_EMPTY, () => this.#getUnlessOver(), Infinity);
      if (found === OVER) return;
      yield (found as { item: T }).item;
    }
  }

  /** Items in, consumers that wait now. */
  statistics(): { size: number; getters: number } {
    return { size: this.qsize(), getters: waitingAt(this[HEAP], this[AT] + QUEUE.NOT_EMPTY) };
  }

  override toString(): string {
    const max = this[HEAP].load(this[AT] + QUEUE.MAX_SIZE);
    const bound = max > 0 ? ` of ${max}` : '';
    const over = this.#isShutDown() ? ', shut down' : '';
    return `<${this.constructor.name} #${this[AT].toString(16)} ${this.qsize()}${bound} items${over}>`;
  }

  /** @internal Resolves when there is an item, or the queue is shut down; leaves it there. */
  async untilItem(signal: AbortSignal, hold = true): Promise<void> {
    await park(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, () => this.qsize() > 0 || this.#isShutDown() || undefined, {
      signal,
      hold,
      outlives: true,
    });
  }

  /** @internal The same, but first it looks on awake for as long as that has paid of late, `most` milliseconds: true if it did now. */
  async untilItemSoon(signal: AbortSignal, most: number | undefined): Promise<boolean> {
    const start = performance.now();
    if (spin(() => itemsIn(this[HEAP], this[AT]), 1, most)) return true;
    await this.untilItem(signal);
    learn(performance.now() - start);
    return false;
  }

  /** @internal The same, blocking, for so many milliseconds at most. */
  blockUntilItem(milliseconds: number): void {
    const arrived = () => this.qsize() > 0 || this.#isShutDown() || undefined;
    parkSync(this[HEAP], this[AT] + QUEUE.NOT_EMPTY, this[AT], arrived, performance.now() + milliseconds);
  }

  #isShutDown(): boolean {
    return this[HEAP].load(this[AT] + QUEUE.SHUT_DOWN) !== 0;
  }

  #block<R>(spot: number, attempt: () => R | undefined, deadline: number): R | undefined {
    return block(this[HEAP], this[AT], spot, attempt, deadline);
  }

  /** False when there is no room. The item stays the caller's unless this returns true. */
  #put(item: Item): boolean {
    const heap = this[HEAP];
    const outcome = this[STORE].place(heap, this[AT], item);
    if (outcome === 1) return true;
    if (outcome === FULL) return false;
    throw this.#shut();
  }

  /** A look before the lock: waiters try often. */
  #putWhenRoom(item: Item): true | undefined {
    if (roomIn(this[HEAP], this[AT]) === 0) return undefined;
    return this.#put(item) || undefined;
  }

  /** True when the whole batch is in. */
  #putBatch(batch: Batch): true | undefined {
    refuseDisposed(this, 'Queue');
    const heap = this[HEAP];
    if (roomIn(heap, this[AT]) === 0) return undefined;
    for (;;) {
      const outcome = batch.place(heap, this[AT]);
      if (outcome === SHUT) throw Object.assign(this.#shut(), { placed: batch.placed });
      if (outcome === FULL) return undefined;
      if (batch.left === 0) return true;
    }
  }

  #get(): unknown {
    const heap = this[HEAP];
    const item = takeOne(this[STORE], heap, this[AT]);
    if (item === NOTHING) this.#throwIfOver();
    return item;
  }

  #throwIfOver(): void {
    // In this order: nothing goes in once SHUT_DOWN is set.
    if (this.#isShutDown() && this.qsize() === 0) {
      throw new ShutDown(`${this.toString()} has nothing more to give: shutdown() was called.`);
    }
  }

  #getWhenItem(): { item: T } | undefined {
    if (itemsIn(this[HEAP], this[AT]) === 0) return undefined;
    const item = this.#get();
    return item === NOTHING ? undefined : { item: item as T };
  }

  #getMany(max: number): T[] | undefined {
    const heap = this[HEAP];
    const items: T[] = [];
    try {
      for (;;) {
        const taken = this[STORE].takeMany(heap, this[AT], max - items.length, items);
        if (taken === 0) break;
        wake(heap, this[AT] + QUEUE.NOT_FULL, taken);
        if (items.length >= max) break;
      }
    } catch (error) {
      wake(heap, this[AT] + QUEUE.NOT_FULL, Infinity);
      if (items.length > 0 && error instanceof Error) Object.assign(error, { taken: items });
      throw error;
    }
    if (items.length > 0) return items;
    this.#throwIfOver();
    return undefined;
  }

  #getManyWhenItem(max: number): T[] | undefined {
    return itemsIn(this[HEAP], this[AT]) === 0 ? undefined : this.#getMany(max);
  }

  #getUnlessOver(): { item: T } | typeof OVER | undefined {
    if (itemsIn(this[HEAP], this[AT]) === 0) return undefined;
    if (this.#isShutDown() && this.qsize() === 0) return OVER;
    const item = takeOne(this[STORE], this[HEAP], this[AT]);
    if (item !== NOTHING) return { item: item as T };
    return this.#isShutDown() && this.qsize() === 0 ? OVER : undefined;
  }

  #checkMax(call: string, max: number): void {
    if (Number.isInteger(max) && max >= 1) return;
    if (max === Infinity) return;
    throw new RangeError(`${call}(${inspect(max)}): give how many items at most, a whole number from 1 on.`);
  }

  #shut(): ShutDown {
    return new ShutDown(`${this.toString()} takes no more items: shutdown() was called.`);
  }

  #full(item: Item, timeout: number): never {
    drop(item);
    throw new Full(`${this.toString()} had no room in ${timeout} ms.`);
  }

  #fullFor(batch: Batch, timeout: number): Full {
    const { placed } = batch;
    const error = new Full(`${this.toString()} had no room in ${timeout} ms for more than ${placed} of the items.`);
    return Object.assign(error, { placed });
  }

  #empty(timeout: number): Empty {
    return new Empty(`${this.toString()} had no item in ${timeout} ms.`);
  }
}

const OVER: unique symbol = Symbol('over');

function takeOne(store: Store, heap: Heap, at: number): unknown {
  let item: unknown;
  try {
    item = store.take(heap, at);
  } catch (error) {
    // One that can't be made here is out all the same, and there is room.
    wake(heap, at + QUEUE.NOT_FULL, 1);
    throw error;
  }
  if (item !== NOTHING) wake(heap, at + QUEUE.NOT_FULL, 1);
  return item;
}

Object.defineProperty(BaseQueue.prototype, PUTS_SYNC, { value: SYNC });

/** Says how the items of a class lie in memory, and what is dropped with the last count of one of its records. */
export function defineQueue(
  cls: abstract new (...args: never[]) => BaseQueue<unknown>,
  store: Store,
  destroy: (heap: Heap, at: number) => void,
): void {
  Object.defineProperty(cls.prototype, STORE, { value: store });
  defineKind(store.kind, cls, destroy);
  defineAbandon(store.kind, (heap, at, ident) => {
    // Now, not when somebody next comes by: a queue may look full to all who wait, and be empty.
    const inside = isMutexOf(heap, at + QUEUE.PUT_MUTEX, ident) || isMutexOf(heap, at + QUEUE.GET_MUTEX, ident);
    if (inside) store.mend(heap, at);
    // It may also have died between a put, a get or a shutdown and the wake-ups that belong to it.
    rouseAll(heap, at);
  });
}
