/**
 * The memory of a priority queue: a binary heap over slots, under one mutex (PUT_MUTEX).
 *
 * ORDER is a permutation of the slots' numbers: the first as many as there are items are heap-ordered by (PRIORITY,
 * NUMBER), the rest are free slots. So nothing but one word moves when an item moves.
 *
 *     a put:   fills a free slot, writes its TYPE, which makes it an item; sifts up; counts PUT_COUNT
 *     a take:  writes TYPE 0 into the first item's slot, which takes it; sifts down; counts GET_COUNT
 *
 * A thread that dies in here leaves the mutex to the next, which makes ORDER anew from the slots' types, and knows from
 * their number what had begun: one item more than the counts say was put, one less was taken.
 */
import { type Heap, KIND, letGo, note, QUEUE, RANKED_SLOT, RANKING, RECORD, SLOT, vacate } from '../memory/index.ts';
import { prepareForSlot, Ranked } from './item.ts';
import { type Found, fill } from './slot.ts';
import { slotted } from './slotted.ts';
import { type PutOptions, wakeAll } from './store.ts';

export const ranking = slotted<Ranked>({
  kind: KIND.PRIORITY_QUEUE,

  create(heap, at) {
    heap.i32[at + QUEUE.ITEMS] = createRanking(heap, RANKING.FIRST_CAPACITY);
  },

  prepare(value, options) {
    const priority = priorityOf(value, options);
    return new Ranked(prepareForSlot(value), priority);
  },

  repair(heap, at) {
    recount(heap, at);
    wakeAll(heap, at);
  },

  push: insert,
  pop: removeFirst,
});

/** As in Python, a number that is given no priority is its own; anything else has 0. */
function priorityOf(value: unknown, options: PutOptions | undefined): number {
  const given = options?.priority;
  const priority = given === undefined ? (typeof value === 'number' ? value : 0) : given;
  if (typeof priority !== 'number' || Number.isNaN(priority)) {
    const which = given === undefined ? 'The item, and so its priority, is NaN' : `priority is ${String(given)}`;
    throw new RangeError(`${which}: give a number, the lowest comes first, as in put(item, { priority: 1 }).`);
  }
  return priority;
}

function createRanking(heap: Heap, capacity: number): number {
  const made = heap.allocate(KIND.RANKING, RANKING.ORDER - 2 + capacity * (1 + RANKED_SLOT.WORDS), 'a queue');
  const { i32 } = heap;
  i32[made + RANKING.CAPACITY] = capacity;
  for (let number = 0; number < capacity; number++) {
    i32[made + RANKING.ORDER + number] = number;
    i32[slotOf(heap, made, number) + SLOT.TYPE] = 0;
  }
  return made;
}

function slotOf(heap: Heap, items: number, number: number): number {
  return items + RANKING.ORDER + heap.i32[items + RANKING.CAPACITY] + number * RANKED_SLOT.WORDS;
}

/** False when there is no room. */
function insert(heap: Heap, at: number, { value, priority }: Ranked): boolean {
  const { i32, f64 } = heap;
  const count = i32[at + QUEUE.PUT_COUNT];
  const size = (count - i32[at + QUEUE.GET_COUNT]) | 0;
  const max = heap.load(at + QUEUE.MAX_SIZE);
  if (max > 0 && size >= max) return false;
  let items = i32[at + QUEUE.ITEMS];
  if (size === i32[items + RANKING.CAPACITY]) items = grow(heap, at, items);
  const slot = slotOf(heap, items, i32[items + RANKING.ORDER + size]);
  const next = (at + QUEUE.NEXT_NUMBER) >> 1;
  f64[(slot + RANKED_SLOT.PRIORITY) >> 1] = priority;
  f64[(slot + RANKED_SLOT.NUMBER) >> 1] = f64[next]++;
  const type = fill(heap, slot, value);
  if (typeof value === 'number') {
    i32[slot + SLOT.TYPE] = type;
  } else {
    const { entry } = value;
    // From one hand into the other; see item.ts.
    i32[slot + SLOT.TYPE] = type;
    i32[entry] = 0;
    vacate(entry);
  }
  siftUp(heap, items, size);
  heap.store(at + QUEUE.PUT_COUNT, count + 1);
  return true;
}

