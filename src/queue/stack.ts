/**
 * The memory of a LIFO queue: slots in an array that grows, under one mutex (PUT_MUTEX).
 *
 * There are PUT_COUNT - GET_COUNT items, in the first slots. Each operation changes one word that makes it so: a put
 * PUT_COUNT, a take GET_COUNT, growing ITEMS. What it wrote before lies where nobody reads. So a thread that dies in
 * here leaves nothing to mend.
 */
import { type Heap, KIND, letGo, note, QUEUE, RECORD, SLOT, STACK, vacate } from '../memory/index.ts';
import { type Parcel, prepareForSlot } from './item.ts';
import { type Found, fill } from './slot.ts';
import { slotted } from './slotted.ts';

export const stack = slotted<number | Parcel>({
  kind: KIND.LIFO_QUEUE,

  create(heap, at) {
    heap.i32[at + QUEUE.ITEMS] = createStack(heap, STACK.FIRST_CAPACITY);
  },

  prepare: prepareForSlot,

  push,
  pop,
});

function createStack(heap: Heap, capacity: number): number {
  const made = heap.allocate(KIND.STACK, STACK.SLOTS - 2 + capacity * SLOT.WORDS, 'a queue');
  heap.i32[made + STACK.CAPACITY] = capacity;
  return made;
}

/** False when there is no room. */
function push(heap: Heap, at: number, item: number | Parcel): boolean {
  const { i32 } = heap;
  const count = i32[at + QUEUE.PUT_COUNT];
  const size = (count - i32[at + QUEUE.GET_COUNT]) | 0;
  const max = heap.load(at + QUEUE.MAX_SIZE);
  if (max > 0 && size >= max) return false;
  let items = i32[at + QUEUE.ITEMS];
  if (size === i32[items + STACK.CAPACITY]) items = grow(heap, at, items);
  const slot = items + STACK.SLOTS + size * SLOT.WORDS;
  i32[slot + SLOT.TYPE] = fill(heap, slot, item);
  if (typeof item === 'number') {
    heap.store(at + QUEUE.PUT_COUNT, count + 1);
    return true;
  }
  const { entry } = item;
  heap.store(at + QUEUE.PUT_COUNT, count + 1);
  // From one hand into the other; see item.ts.
  i32[entry] = 0;
  vacate(entry);
  return true;
}

/** The newest item, in hand. */
function pop(heap: Heap, at: number): Found | undefined {
  const { i32 } = heap;
  const count = i32[at + QUEUE.GET_COUNT];
  const size = (i32[at + QUEUE.PUT_COUNT] - count) | 0;
  if (size === 0) return undefined;
  const slot = i32[at + QUEUE.ITEMS] + STACK.SLOTS + (size - 1) * SLOT.WORDS;
  const type = i32[slot + SLOT.TYPE];
  if (type !== RECORD.MESSAGE) {
    const number = type === RECORD.INTEGER ? i32[slot + SLOT.VALUE] : heap.f64[(slot + SLOT.DOUBLE) >> 1];
    heap.store(at + QUEUE.GET_COUNT, count + 1);
    return { number, message: 0, entry: 0 };
  }
  const message = i32[slot + SLOT.VALUE];
  const entry = note(0);
  heap.store(at + QUEUE.GET_COUNT, count + 1);
  // From one hand into the other; see item.ts.
  i32[entry] = message;
  return { number: 0, message, entry };
}

function grow(heap: Heap, at: number, old: number): number {
  const { i32 } = heap;
  const capacity = i32[old + STACK.CAPACITY];
  const entry = note(0);
  const made = createStack(heap, capacity * 2);
  i32[entry] = made;
  i32.copyWithin(made + STACK.SLOTS, old + STACK.SLOTS, old + STACK.SLOTS + capacity * SLOT.WORDS);
  heap.store(at + QUEUE.ITEMS, made);
  i32[entry] = old;
  letGo(entry);
  return made;
}

/** For the last holder of a queue: drops the counts that its items hold, and their array. */
export function destroyStack(heap: Heap, at: number): void {
  const { i32 } = heap;
  const items = i32[at + QUEUE.ITEMS];
  for (let left = (i32[at + QUEUE.PUT_COUNT] - i32[at + QUEUE.GET_COUNT]) | 0; left > 0; left--) {
    const slot = items + STACK.SLOTS + (left - 1) * SLOT.WORDS;
    if (i32[slot + SLOT.TYPE] === RECORD.MESSAGE) heap.release(i32[slot + SLOT.VALUE]);
  }
  heap.release(items);
}
