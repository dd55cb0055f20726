/** A list that threads share: see chunks.ts for how it stands in memory and is read without a lock. */
import '../functions/message-codec.ts';
import {
  AT,
  defineAbandon,
  defineDestructor,
  defineKind,
  HEAP,
  KIND,
  LIST,
  letGo,
  noteCounting,
  RESUMABLE,
  refuseDisposed,
  SharedObject,
} from '../memory/index.ts';
import {
  append,
  type Boxed,
  box,
  boxedAt,
  capacityOfList,
  discardBoxed,
  drainList,
  dropItems,
  type Emptied,
  emptyList,
  glanceAt,
  type Loose,
  lockList,
  messageOf,
  PAST_END,
  recoverList,
  replace,
  takeLast,
  unbox,
  unlockList,
} from './chunks.ts';
import { shown } from './field-type.ts';
import { UNREAD } from './glance.ts';
import { Held } from './hold.ts';
import { during, refuseInside } from './inside.ts';

/**
 * An array that all threads have in common, growing and shrinking at its end. Values are copied in and out; shared
 * objects in them are passed by reference. Each call is atomic. `update` holds the list's lock while it runs your
 * function: keep it short and synchronous, and don't use the list inside of it (`RuntimeError`).
 *
 * Iterations go by index, as an array's do, and end where the list ends by then.
 *
 * There is no `shift`: for first in, first out take a `Queue`. A list that holds itself is not freed until it is cleared.
 */
export class SharedList<T = unknown> extends SharedObject implements Iterable<T> {
  /** With the items of `items`. */
  constructor(items?: Iterable<T> | null) {
    const adopted = SharedObject.adopting();
    super(KIND.LIST, LIST.WORDS - 2, (heap, at) => heap.i32.fill(0, at + 2, at + LIST.WORDS));
    if (adopted || items === undefined || items === null) return;
    if (typeof (items as Iterable<T>)[Symbol.iterator] !== 'function') {
      throw new TypeError(`new ${new.target.name}(${shown(items)}): give items in an array or another iterable.`);
    }
    const all = [...items];
    // An argument each: a call takes only so many.
    for (let start = 0; start < all.length; start += 1000) this.push(...all.slice(start, start + 1000));
  }

  get length(): number {
    return this[HEAP].load(this[AT] + LIST.LENGTH);
  }

  /** A copy of the item at an index, negative ones counted from the end, as `Array.at`; undefined past an end. */
  at(index: number): T | undefined {
    if (typeof index !== 'number') throw new TypeError(`${this}.at(${shown(index)}): give an index.`);
    const value = this.#read(index);
    return value === PAST_END ? undefined : (value as T);
  }

