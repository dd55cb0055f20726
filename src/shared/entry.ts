/**
 * An entry of a SharedMap: a key and a value in one block, written before it is published and never changed. A new
 * value is a new entry, put in the place of the old one by a single store.
 *
 *     value      words
 *     INTEGER    the number
 *     DOUBLE     its two halves
 *     STREAM     a codec stream of BYTES, then REFS addresses that it holds
 */
import {
  BLOCK,
  copyOut,
  defineDestructor,
  discard,
  type Encoder,
  type Heap,
  KIND,
  MAP_ENTRY,
  noteNew,
  pack,
  RESUMABLE,
  settle,
  unpack,
} from '../memory/index.ts';
import { fall } from './falling.ts';
import { readStream, stoodStill, UNREAD } from './glance.ts';
import { KEY_BITS, type Key, keyWords, writeKey } from './key.ts';

const VALUE = { INTEGER: 0, DOUBLE: 1, STREAM: 2 } as const;

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** A new entry, in an entry of the holdings. Throws `CloneError`, `HeapExhaustedError`. */
export function createEntry(heap: Heap, key: Key, value: unknown): number {
  if (typeof value === 'number') return createNumber(heap, key, value);
  const encoder = pack(value);
  try {
    return createStream(heap, key, encoder);
  } catch (error) {
    discard(encoder);
    throw error;
  }
}

function createNumber(heap: Heap, key: Key, value: number): number {
  const integer = (value | 0) === value && (value !== 0 || 1 / value > 0);
  const noted = allocate(heap, key, integer ? VALUE.INTEGER : VALUE.DOUBLE, integer ? 1 : 2);
  const entry = heap.i32[noted];
  const at = entry + MAP_ENTRY.KEY + key.words;
  if (integer) {
    heap.i32[at] = value;
  } else {
    double[0] = value;
    heap.i32[at] = halves[0];
    heap.i32[at + 1] = halves[1];
  }
  heap.i32[entry + BLOCK.KIND] = KIND.MAP_ENTRY;
  return noted;
}

function createStream(heap: Heap, key: Key, encoder: Encoder): number {
  const { length, refs } = encoder;
  const words = (length + 3) >> 2;
  const noted = allocate(heap, key, VALUE.STREAM, words + refs.length);
  const entry = heap.i32[noted];
  heap.i32[entry + MAP_ENTRY.BYTES] = length;
  const at = entry + MAP_ENTRY.KEY + key.words;
  copyOut(heap, encoder, at);
  heap.i32[entry + MAP_ENTRY.REFS] = refs.length;
  settle(encoder, entry, KIND.MAP_ENTRY, at + words);
  return noted;
}

function allocate(heap: Heap, key: Key, value: number, valueWords: number): number {
  const words = MAP_ENTRY.KEY - MAP_ENTRY.SHAPE + key.words + valueWords;
  const noted = noteNew(KIND.MAP_ENTRY, words, 'an entry of a SharedMap');
  const entry = heap.i32[noted];
  heap.i32[entry + MAP_ENTRY.SHAPE] = key.type | (value << KEY_BITS);
  heap.i32[entry + MAP_ENTRY.REFS] = 0;
  writeKey(heap, entry, key);
  return noted;
}

/** The value of an entry that the caller holds. */
export function readValue(heap: Heap, entry: number): unknown {
  const { i32 } = heap;
  const at = entry + MAP_ENTRY.KEY + keyWords(heap, entry);
  switch (i32[entry + MAP_ENTRY.SHAPE] >> KEY_BITS) {
    case VALUE.INTEGER:
      return i32[at];
    case VALUE.DOUBLE:
      return doubleAt(i32, at);
    default:
      return unpack(heap, at, at + ((i32[entry + MAP_ENTRY.BYTES] + 3) >> 2));
  }
}

/** The value of an entry that nobody holds, found since `sequence` was loaded; UNREAD when it must be held for that. */
export function glanceAtValue(heap: Heap, entry: number, key: Key, word: number, sequence: number): unknown {
  const { i32 } = heap;
  const at = entry + MAP_ENTRY.KEY + key.words;
  switch (i32[entry + MAP_ENTRY.SHAPE] >> KEY_BITS) {
    case VALUE.INTEGER: {
      const value = i32[at];
      return stoodStill(heap, word, sequence) ? value : UNREAD;
    }
    case VALUE.DOUBLE: {
      const value = doubleAt(i32, at);
      return stoodStill(heap, word, sequence) ? value : UNREAD;
    }
    default:
      if (i32[entry + MAP_ENTRY.REFS] !== 0) return UNREAD;
      return readStream(heap, at, i32[entry + MAP_ENTRY.BYTES], word, sequence);
  }
}

function doubleAt(i32: Int32Array, at: number): number {
  halves[0] = i32[at];
  halves[1] = i32[at + 1];
  return double[0];
}

defineDestructor(
  KIND.MAP_ENTRY,
  (heap, entry) => {
    const { i32 } = heap;
    const count = i32[entry + MAP_ENTRY.REFS];
    if (count === 0) return;
    const refs = entry + MAP_ENTRY.KEY + keyWords(heap, entry) + ((i32[entry + MAP_ENTRY.BYTES] + 3) >> 2);
    fall(heap, (release) => {
      for (let word = refs; word < refs + count; word++) release(word);
    });
  },
  RESUMABLE,
);
