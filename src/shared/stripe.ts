/**
 * One stripe of a SharedMap: a hash table with open addressing, guarded by the stripe's mutex for writers; readers look
 * without it (glance.ts).
 *
 *     slot            ADDRESS            leaves by
 *     empty           0                  insert: → entry
 *     live            an entry           replace: → another entry; remove: → GRAVE, or empty where no probe goes on
 *     grave           GRAVE              insert: → entry; the next table has none; a removal next to it: → empty
 *
 * Every change is published by one atomic store: of a slot's ADDRESS (HASH is written before), or of TABLE once a whole
 * new table stands. So who dies in here leaves the old state or the new one; only COUNT and USED may be behind, and are
 * counted again by the next, who finds BUSY. What was unlinked, and not yet freed by the one that died, is lost: one
 * entry and one table; all of a stripe only in the instant in which `empty` moves it.
 *
 * A table grows when three quarters are in use and shrinks when an eighth is live, under the mutex: the other stripes go
 * on meanwhile, and so do those that read this one.
 */
import {
  BLOCK,
  breakMutex,
  GRAVE,
  type Heap,
  KIND,
  letGo,
  MAP_PORTION,
  MAP_SLOT,
  MAP_TABLE,
  noteNew,
  type SharedObject,
  STRIPE,
  unlockMutex,
} from '../memory/index.ts';
import { glanceAtValue } from './entry.ts';
import { fall } from './falling.ts';
import { stoodStill, UNREAD } from './glance.ts';
import { lockOf } from './inside.ts';
import { hasKey, type Key } from './key.ts';

/** Slots that a look without the lock probes at most: what it reads may be no table any more, and without an end. */
const PROBES = 256;
/** Looks without the lock, before it is taken. */
const GLANCES = 3;

export const ABSENT: unique symbol = Symbol('absent');

/** Locks the stripe, and looks it over after a death. */
export function lockStripe(map: SharedObject, heap: Heap, stripe: number): void {
  if (lockOf(map, heap, stripe + STRIPE.MUTEX) || heap.i32[stripe + STRIPE.BUSY] !== 0) repair(heap, stripe);
}

export function unlockStripe(heap: Heap, stripe: number): void {
  unlockMutex(heap, stripe + STRIPE.MUTEX);
}

/** Frees the stripe from a thread that died holding its mutex, for the reaper: nobody has to wait to find out. */
export function recover(heap: Heap, stripe: number, dead: number): void {
  // What it left half done, BUSY tells the next.
  breakMutex(heap, stripe + STRIPE.MUTEX, dead);
}

function repair(heap: Heap, stripe: number): void {
  const { i32 } = heap;
  let live = 0;
  let used = 0;
  const table = i32[stripe + STRIPE.TABLE];
  if (table !== 0) {
    for (let slot = table + MAP_TABLE.SLOTS, end = endOf(heap, table); slot < end; slot += MAP_SLOT.WORDS) {
      const address = i32[slot + MAP_SLOT.ADDRESS];
      if (address !== 0) used++;
      if (address > 0) live++;
    }
  }
  i32[stripe + STRIPE.COUNT] = live;
  i32[stripe + STRIPE.USED] = used;
  outdate(heap, stripe);
  i32[stripe + STRIPE.BUSY] = 0;
}

/** Tells readers that what they may be looking at is about to be freed. See glance.ts for the load. */
function outdate(heap: Heap, stripe: number): void {
  heap.add(stripe + STRIPE.SEQUENCE, 1);
  heap.load(stripe + STRIPE.SEQUENCE);
}

/** Behind the last slot. */
function endOf(heap: Heap, table: number): number {
  return table + MAP_TABLE.SLOTS + (heap.i32[table + MAP_TABLE.MASK] + 1) * MAP_SLOT.WORDS;
}

