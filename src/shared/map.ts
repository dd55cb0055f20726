/**
 * A map that threads share. Keys are spread over stripes by their hash; each stripe is a table of its own (stripe.ts)
 * with a lock for those that change it. Small values are read without any lock (glance.ts), so readers in different
 * threads don't slow each other down; a large value, or one with shared objects in it, is counted under the lock first,
 * so that no writer frees it while it is decoded.
 *
 * An iteration takes a stripe at a time: it counts all its entries under the lock, and then decodes them at leisure.
 */
import '../functions/message-codec.ts';
import {
  AT,
  defineAbandon,
  defineKind,
  HEAP,
  type Heap,
  KIND,
  letGo,
  MAP,
  MAP_PORTION,
  MAP_SLOT,
  note,
  noteCounting,
  refuseDisposed,
  SharedObject,
  STRIPE,
  STRIPES_OF_A_MAP,
} from '../memory/index.ts';
import { createEntry, readValue } from './entry.ts';
import { shown } from './field-type.ts';
import { UNREAD } from './glance.ts';
import { Held } from './hold.ts';
import { during, refuseInside } from './inside.ts';
import { type Key, keyOf, type MapKey, readKey } from './key.ts';
import { createPortion, entriesOf } from './portion.ts';
import {
  ABSENT,
  capacityOf,
  copyEntries,
  drain,
  dropTable,
  empty,
  glance,
  glanceForKey,
  lockStripe,
  put,
  recover,
  remove,
  slotOf,
  unlockStripe,
} from './stripe.ts';

/**
 * A `Map` that all threads have in common. Keys are primitives, equal as in a `Map` (`NaN` is `NaN`, `-0` is `0`, and
 * symbols are those of `Symbol.for`); values are copied in and out, and shared objects in them are passed by reference.
 * Each call is atomic: readers see the old value or the new one. `update` and `getOrSet` hold the key's stripe while
 * they run your function, so between its reading and its writing nothing changes; keep it short and synchronous, and
 * don't use the map inside of it (`RuntimeError`).
 *
 * Iterations go on while others write. They give each key at most once, every key that is in from their beginning to
 * their end, and values as they were when the iteration came to their stripe. The order is none that means anything.
 *
 * A map that holds itself, directly or around a corner, is not freed until it is cleared.
 */
export class SharedMap<K extends MapKey = MapKey, V = unknown> extends SharedObject implements Iterable<[K, V]> {
  /** With the entries of `entries`, a `Map` or a list of pairs. */
  constructor(entries?: Iterable<readonly [K, V]> | null) {
    const adopted = SharedObject.adopting();
    super(KIND.MAP, MAP.WORDS - 2, (heap, at) => heap.i32.fill(0, at + 2, at + MAP.WORDS));
    if (adopted || entries === undefined || entries === null) return;
    if (typeof (entries as Iterable<unknown>)[Symbol.iterator] !== 'function') {
      throw new TypeError(`new ${new.target.name}(${shown(entries)}): give pairs of a key and a value, or nothing.`);
    }
    for (const pair of entries) {
      if (pair === null || typeof pair !== 'object') {
        throw new TypeError(`new ${new.target.name}(…): an entry is a pair [key, value], not ${shown(pair)}.`);
      }
      this.set(pair[0], pair[1]);
    }
  }

  /** A copy of the key's value; undefined when it isn't in. */
  get(key: K): V | undefined {
    refuseInside(this);
    const value = this.#read(keyOf(key, this));
    return value === ABSENT ? undefined : (value as V);
  }

  has(key: K): boolean {
    refuseInside(this);
    const wanted = keyOf(key, this);
    const heap = this[HEAP];
    const stripe = this.#stripe(wanted);
    const found = glanceForKey(heap, stripe, wanted);
    if (found !== UNREAD) return found;
    lockStripe(this, heap, stripe);
    try {
      return slotOf(heap, stripe, wanted) !== 0;
    } finally {
      unlockStripe(heap, stripe);
    }
  }

