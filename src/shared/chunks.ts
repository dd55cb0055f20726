/**
 * A SharedList's memory: chunks of 16, 32, 64 … slots, so that a list grows without moving what is in it. A slot is 64
 * bits: a number as itself, any other value as a mark that no number has, with the address of a message block where it
 * needs one.
 *
 * Writers hold the list's mutex. Readers look without it (glance.ts), between two loads of SEQUENCE:
 *
 *     push             writes the slot, then LENGTH: nobody looks at it before
 *     pop, clear       writes LENGTH, counts SEQUENCE up by two, and only then frees
 *     set              SEQUENCE odd, the slot's two words, SEQUENCE even: half a number is never believed
 *
 * Who dies in here leaves the old state or the new one. SEQUENCE may stay odd: the next makes it even. What was taken
 * out, and not yet freed by the one that died, is lost: one value and one chunk; all only in the instant in which
 * `emptyList` moves it.
 */
import {
  breakMutex,
  CHUNKS_OF_A_LIST,
  type Heap,
  KIND,
  LIST,
  LIST_CHUNK,
  LIST_SLOT,
  letGo,
  loadValue,
  MESSAGE,
  note,
  type SharedObject,
  storeValueNoted,
  heap as threadHeap,
  unlockMutex,
  vacate,
} from '../memory/index.ts';
import { fall } from './falling.ts';
import { readStream, stoodStill, UNREAD } from './glance.ts';
import { lockOf } from './inside.ts';

const FIRST = LIST_CHUNK.FIRST_CAPACITY;
/** Items at most. */
export const LARGEST_LENGTH = FIRST * (2 ** CHUNKS_OF_A_LIST - 1);

/** The HIGH words of slots that hold no number: those of NaNs that no operation makes. */
const MARK = {
  UNDEFINED: -1,
  NULL: -2,
  TRUE: -3,
  FALSE: -4,
  /** LOW is the address of a message block. */
  MESSAGE: -5,
} as const;

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);
const HIGH_OF_NAN = 0x7ff80000;

/** A value as it stands in a slot. */
export type Boxed = { low: number; high: number };

/** One that stands in none: its message block, if it has one, stands in an entry of the holdings. */
export type Loose = Boxed & { noted: number };

/** Encodes a value, ready to be put into a slot. */
export function box(value: unknown): Loose {
  switch (value) {
    case undefined:
      return loose(0, MARK.UNDEFINED);
    case null:
      return loose(0, MARK.NULL);
    case true:
      return loose(0, MARK.TRUE);
    case false:
      return loose(0, MARK.FALSE);
  }
  if (typeof value !== 'number') {
    const noted = storeValueNoted(value);
    return loose(threadHeap.i32[noted], MARK.MESSAGE, noted);
  }
  // A NaN has many forms in memory, our marks among them.
  if (Number.isNaN(value)) return loose(0, HIGH_OF_NAN);
  double[0] = value;
  return loose(halves[0], halves[1]);
}

function loose(low: number, high: number, noted = -1): Loose {
  return { low, high, noted };
}

/** Gives up what was boxed, or taken out. */
export function discardBoxed({ noted }: Loose): void {
  if (noted !== -1) letGo(noted);
}

/** The address of the message block that a value needs, or 0. */
export function messageOf({ low, high }: Boxed): number {
  return high === MARK.MESSAGE ? low : 0;
}

/** The value; its message block must be held. */
export function unbox(heap: Heap, { low, high }: Boxed): unknown {
  switch (high) {
    case MARK.UNDEFINED:
      return undefined;
    case MARK.NULL:
      return null;
    case MARK.TRUE:
      return true;
    case MARK.FALSE:
      return false;
    case MARK.MESSAGE:
      return loadValue(heap, low);
  }
  halves[0] = low;
  halves[1] = high;
  return double[0];
}

/** Locks the list, and ends what a dead thread began. */
export function lockList(list: SharedObject, heap: Heap, at: number): void {
  lockOf(list, heap, at + LIST.MUTEX);
  if (heap.i32[at + LIST.SEQUENCE] & 1) heap.add(at + LIST.SEQUENCE, 1);
}