/** The key's value as it stood at one moment, or ABSENT, without the lock; UNREAD when that is needed. */
export function glance(heap: Heap, stripe: number, key: Key): unknown {
  const { i32 } = heap;
  const word = stripe + STRIPE.SEQUENCE;
  for (let times = 0; times < GLANCES; times++) {
    const sequence = heap.load(word);
    const entry = probe(heap, i32[stripe + STRIPE.TABLE], key);
    if (entry === 0) {
      if (stoodStill(heap, word, sequence)) return ABSENT;
    } else if (entry > 0) {
      const value = glanceAtValue(heap, entry, key, word, sequence);
      if (value !== UNREAD) return value;
    }
  }
  return UNREAD;
}

/** Whether the key is in, without the lock; UNREAD when that is needed. */
export function glanceForKey(heap: Heap, stripe: number, key: Key): boolean | typeof UNREAD {
  const word = stripe + STRIPE.SEQUENCE;
  for (let times = 0; times < GLANCES; times++) {
    const sequence = heap.load(word);
    const entry = probe(heap, heap.i32[stripe + STRIPE.TABLE], key);
    if (entry >= 0 && stoodStill(heap, word, sequence)) return entry !== 0;
  }
  return UNREAD;
}

/** The key's entry, 0 for none, -1 for too long a search. Whatever stands there now, it comes to an end. */
function probe(heap: Heap, table: number, key: Key): number {
  if (table === 0) return 0;
  const { i32 } = heap;
  const mask = i32[table + MAP_TABLE.MASK] | 0;
  const { hash } = key;
  for (let index = hash & mask, steps = 0; steps < PROBES; index = (index + 1) & mask, steps++) {
    const slot = table + MAP_TABLE.SLOTS + index * MAP_SLOT.WORDS;
    // Past the end of the heap there is nothing, not even 0.
    const entry = i32[slot + MAP_SLOT.ADDRESS] | 0;
    if (entry === 0) return 0;
    if (entry > 0 && i32[slot + MAP_SLOT.HASH] === hash && hasKey(heap, entry, key)) return entry;
  }
  return -1;
}

/** The slot of the key, or 0. Under the lock, as all that follows. */
export function slotOf(heap: Heap, stripe: number, key: Key): number {
  const { i32 } = heap;
  const table = i32[stripe + STRIPE.TABLE];
  if (table === 0) return 0;
  const mask = i32[table + MAP_TABLE.MASK];
  const { hash } = key;
  for (let index = hash & mask; ; index = (index + 1) & mask) {
    const slot = table + MAP_TABLE.SLOTS + index * MAP_SLOT.WORDS;
    const entry = i32[slot + MAP_SLOT.ADDRESS];
    if (entry === 0) return 0;
    if (entry !== GRAVE && i32[slot + MAP_SLOT.HASH] === hash && hasKey(heap, entry, key)) return slot;
  }
}

/** Puts an entry in; in the holdings then stands the one that the key had, for release behind the lock, or 0. */
export function put(heap: Heap, stripe: number, key: Key, noted: number): void {
  const { i32 } = heap;
  const slot = slotOf(heap, stripe, key);
  if (slot === 0) {
    insert(heap, stripe, key.hash, noted);
    return;
  }
  const entry = i32[noted];
  const old = i32[slot + MAP_SLOT.ADDRESS];
  i32[stripe + STRIPE.BUSY] = 1;
  heap.store(slot + MAP_SLOT.ADDRESS, entry);
  // Nothing in between: who dies there is taken for the holder of what stands in the map.
  i32[noted] = old;
  outdate(heap, stripe);
  i32[stripe + STRIPE.BUSY] = 0;
}

