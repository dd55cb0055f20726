/** The items of one `putMany`, encoded a few at a time, so that the iterable may be long, or endless. */
import { inspect } from 'node:util';
import type { Heap } from '../memory/index.ts';
import { drop, type Item, Parcel, Ranked } from './item.ts';
import type { PutOptions, Store } from './store.ts';

const AT_ONCE = 64;
/** Of items that take a block of their own, which may be as large as 64 MB: they lie in the heap until there is room. */
const BLOCKS_AT_ONCE = 4;

/** One priority for all items, or each item's own. */
export type ManyOptions<T> = { priority?: number | ((item: T) => number) };

export class Batch implements Disposable {
  readonly #store: Store;
  readonly #source: Iterator<unknown>;
  readonly #options: ManyOptions<unknown> | undefined;
  #exhausted = false;
  #items: Item[] = [];
  #from = 0;
  #failure: { error: unknown } | undefined;
  /** How many items have gone in so far. */
  placed = 0;

  constructor(store: Store, items: Iterable<unknown>, options?: ManyOptions<never>) {
    if (typeof items?.[Symbol.iterator] !== 'function') {
      throw new TypeError(`putMany(${inspect(items)}): give an array or another iterable of items.`);
    }
    this.#store = store;
    this.#source = items[Symbol.iterator]();
    this.#options = options as ManyOptions<unknown>;
  }

  /** Items that are encoded and not yet in. */
  get left(): number {
    return this.#items.length - this.#from;
  }

  /** Encodes the next items when all before are in; false when there are none. Throws what went wrong behind them. */
  fill(): boolean {
    if (this.left > 0) return true;
    if (this.#failure) throw this.#failure.error;
    this.#items = [];
    this.#from = 0;
    try {
      let blocks = 0;
      while (this.#items.length < AT_ONCE && blocks < BLOCKS_AT_ONCE && !this.#exhausted) {
        const next = this.#next();
        if (next.done) break;
        const item = this.#store.prepare(next.value, this.#optionsOf(next.value));
        this.#items.push(item);
        if (item instanceof Parcel || (item instanceof Ranked && item.value instanceof Parcel)) blocks++;
      }
    } catch (error) {
      if (this.#items.length === 0) throw error;
      // Those before it first.
      this.#failure = { error };
    }
    return this.#items.length > 0;
  }

  #next(): IteratorResult<unknown> {
    // An iterator that throws or ends is not to be closed.
    const before = this.#exhausted;
    this.#exhausted = true;
    const next = this.#source.next();
    if (!next.done) this.#exhausted = before;
    return next;
  }

  #optionsOf(item: unknown): PutOptions | undefined {
    const priority = this.#options?.priority;
    return typeof priority === 'function' ? { priority: priority(item) } : { priority };
  }

  /** Puts in what there is room for; returns how many, or why none, as `Store` says. */
  place(heap: Heap, at: number): number {
    const outcome = this.#store.placeMany(heap, at, this.#items, this.#from);
    if (outcome > 0) {
      this.#from += outcome;
      this.placed += outcome;
    }
    return outcome;
  }

  [Symbol.dispose](): void {
    for (const item of this.#items.splice(this.#from)) drop(item);
    if (this.#exhausted) return;
    this.#exhausted = true;
    this.#source.return?.();
  }
}