/** The first item, in hand. */
function removeFirst(heap: Heap, at: number): Found | undefined {
  const { i32 } = heap;
  const count = i32[at + QUEUE.GET_COUNT];
  const size = (i32[at + QUEUE.PUT_COUNT] - count) | 0;
  if (size === 0) return undefined;
  const items = i32[at + QUEUE.ITEMS];
  const order = items + RANKING.ORDER;
  const first = i32[order];
  const slot = slotOf(heap, items, first);
  const found: Found = { number: 0, message: 0, entry: 0 };
  if (i32[slot + SLOT.TYPE] === RECORD.MESSAGE) {
    found.message = i32[slot + SLOT.VALUE];
    found.entry = note(0);
    // From one hand into the other; see item.ts.
    i32[slot + SLOT.TYPE] = 0;
    i32[found.entry] = found.message;
  } else {
    const integer = i32[slot + SLOT.TYPE] === RECORD.INTEGER;
    found.number = integer ? i32[slot + SLOT.VALUE] : heap.f64[(slot + SLOT.DOUBLE) >> 1];
    i32[slot + SLOT.TYPE] = 0;
  }
  i32[order] = i32[order + size - 1];
  i32[order + size - 1] = first;
  siftDown(heap, items, 0, size - 1);
  heap.store(at + QUEUE.GET_COUNT, count + 1);
  return found;
}

/** Whether the item in slot `left` comes before the one in slot `right`. */
function before(heap: Heap, left: number, right: number): boolean {
  const { f64 } = heap;
  const one = f64[(left + RANKED_SLOT.PRIORITY) >> 1];
  const other = f64[(right + RANKED_SLOT.PRIORITY) >> 1];
  if (one !== other) return one < other;
  return f64[(left + RANKED_SLOT.NUMBER) >> 1] < f64[(right + RANKED_SLOT.NUMBER) >> 1];
}

function siftUp(heap: Heap, items: number, from: number): void {
  const { i32 } = heap;
  const order = items + RANKING.ORDER;
  const moved = i32[order + from];
  const slot = slotOf(heap, items, moved);
  let place = from;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (!before(heap, slot, slotOf(heap, items, i32[order + parent]))) break;
    i32[order + place] = i32[order + parent];
    place = parent;
  }
  i32[order + place] = moved;
}

function siftDown(heap: Heap, items: number, from: number, size: number): void {
  const { i32 } = heap;
  const order = items + RANKING.ORDER;
  const moved = i32[order + from];
  const slot = slotOf(heap, items, moved);
  let place = from;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= size) break;
    let childSlot = slotOf(heap, items, i32[order + child]);
    if (child + 1 < size) {
      const sibling = slotOf(heap, items, i32[order + child + 1]);
      if (before(heap, sibling, childSlot)) {
        child++;
        childSlot = sibling;
      }
    }
    if (!before(heap, childSlot, slot)) break;
    i32[order + place] = i32[order + child];
    place = child;
  }
  if (place !== from) i32[order + place] = moved;
}

/** Makes ORDER and the counts say what the slots' types say. Under PUT_MUTEX, after a death there. */
function recount(heap: Heap, at: number): void {
  const { i32 } = heap;
  const items = i32[at + QUEUE.ITEMS];
  const capacity = i32[items + RANKING.CAPACITY];
  let size = 0;
  let behind = capacity;
  for (let number = 0; number < capacity; number++) {
    const taken = i32[slotOf(heap, items, number) + SLOT.TYPE] !== 0;
    i32[items + RANKING.ORDER + (taken ? size++ : --behind)] = number;
  }
  for (let place = (size >> 1) - 1; place >= 0; place--) siftDown(heap, items, place, size);
  const put = i32[at + QUEUE.PUT_COUNT];
  const taken = i32[at + QUEUE.GET_COUNT];
  if (size > ((put - taken) | 0)) heap.store(at + QUEUE.PUT_COUNT, taken + size);
  else heap.store(at + QUEUE.GET_COUNT, put - size);
}

function grow(heap: Heap, at: number, old: number): number {
  const { i32 } = heap;
  const capacity = i32[old + RANKING.CAPACITY];
  const entry = note(0);
  const made = createRanking(heap, capacity * 2);
  i32[entry] = made;
  i32.copyWithin(made + RANKING.ORDER, old + RANKING.ORDER, old + RANKING.ORDER + capacity);
  const slots = slotOf(heap, old, 0);
  i32.copyWithin(slotOf(heap, made, 0), slots, slots + capacity * RANKED_SLOT.WORDS);
  heap.store(at + QUEUE.ITEMS, made);
  i32[entry] = old;
  letGo(entry);
  return made;
}

/** For the last holder of a queue: drops the counts that its items hold, and their memory. */
export function destroyRanking(heap: Heap, at: number): void {
  const { i32 } = heap;
  const items = i32[at + QUEUE.ITEMS];
  for (let number = 0; number < i32[items + RANKING.CAPACITY]; number++) {
    const slot = slotOf(heap, items, number);
    if (i32[slot + SLOT.TYPE] === RECORD.MESSAGE) heap.release(i32[slot + SLOT.VALUE]);
  }
  heap.release(items);
}