function insert(heap: Heap, stripe: number, hash: number, noted: number): void {
  const { i32 } = heap;
  const entry = i32[noted];
  const before = i32[stripe + STRIPE.TABLE];
  const capacity = before === 0 ? 0 : i32[before + MAP_TABLE.MASK] + 1;
  if ((i32[stripe + STRIPE.USED] + 1) * 4 > capacity * 3) rebuild(heap, stripe, i32[stripe + STRIPE.COUNT] + 1);
  const table = i32[stripe + STRIPE.TABLE];
  const mask = i32[table + MAP_TABLE.MASK];
  let index = hash & mask;
  while (i32[table + MAP_TABLE.SLOTS + index * MAP_SLOT.WORDS] > 0) index = (index + 1) & mask;
  const slot = table + MAP_TABLE.SLOTS + index * MAP_SLOT.WORDS;
  const wasEmpty = i32[slot + MAP_SLOT.ADDRESS] === 0;
  i32[stripe + STRIPE.BUSY] = 1;
  i32[slot + MAP_SLOT.HASH] = hash;
  heap.store(slot + MAP_SLOT.ADDRESS, entry);
  i32[noted] = 0;
  i32[stripe + STRIPE.COUNT]++;
  if (wasEmpty) i32[stripe + STRIPE.USED]++;
  i32[stripe + STRIPE.BUSY] = 0;
}

/** Takes the entry in a slot out, into the holdings, for release behind the lock. */
export function remove(heap: Heap, stripe: number, slot: number, noted: number): void {
  const { i32 } = heap;
  const table = i32[stripe + STRIPE.TABLE];
  const mask = i32[table + MAP_TABLE.MASK];
  const entry = i32[slot + MAP_SLOT.ADDRESS];
  i32[stripe + STRIPE.BUSY] = 1;
  heap.store(slot + MAP_SLOT.ADDRESS, GRAVE);
  i32[noted] = entry;
  i32[stripe + STRIPE.COUNT]--;
  outdate(heap, stripe);
  // A search that ends behind it anyway needs no grave, nor those before it.
  const at = (index: number): number => table + MAP_TABLE.SLOTS + (index & mask) * MAP_SLOT.WORDS;
  let index = (slot - table - MAP_TABLE.SLOTS) / MAP_SLOT.WORDS;
  if (i32[at(index + 1)] === 0) {
    for (; i32[at(index)] === GRAVE; index--) {
      i32[at(index)] = 0;
      i32[stripe + STRIPE.USED]--;
    }
  }
  i32[stripe + STRIPE.BUSY] = 0;
  const count = i32[stripe + STRIPE.COUNT];
  if (mask >= MAP_TABLE.FIRST_CAPACITY && (count + 1) * 8 < mask) {
    try {
      rebuild(heap, stripe, count);
    } catch {
      // No room for a smaller table beside the large one: it stays as large as it is.
    }
  }
}

/** Slots of the stripe's table; also without the lock. */
export function capacityOf(heap: Heap, stripe: number): number {
  for (;;) {
    const sequence = heap.load(stripe + STRIPE.SEQUENCE);
    const table = heap.i32[stripe + STRIPE.TABLE];
    const capacity = table === 0 ? 0 : heap.i32[table + MAP_TABLE.MASK] + 1;
    if (stoodStill(heap, stripe + STRIPE.SEQUENCE, sequence)) return capacity;
  }
}

/** A new table with room for `count` entries, without graves. */
function rebuild(heap: Heap, stripe: number, count: number): void {
  const { i32 } = heap;
  let capacity: number = MAP_TABLE.FIRST_CAPACITY;
  while (count * 2 > capacity) capacity *= 2;
  const noted = noteNew(
    KIND.MAP_TABLE,
    MAP_TABLE.SLOTS - MAP_TABLE.MASK + capacity * MAP_SLOT.WORDS,
    'the table of a SharedMap',
  );
  const table = i32[noted];
  const mask = capacity - 1;
  i32[table + MAP_TABLE.MASK] = mask;
  i32.fill(0, table + MAP_TABLE.SLOTS, table + MAP_TABLE.SLOTS + capacity * MAP_SLOT.WORDS);
  const old = i32[stripe + STRIPE.TABLE];
  let live = 0;
  if (old !== 0) {
    for (let from = old + MAP_TABLE.SLOTS, end = endOf(heap, old); from < end; from += MAP_SLOT.WORDS) {
      const entry = i32[from + MAP_SLOT.ADDRESS];
      if (entry <= 0) continue;
      const hash = i32[from + MAP_SLOT.HASH];
      let index = hash & mask;
      while (i32[table + MAP_TABLE.SLOTS + index * MAP_SLOT.WORDS] !== 0) index = (index + 1) & mask;
      const to = table + MAP_TABLE.SLOTS + index * MAP_SLOT.WORDS;
      i32[to + MAP_SLOT.ADDRESS] = entry;
      i32[to + MAP_SLOT.HASH] = hash;
      live++;
    }
  }
  i32[table + BLOCK.KIND] = KIND.MAP_TABLE;
  i32[stripe + STRIPE.BUSY] = 1;
  // Publishes all of it.
  heap.store(stripe + STRIPE.TABLE, table);
  i32[noted] = old;
  i32[stripe + STRIPE.USED] = live;
  outdate(heap, stripe);
  i32[stripe + STRIPE.BUSY] = 0;
  letGo(noted);
}