export function unlockList(heap: Heap, at: number): void {
  unlockMutex(heap, at + LIST.MUTEX);
}

/** Frees the list from a thread that died holding its mutex, for the reaper. */
export function recoverList(heap: Heap, at: number, dead: number): void {
  breakMutex(heap, at + LIST.MUTEX, dead);
}

/** Tells readers that what they may be looking at is about to be freed. See glance.ts for the load. */
function outdate(heap: Heap, at: number): void {
  heap.add(at + LIST.SEQUENCE, 2);
  heap.load(at + LIST.SEQUENCE);
}

const chunkOf = (index: number): number => 31 - Math.clz32(Math.trunc(index / FIRST) + 1);
const capacityOfChunk = (chunk: number): number => FIRST * 2 ** chunk;
const firstIndexOf = (chunk: number): number => FIRST * (2 ** chunk - 1);

function slotOf(heap: Heap, at: number, index: number): number {
  const chunk = chunkOf(index);
  return heap.i32[at + LIST.CHUNKS + chunk] + LIST_CHUNK.SLOTS + (index - firstIndexOf(chunk)) * LIST_SLOT.WORDS;
}

/** Slots that there is memory for. */
export function capacityOfList(heap: Heap, at: number): number {
  let capacity = 0;
  for (let chunk = 0; chunk < CHUNKS_OF_A_LIST; chunk++) {
    if (heap.i32[at + LIST.CHUNKS + chunk] !== 0) capacity += capacityOfChunk(chunk);
  }
  return capacity;
}

/** What `glanceAt` returns for an index past the end. */
export const PAST_END: unique symbol = Symbol('past the end');

/** The value at an index as it stood at one moment, without the lock; UNREAD when that is needed. */
export function glanceAt(heap: Heap, at: number, index: number): unknown {
  const { i32 } = heap;
  const word = at + LIST.SEQUENCE;
  for (let times = 0; times < 3; times++) {
    const sequence = heap.load(word);
    if (sequence & 1) continue;
    if (index >= heap.load(at + LIST.LENGTH)) return PAST_END;
    const slot = slotOf(heap, at, index);
    const low = i32[slot + LIST_SLOT.LOW];
    const high = i32[slot + LIST_SLOT.HIGH];
    if (high === MARK.MESSAGE) {
      if (i32[low + MESSAGE.REFS] !== 0) {
        if (stoodStill(heap, word, sequence)) return UNREAD;
        continue;
      }
      const value = readStream(heap, low + MESSAGE.STREAM, i32[low + MESSAGE.BYTES], word, sequence);
      if (value !== UNREAD) return value;
    } else if (stoodStill(heap, word, sequence)) {
      return unbox(heap, { low, high });
    }
  }
  return UNREAD;
}

/* Under the lock: */

/** What stands at an index below the length. */
export function boxedAt(heap: Heap, at: number, index: number): Boxed {
  const slot = slotOf(heap, at, index);
  return { low: heap.i32[slot + LIST_SLOT.LOW], high: heap.i32[slot + LIST_SLOT.HIGH] };
}

/** Puts a value behind the last. */
export function append(heap: Heap, at: number, { low, high, noted }: Loose): void {
  const { i32 } = heap;
  const length = i32[at + LIST.LENGTH];
  if (length >= LARGEST_LENGTH) throw new RangeError(`A SharedList holds ${LARGEST_LENGTH} items at most.`);
  const chunk = chunkOf(length);
  if (i32[at + LIST.CHUNKS + chunk] === 0) {
    const words = capacityOfChunk(chunk) * LIST_SLOT.WORDS;
    // Not by a call: who dies before it would leave the chunk to nobody.
    i32[at + LIST.CHUNKS + chunk] = heap.allocate(KIND.LIST_CHUNK, words, 'a SharedList');
  }
  const slot = slotOf(heap, at, length);
  i32[slot + LIST_SLOT.LOW] = low;
  i32[slot + LIST_SLOT.HIGH] = high;
  // Publishes all of it.
  heap.store(at + LIST.LENGTH, length + 1);
  if (noted === -1) return;
  i32[noted] = 0;
  vacate(noted);
}

