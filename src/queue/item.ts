/**
 * Items on their way into a queue and out of it.
 *
 * Numbers travel as they are, small values as codec streams, all else as message blocks. A block that is in no queue is
 * *in hand*: its address stands in this isolate's holdings, so that the reaper gives it back when the thread dies. An
 * item changes hands where two lines follow each other with neither call nor loop between them, since a thread is
 * killed only there. (Tempting and wrong: `letGo` or a store by call for the second line. Killed between them, the
 * message is held twice, or by nobody.)
 */
import {
  discard,
  type Encoder,
  type Heap,
  KIND,
  letGo,
  loadValue,
  pack,
  storeNoted,
  heap as threadHeap,
} from '../memory/index.ts';

/** A stream longer than this goes into a block of its own, as does one with references. */
const INLINE_BYTES = 1024;

export const NOTHING: unique symbol = Symbol('nothing');

/** A message block in hand, or another block: see `putBlock`. */
export class Parcel {
  readonly message: number;
  /** The word of the holdings that has its address: put 0 there when a queue has it, then `vacate` it. */
  readonly entry: number;

  constructor(entry: number) {
    this.entry = entry;
    this.message = threadHeap.i32[entry];
  }
}

function parcel(encoder: Encoder): Parcel {
  try {
    return new Parcel(storeNoted(encoder));
  } catch (error) {
    discard(encoder);
    throw error;
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
  return inline ? encoder : parcel(encoder);
}

/** The same for slots, which have no room for streams. */
export function prepareForSlot(value: unknown): number | Parcel {
  return typeof value === 'number' ? value : parcel(pack(value));
}

/** Gives up an item that was not placed. */
export function drop(item: Item): void {
  if (typeof item === 'number') return;
  if (item instanceof Ranked) drop(item.value);
  else if (item instanceof Parcel) letGo(item.entry);
  else discard(item);
}

export function isInteger(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0);
}

/**
 * The value of a message in hand, which is given back then; of a block that is none the entry. Decoding may import the
 * user's modules: hold no mutex.
 */
export function open(heap: Heap, message: number, entry: number): unknown {
  if (heap.kind(message) === KIND.TASK) return entry;
  try {
    return loadValue(heap, message);
  } finally {
    letGo(entry);
  }
}