  /** Stores a copy. Throws `CloneError` naming what can't be copied, and then the old value stays. */
  set(key: K, value: V): this {
    refuseInside(this);
    const wanted = keyOf(key, this);
    const heap = this[HEAP];
    // Outside of the lock: a getter of the value's is the user's code.
    const noted = createEntry(heap, wanted, value);
    const stripe = this.#stripe(wanted);
    try {
      refuseDisposed(this, 'SharedMap');
      lockStripe(this, heap, stripe);
      try {
        put(heap, stripe, wanted, noted);
      } finally {
        unlockStripe(heap, stripe);
      }
    } finally {
      // The old one, or the new one when it is not in. Outside too: dropping it may have much to do.
      letGo(noted);
    }
    return this;
  }

  /** Whether the key was in. */
  delete(key: K): boolean {
    refuseInside(this);
    const wanted = keyOf(key, this);
    const heap = this[HEAP];
    const stripe = this.#stripe(wanted);
    const noted = note(0);
    let found = false;
    try {
      lockStripe(this, heap, stripe);
      try {
        const slot = slotOf(heap, stripe, wanted);
        found = slot !== 0;
        if (found) remove(heap, stripe, slot, noted);
      } finally {
        unlockStripe(heap, stripe);
      }
    } finally {
      letGo(noted);
    }
    return found;
  }

  /** Takes everything out, a stripe at a time: what others put in meanwhile may stay. */
  clear(): void {
    refuseInside(this);
    const heap = this[HEAP];
    // What is taken out goes through a map of this thread alone: if it dies, the reaper frees the rest.
    using taken = this.size === 0 ? undefined : Held.empty(heap, KIND.MAP, MAP.WORDS);
    const into = taken === undefined ? 0 : stripeAt(taken.address, 0);
    for (let number = 0; number < STRIPES_OF_A_MAP; number++) {
      const stripe = stripeAt(this[AT], number);
      let table = 0;
      lockStripe(this, heap, stripe);
      try {
        table = empty(heap, stripe, into);
      } finally {
        unlockStripe(heap, stripe);
      }
      if (into === 0) dropTable(heap, table);
      else drain(heap, into);
    }
  }

  /** How many keys are in, at this moment. */
  get size(): number {
    let size = 0;
    for (let number = 0; number < STRIPES_OF_A_MAP; number++) {
      size += this[HEAP].load(stripeAt(this[AT], number) + STRIPE.COUNT);
    }
    return size;
  }

  /**
   * Replaces the key's value by `fn` of it (of undefined, when it isn't in) and returns the new one. Nobody changes the
   * key in between, and `fn` runs once. It must not be asynchronous. When it throws, nothing changes. A thread that dies
   * in it leaves the old value.
   */
  update(key: K, fn: (value: V | undefined, key: K) => V): V {
    return this.#compute(key, fn, 'update', (before) => fn(before === ABSENT ? undefined : (before as V), key));
  }

  /**
   * The key's value, or, when it isn't in, that of `fn`, which is stored. Of all threads that ask for a key at once only
   * one runs its `fn`; the others get what that one stored.
   */
  getOrSet(key: K, fn: (key: K) => V): V {
    refuseInside(this);
    const value = typeof fn === 'function' ? this.#read(keyOf(key, this)) : ABSENT;
    if (value !== ABSENT) return value as V;
    return this.#compute(key, fn, 'getOrSet', (before) => (before === ABSENT ? fn(key) : (before as V)), true);
  }