/** Puts a value in the place of another, which is now the caller's. */
export function replace(heap: Heap, at: number, index: number, { low, high, noted }: Loose): Loose {
  const { i32 } = heap;
  const old = boxedAt(heap, at, index);
  const message = messageOf(old);
  const entry = noted === -1 && message !== 0 ? note(0) : noted;
  const slot = slotOf(heap, at, index);
  heap.add(at + LIST.SEQUENCE, 1);
  heap.load(at + LIST.SEQUENCE);
  i32[slot + LIST_SLOT.LOW] = low;
  i32[slot + LIST_SLOT.HIGH] = high;
  if (entry !== -1) i32[entry] = message;
  heap.add(at + LIST.SEQUENCE, 1);
  heap.load(at + LIST.SEQUENCE);
  return loose(old.low, old.high, entry);
}

/** Takes the last value out, which is now the caller's; the list must not be empty. */
export function takeLast(heap: Heap, at: number): Loose {
  const { i32 } = heap;
  const length = i32[at + LIST.LENGTH] - 1;
  const { low, high } = boxedAt(heap, at, length);
  const noted = high === MARK.MESSAGE ? note(0) : -1;
  heap.store(at + LIST.LENGTH, length);
  if (noted !== -1) i32[noted] = low;
  outdate(heap, at);
  // One empty chunk stays: a list that goes to and fro over its end need not allocate each time.
  const chunk = chunkOf(length);
  const spare = at + LIST.CHUNKS + chunk + 1;
  if (length === firstIndexOf(chunk) && chunk + 1 < CHUNKS_OF_A_LIST && i32[spare] !== 0) {
    heap.releaseFrom(spare);
  }
  return loose(low, high, noted);
}

/** The length and the chunks of a list that was emptied; `dropItems` frees them. */
export type Emptied = { length: number; chunks: Int32Array };

/** Takes everything out; with `into` it then stands there, in a list that nobody else knows, for `drainList`. */
export function emptyList(heap: Heap, at: number, into = 0): Emptied {
  const { i32 } = heap;
  const emptied = { length: i32[at + LIST.LENGTH], chunks: i32.slice(at + LIST.CHUNKS, at + LIST.WORDS) };
  heap.store(at + LIST.LENGTH, 0);
  i32.fill(0, at + LIST.CHUNKS, at + LIST.WORDS);
  if (into !== 0) {
    // Nothing in between: who dies there loses it all. Tempting and wrong: before the fill, for it could be freed twice.
    i32.set(emptied.chunks, into + LIST.CHUNKS);
    i32[into + LIST.LENGTH] = emptied.length;
  }
  outdate(heap, at);
  return emptied;
}

/** Empties a list that nobody else knows, from its end, an item at a time: who dies in here loses one, or a chunk. */
export function drainList(heap: Heap, at: number): void {
  const { i32 } = heap;
  fall(heap, (release) => {
    for (let index = i32[at + LIST.LENGTH] - 1; index >= 0; index--) {
      const slot = slotOf(heap, at, index);
      if (i32[slot + LIST_SLOT.HIGH] === MARK.MESSAGE) release(slot + LIST_SLOT.LOW);
      i32[at + LIST.LENGTH] = index;
    }
    for (let word = at + LIST.CHUNKS; word < at + LIST.WORDS; word++) release(word);
  });
}

/** Frees what nobody else has any more. */
export function dropItems(heap: Heap, { length, chunks }: Emptied): void {
  const { i32 } = heap;
  fall(heap, (release) => {
    chunks.forEach((address, chunk) => {
      if (address === 0) return;
      const first = firstIndexOf(chunk);
      const count = Math.min(capacityOfChunk(chunk), length - first);
      for (let index = 0; index < count; index++) {
        const slot = address + LIST_CHUNK.SLOTS + index * LIST_SLOT.WORDS;
        if (i32[slot + LIST_SLOT.HIGH] === MARK.MESSAGE) release(slot + LIST_SLOT.LOW);
      }
      heap.release(address);
    });
  });
}
