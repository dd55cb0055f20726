/** Slots of a fixed size, in which LIFO and priority queues keep their items: numbers, and addresses of messages. */
import { type Heap, letGo, RECORD, SLOT } from '../memory/index.ts';
import type { Parcel } from './item.ts';
import { isInteger, open } from './item.ts';

/** Writes an item into a slot, all but its TYPE, which this returns. */
export function fill(heap: Heap, slot: number, item: number | Parcel): number {
  if (typeof item !== 'number') {
    heap.i32[slot + SLOT.VALUE] = item.message;
    return RECORD.MESSAGE;
  }
  if (isInteger(item)) {
    heap.i32[slot + SLOT.VALUE] = item;
    return RECORD.INTEGER;
  }
  heap.f64[(slot + SLOT.DOUBLE) >> 1] = item;
  return RECORD.DOUBLE;
}

/** What `take` found: a number, or a message in hand. */
export type Found = { number: number; message: number; entry: number };

/** The value of what was found, decoded outside any mutex. */
export function openFound(heap: Heap, { number, message, entry }: Found): unknown {
  return message === 0 ? number : open(heap, message, entry);
}

export function discardFound({ message, entry }: Found): void {
  if (message !== 0) letGo(entry);
}