/**
 * Empties the stripe; returns its table, for `dropTable` behind the lock, or 0. With `into` the table then stands there,
 * in a stripe that nobody else knows, for `drain`.
 */
export function empty(heap: Heap, stripe: number, into = 0): number {
  const { i32 } = heap;
  const table = i32[stripe + STRIPE.TABLE];
  if (table === 0) return 0;
  i32[stripe + STRIPE.BUSY] = 1;
  heap.store(stripe + STRIPE.TABLE, 0);
  // Nothing in between: who dies there loses it all. Tempting and wrong: before that store, for it could be freed twice.
  if (into !== 0) i32[into + STRIPE.TABLE] = table;
  i32[stripe + STRIPE.COUNT] = 0;
  i32[stripe + STRIPE.USED] = 0;
  outdate(heap, stripe);
  i32[stripe + STRIPE.BUSY] = 0;
  return table;
}

/** Drops the table of a stripe that nobody else knows, an entry at a time: who dies in here loses one of them. */
export function drain(heap: Heap, stripe: number): void {
  const { i32 } = heap;
  const table = i32[stripe + STRIPE.TABLE];
  if (table === 0) return;
  fall(heap, (release) => {
    for (let slot = table + MAP_TABLE.SLOTS, end = endOf(heap, table); slot < end; slot += MAP_SLOT.WORDS) {
      if (i32[slot + MAP_SLOT.ADDRESS] > 0) release(slot + MAP_SLOT.ADDRESS);
    }
  });
  i32[stripe + STRIPE.TABLE] = 0;
  heap.release(table);
}

/** Drops a table that nobody else has any more, and its entries. */
export function dropTable(heap: Heap, table: number): void {
  if (table === 0) return;
  const { i32 } = heap;
  fall(heap, (release) => {
    for (let slot = table + MAP_TABLE.SLOTS, end = endOf(heap, table); slot < end; slot += MAP_SLOT.WORDS) {
      if (i32[slot + MAP_SLOT.ADDRESS] > 0) release(slot + MAP_SLOT.ADDRESS);
    }
  });
  heap.release(table);
}

/** Writes the stripe's entries into a portion, with a count each, as far as it has room; returns how many there are. */
export function copyEntries(heap: Heap, stripe: number, portion: number): number {
  const { i32 } = heap;
  const count = i32[stripe + STRIPE.COUNT];
  const table = i32[stripe + STRIPE.TABLE];
  if (table === 0 || count > i32[portion + MAP_PORTION.COUNT]) return count;
  let to = portion + MAP_PORTION.ENTRIES;
  for (let slot = table + MAP_TABLE.SLOTS, end = endOf(heap, table); slot < end; slot += MAP_SLOT.WORDS) {
    const entry = i32[slot + MAP_SLOT.ADDRESS];
    if (entry <= 0) continue;
    heap.retain(entry);
    // Nothing in between: who dies with it counted and not written down loses it.
    i32[to++] = entry;
  }
  return count;
}