  /**
   * Replaces the item at an index of the list, negative ones counted from the end. Throws `RangeError` where there is
   * none, `CloneError` naming what can't be copied.
   */
  set(index: number, value: T): this {
    refuseInside(this);
    const heap = this[HEAP];
    let loose = box(value);
    try {
      refuseDisposed(this, 'SharedList');
      lockList(this, heap, this[AT]);
      try {
        loose = replace(heap, this[AT], this.#place(index, 'set'), loose);
      } finally {
        unlockList(heap, this[AT]);
      }
    } finally {
      discardBoxed(loose);
    }
    return this;
  }

  /** Puts copies behind the last item, next to each other; returns the length. Throws `CloneError`, and then none is in. */
  push(...values: T[]): number {
    refuseInside(this);
    const heap = this[HEAP];
    const at = this[AT];
    const boxed: Loose[] = [];
    let placed = 0;
    try {
      for (const value of values) boxed.push(box(value));
      refuseDisposed(this, 'SharedList');
      lockList(this, heap, at);
      try {
        for (; placed < boxed.length; placed++) append(heap, at, boxed[placed]);
        return heap.i32[at + LIST.LENGTH];
      } catch (error) {
        // All or none.
        while (placed > 0) boxed[--placed] = takeLast(heap, at);
        throw error;
      } finally {
        unlockList(heap, at);
      }
    } catch (error) {
      for (const one of boxed) discardBoxed(one);
      throw error;
    }
  }

  /** Takes the last item out; undefined when there is none. */
  pop(): T | undefined {
    refuseInside(this);
    const heap = this[HEAP];
    const at = this[AT];
    let last: Loose;
    lockList(this, heap, at);
    try {
      if (heap.i32[at + LIST.LENGTH] === 0) return undefined;
      last = takeLast(heap, at);
    } finally {
      unlockList(heap, at);
    }
    try {
      return unbox(heap, last) as T;
    } finally {
      discardBoxed(last);
    }
  }

  /**
   * Replaces the item at an index by `fn` of it and returns the new one. Nobody changes the list in between, and `fn`
   * runs once. It must not be asynchronous. When it throws, nothing changes. A thread that dies in it leaves the old item.
   */
  update(index: number, fn: (value: T, index: number) => T): T {
    refuseInside(this);
    if (typeof fn !== 'function') {
      throw new TypeError(`${this}.update(…, ${shown(fn)}): give a function that returns the new item.`);
    }
    const heap = this[HEAP];
    const at = this[AT];
    let after: T;
    let old: Loose;
    lockList(this, heap, at);
    try {
      const place = this.#place(index, 'update');
      const loose = during(this, () => {
        after = fn(unbox(heap, boxedAt(heap, at, place)) as T, place);
        return box(after);
      });
      old = replace(heap, at, place, loose);
    } finally {
      unlockList(heap, at);
    }
    discardBoxed(old);
    return after!;
  }

  /** Takes everything out. */
  clear(): void {
    refuseInside(this);
    const heap = this[HEAP];
    // What is taken out goes into a list of this thread alone: if it dies, the reaper frees the rest.
    using taken = Held.empty(heap, KIND.LIST, LIST.WORDS);
    const into = taken?.address ?? 0;
    let emptied: Emptied;
    lockList(this, heap, this[AT]);
    try {
      emptied = emptyList(heap, this[AT], into);
    } finally {
      unlockList(heap, this[AT]);
    }
    if (into === 0) dropItems(heap, emptied);
    else drainList(heap, into);
  }

  *values(): Generator<T, undefined, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  *entries(): Generator<[number, T], undefined, undefined> {
    // The list may be disposed meanwhile.
    using _held = Held.of(this[HEAP], this[AT]);
    for (let index = 0; ; index++) {
      const value = this.#read(index);
      if (value === PAST_END) return;
      yield [index, value as T];
    }
  }

  [Symbol.iterator](): Generator<T, undefined, undefined> {
    return this.values();
  }

  forEach(fn: (value: T, index: number, list: this) => void, thisArg?: unknown): void {
    for (const [index, value] of this.entries()) fn.call(thisArg, value, index, this);
  }

  /** Items that are in, and how many there is memory for. */
  statistics(): { length: number; capacity: number } {
    return { length: this.length, capacity: capacityOfList(this[HEAP], this[AT]) };
  }

  override toString(): string {
    const { length } = this;
    return `<${this.constructor.name} #${this[AT].toString(16)} ${length} ${length === 1 ? 'item' : 'items'}>`;
  }

  override [Symbol.dispose](): void {
    refuseInside(this);
    super[Symbol.dispose]();
  }

  /** The value at an index, or PAST_END. */
  #read(wanted: number): unknown {
    refuseInside(this);
    const heap = this[HEAP];
    const index = Math.trunc(wanted) || 0;
    if (index >= 0) {
      const value = glanceAt(heap, this[AT], index);
      if (value !== UNREAD) return value;
    }
    return this.#readSlow(index);
  }

  /** Under the lock; also where the index depends on the length. */
  #readSlow(wanted: number): unknown {
    const heap = this[HEAP];
    const at = this[AT];
    let boxed: Boxed;
    let held = -1;
    lockList(this, heap, at);
    try {
      const length = heap.i32[at + LIST.LENGTH];
      const index = wanted < 0 ? wanted + length : wanted;
      if (index < 0 || index >= length) return PAST_END;
      boxed = boxedAt(heap, at, index);
      const message = messageOf(boxed);
      if (message !== 0) held = noteCounting(message);
    } finally {
      unlockList(heap, at);
    }
    try {
      return unbox(heap, boxed);
    } finally {
      if (held !== -1) letGo(held);
    }
  }

  /** An index that is in the list; under the lock. */
  #place(wanted: number, name: string): number {
    const length = this[HEAP].i32[this[AT] + LIST.LENGTH];
    const index = wanted < 0 ? wanted + length : wanted;
    if (Number.isInteger(index) && index >= 0 && index < length) return index;
    if (typeof wanted !== 'number') throw new TypeError(`${this}.${name}(${shown(wanted)}, …): give an index.`);
    throw new RangeError(
      `${this}.${name}(${wanted}, …): there is no such item. Indexes go from ${-length} to ${length - 1}; push() makes new ones.`,
    );
  }
}

defineKind(KIND.LIST, SharedList);
defineDestructor(KIND.LIST, drainList, RESUMABLE);
defineAbandon(KIND.LIST, (heap, at, ident) => recoverList(heap, at, ident));
