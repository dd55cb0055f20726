/**
 * Items on their way into a queue and out of it.
 *
 * Numbers travel as they are, small values as codec streams, all else as message blocks. A block that is in no queue is
 * *in hand*: its address stands in this isolate's holdings, so that the reaper gives it back when the thread dies. An
 * item changes hands where two lines follow each other with neither call nor loop between them, since a thread is
 * killed only there. (Tempting and wrong: `letGo` or a store by call for the second line. Killed between them, the
 * message is held twice, or by nobody.)
 */
import { discard, type Encoder, type Heap, loadValue, note, pack, store, heap as threadHeap } from '../memory/index.ts';

/** A stream longer than this goes into a block of its own, as does one with references. */
const INLINE_BYTES = 1024;

export const NOTHING: unique symbol = Symbol('nothing');

/** A message block in hand. */
export class Parcel {
  readonly message: number;
  /** The word of the holdings that has its address: put 0 there when a queue has it, then `free` it. */
  readonly entry: number;

  constructor(encoder: Encoder) {
    const entry = reserve();
    try {
      this.message = store(threadHeap, encoder);
    } catch (error) {
      entries.push(entry);
      discard(encoder);
      throw error;
    }
    threadHeap.i32[entry] = this.message;
    this.entry = entry;
  }
}

/** An item of a PriorityQueue. */
export class Ranked {
  readonly value: number | Parcel;
  readonly priority: number;

  constructor(value: number | Parcel, priority: number) {
    this.value = value;
    this.priority = priority;
  }
}

/** An encoded item, ready to be placed. */
export type Item = number | Encoder | Parcel | Ranked;

/** Encodes what isn't a number; place it, or `drop` it. */
export function prepare(value: unknown): number | Encoder | Parcel {
  if (typeof value === 'number') return value;
  const encoder = pack(value);
  const inline = encoder.refs.length === 0 && encoder.length <= INLINE_BYTES && encoder.functions.length === 0;
  return inline ? encoder : new Parcel(encoder);
}

/** The same for slots, which have no room for streams. */
export function prepareForSlot(value: unknown): number | Parcel {
  return typeof value === 'number' ? value : new Parcel(pack(value));
}

/** Gives up an item that was not placed. */
export function drop(item: Item): void {
  if (typeof item === 'number') return;
  if (item instanceof Ranked) drop(item.value);
  else if (item instanceof Parcel) discardInHand(threadHeap, item.entry);
  else discard(item);
}

export function isInteger(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0);
}

/** Words of the holdings that nothing stands in now; they stay with the queues. */
const entries: number[] = [];

/** A word of the holdings for a message that is about to come into hand. */
export function reserve(): number {
  return entries.pop() ?? note(0);
}

/** The message that stood in this word of the holdings has another holder, and the word is 0. */
export function free(entry: number): void {
  entries.push(entry);
}

/** The value of a message in hand, which is given back then. Decoding may import the user's modules: hold no mutex. */
export function open(heap: Heap, message: number, entry: number): unknown {
  try {
    return loadValue(heap, message);
  } finally {
    discardInHand(heap, entry);
  }
}

export function discardInHand(heap: Heap, entry: number): void {
  heap.releaseFrom(entry);
  entries.push(entry);
}