  *keys(): Generator<K, undefined, undefined> {
    for (const [heap, entry] of this.#entries()) yield readKey(heap, entry) as K;
  }

  *values(): Generator<V, undefined, undefined> {
    for (const [heap, entry] of this.#entries()) yield readValue(heap, entry) as V;
  }

  *entries(): Generator<[K, V], undefined, undefined> {
    for (const [heap, entry] of this.#entries()) yield [readKey(heap, entry) as K, readValue(heap, entry) as V];
  }

  [Symbol.iterator](): Generator<[K, V], undefined, undefined> {
    return this.entries();
  }

  forEach(fn: (value: V, key: K, map: this) => void, thisArg?: unknown): void {
    for (const [key, value] of this.entries()) fn.call(thisArg, value, key, this);
  }

  /** Keys that are in, the slots that there are for them, and in how many stripes. */
  statistics(): { size: number; capacity: number; stripes: number } {
    let capacity = 0;
    for (let number = 0; number < STRIPES_OF_A_MAP; number++) {
      capacity += capacityOf(this[HEAP], stripeAt(this[AT], number));
    }
    return { size: this.size, capacity, stripes: STRIPES_OF_A_MAP };
  }

  override toString(): string {
    const { size } = this;
    return `<${this.constructor.name} #${this[AT].toString(16)} ${size} ${size === 1 ? 'entry' : 'entries'}>`;
  }

  override [Symbol.dispose](): void {
    refuseInside(this);
    super[Symbol.dispose]();
  }

  #stripe(key: Key): number {
    // The uppermost four bits; the place in the table is by the lowest.
    return stripeAt(this[AT], key.hash >>> 28);
  }

  /** The value, or ABSENT. */
  #read(key: Key): unknown {
    const value = glance(this[HEAP], this.#stripe(key), key);
    return value === UNREAD ? this.#readSlow(key) : value;
  }

  #readSlow(key: Key): unknown {
    const heap = this[HEAP];
    const stripe = this.#stripe(key);
    let held = -1;
    let entry = 0;
    lockStripe(this, heap, stripe);
    try {
      const slot = slotOf(heap, stripe, key);
      if (slot === 0) return ABSENT;
      entry = heap.i32[slot + MAP_SLOT.ADDRESS];
      held = noteCounting(entry);
    } finally {
      unlockStripe(heap, stripe);
    }
    try {
      return readValue(heap, entry);
    } finally {
      letGo(held);
    }
  }

  /** Runs the user's function under the stripe's lock and stores what it returns. */
  #compute(key: K, fn: unknown, name: string, run: (before: unknown) => V, keep = false): V {
    refuseInside(this);
    const wanted = keyOf(key, this);
    if (typeof fn !== 'function') {
      throw new TypeError(`${this}.${name}(…, ${shown(fn)}): give a function that returns the new value.`);
    }
    const heap = this[HEAP];
    const stripe = this.#stripe(wanted);
    let noted = -1;
    let after: V;
    lockStripe(this, heap, stripe);
    try {
      const slot = slotOf(heap, stripe, wanted);
      during(this, () => {
        const before = slot === 0 ? ABSENT : readValue(heap, heap.i32[slot + MAP_SLOT.ADDRESS]);
        after = run(before);
        // Its getters are the user's code as well.
        if (!keep || before === ABSENT) noted = createEntry(heap, wanted, after);
      });
      if (noted !== -1) put(heap, stripe, wanted, noted);
    } finally {
      unlockStripe(heap, stripe);
      if (noted !== -1) letGo(noted);
    }
    return after!;
  }

  /** Each entry once, held until the next is asked for. */
  *#entries(): Generator<[Heap, number], undefined, undefined> {
    const heap = this[HEAP];
    // The map itself may be disposed meanwhile.
    using map = Held.of(heap, this[AT]);
    for (let number = 0; number < STRIPES_OF_A_MAP; number++) {
      refuseInside(this);
      const stripe = stripeAt(map.address, number);
      if (heap.load(stripe + STRIPE.COUNT) === 0) continue;
      using portion = this.#portion(heap, stripe);
      for (const entry of entriesOf(heap, portion.address)) yield [heap, entry];
    }
  }

  #portion(heap: Heap, stripe: number): Held {
    for (let room = heap.load(stripe + STRIPE.COUNT); ; ) {
      // A little more: others write on.
      const portion = createPortion(heap, room + (room >> 3));
      lockStripe(this, heap, stripe);
      try {
        room = copyEntries(heap, stripe, portion.address);
      } finally {
        unlockStripe(heap, stripe);
      }
      if (room <= heap.i32[portion.address + MAP_PORTION.COUNT]) return portion;
      portion[Symbol.dispose]();
    }
  }
}

function stripeAt(map: number, number: number): number {
  return map + MAP.STRIPES + number * STRIPE.WORDS;
}

defineKind(KIND.MAP, SharedMap, (heap, at) => {
  for (let number = 0; number < STRIPES_OF_A_MAP; number++) {
    dropTable(heap, heap.i32[stripeAt(at, number) + STRIPE.TABLE]);
  }
});
defineAbandon(KIND.MAP, (heap, at, ident) => {
  for (let number = 0; number < STRIPES_OF_A_MAP; number++) recover(heap, stripeAt(at, number), ident);
});
