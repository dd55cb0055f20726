/**
 * Keys of a SharedMap: primitives, equal as in a Map (NaN is NaN, -0 is 0), with the same hash in every thread. A key
 * stands in its entry in words:
 *
 *     INTEGER              the number
 *     DOUBLE               its two halves
 *     LATIN1, UTF16        the characters, one or two bytes each
 *     BIGINT               LATIN1 of its hexadecimal form
 *     SYMBOL…              its key, as a text
 *     the others           nothing
 */
import { type Heap, MAP_ENTRY } from '../memory/index.ts';
import { shown } from './field-type.ts';

/** What a SharedMap can be keyed by. Symbols: those of `Symbol.for`. */
export type MapKey = string | number | bigint | boolean | symbol | null | undefined;

const TYPE = {
  INTEGER: 0,
  DOUBLE: 1,
  LATIN1: 2,
  UTF16: 3,
  BIGINT: 4,
  SYMBOL_LATIN1: 5,
  SYMBOL_UTF16: 6,
  TRUE: 7,
  FALSE: 8,
  NULL: 9,
  UNDEFINED: 10,
} as const;

/** A key's type takes so many bits of the entry's SHAPE. */
export const KEY_BITS = 4;
const KEY_MASK = (1 << KEY_BITS) - 1;

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);
const HIGH_OF_NAN = 0x7ff80000;

/** A key, ready to be looked for and written. */
export class Key {
  readonly type: number;
  readonly hash: number;
  /** Of an INTEGER; the low half of a DOUBLE. */
  readonly low: number;
  readonly high: number;
  readonly text: string;
  /** How many words it takes in an entry. */
  readonly words: number;

  constructor(type: number, hash: number, low: number, high: number, text: string, words: number) {
    this.type = type;
    this.hash = hash;
    this.low = low;
    this.high = high;
    this.text = text;
    this.words = words;
  }
}

/** Refuses what is no primitive; `owner` is the map's text form. */
export function keyOf(key: unknown, owner: { toString(): string }): Key {
  switch (typeof key) {
    case 'number':
      return numberKey(key);
    case 'string':
      return textKey(key, TYPE.LATIN1, TYPE.UTF16);
    case 'boolean':
      return key ? KEY_OF_TRUE : KEY_OF_FALSE;
    case 'undefined':
      return KEY_OF_UNDEFINED;
    case 'bigint':
      return textKey(key.toString(16), TYPE.BIGINT, TYPE.BIGINT);
    case 'symbol': {
      const registered = Symbol.keyFor(key);
      if (registered !== undefined) return textKey(registered, TYPE.SYMBOL_LATIN1, TYPE.SYMBOL_UTF16);
      throw new TypeError(
        `${owner} can't have the key ${String(key)}, a symbol of this thread alone: use Symbol.for(), which is the same ` +
          'in every thread.',
      );
    }
    default:
      if (key === null) return KEY_OF_NULL;
      throw new TypeError(
        `${owner} can't have ${shown(key)} as a key: keys are primitives, since another thread has another copy of an ` +
          'object. Take an id of it, or a text.',
      );
  }
}

function numberKey(value: number): Key {
  // Also -0, which is the key 0 in a Map.
  if ((value | 0) === value) return new Key(TYPE.INTEGER, mix(value | 0), value | 0, 0, '', 1);
  double[0] = value;
  // A NaN has many forms in memory.
  const nan = Number.isNaN(value);
  const low = nan ? 0 : halves[0];
  const high = nan ? HIGH_OF_NAN : halves[1];
  return new Key(TYPE.DOUBLE, mix(low ^ Math.imul(high, 0x9e3779b1)), low, high, '', 2);
}

function textKey(text: string, narrow: number, wide: number): Key {
  const { length } = text;
  let hash = narrow;
  let bits = 0;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    bits |= code;
    hash = Math.imul(hash ^ code, 0x01000193);
  }
  const type = bits > 255 ? wide : narrow;
  return new Key(type, mix(hash), 0, 0, text, type === wide && wide !== narrow ? (length + 1) >> 1 : (length + 3) >> 2);
}

/** After Austin Appleby's MurmurHash3: every bit of the hash depends on every bit of the key. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

const plain = (type: number): Key => new Key(type, mix(type + 0x5bd1e995), 0, 0, '', 0);
const KEY_OF_TRUE = plain(TYPE.TRUE);
const KEY_OF_FALSE = plain(TYPE.FALSE);
const KEY_OF_NULL = plain(TYPE.NULL);
const KEY_OF_UNDEFINED = plain(TYPE.UNDEFINED);

/** Whether types of keys are written as two bytes a character. */
const isWide = (type: number): boolean => type === TYPE.UTF16 || type === TYPE.SYMBOL_UTF16;

/** Whether an entry has this key. Safe on an address that has become something else meanwhile: then any answer is. */
export function hasKey(heap: Heap, entry: number, key: Key): boolean {
  const { i32 } = heap;
  const { type } = key;
  if ((i32[entry + MAP_ENTRY.SHAPE] & KEY_MASK) !== type) return false;
  const at = entry + MAP_ENTRY.KEY;
  if (type === TYPE.INTEGER) return i32[at] === key.low;
  if (type === TYPE.DOUBLE) return i32[at] === key.low && i32[at + 1] === key.high;
  if (type > TYPE.SYMBOL_UTF16) return true;
  const { text } = key;
  const { length } = text;
  if (i32[entry + MAP_ENTRY.KEY_LENGTH] !== length) return false;
  if (isWide(type)) {
    const { u16 } = heap;
    for (let index = 0; index < length; index++) if (u16[at * 2 + index] !== text.charCodeAt(index)) return false;
  } else {
    const { u8 } = heap;
    for (let index = 0; index < length; index++) if (u8[at * 4 + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** Writes the key into a new entry. */
export function writeKey(heap: Heap, entry: number, key: Key): void {
  const at = entry + MAP_ENTRY.KEY;
  const { text, type } = key;
  heap.i32[entry + MAP_ENTRY.KEY_LENGTH] = text.length;
  if (type === TYPE.INTEGER || type === TYPE.DOUBLE) {
    heap.i32[at] = key.low;
    if (type === TYPE.DOUBLE) heap.i32[at + 1] = key.high;
  } else if (isWide(type)) {
    heap.u8.write(text, at * 4, text.length * 2, 'utf16le');
  } else if (text.length > 0) {
    heap.u8.write(text, at * 4, text.length, 'latin1');
  }
}

/** The key of an entry. */
export function readKey(heap: Heap, entry: number): MapKey {
  const { i32 } = heap;
  const type = i32[entry + MAP_ENTRY.SHAPE] & KEY_MASK;
  const at = entry + MAP_ENTRY.KEY;
  switch (type) {
    case TYPE.INTEGER:
      return i32[at];
    case TYPE.DOUBLE:
      halves[0] = i32[at];
      halves[1] = i32[at + 1];
      return double[0];
    case TYPE.LATIN1:
    case TYPE.UTF16:
      return readText(heap, entry, type);
    case TYPE.BIGINT: {
      const text = readText(heap, entry, type);
      return text[0] === '-' ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
    }
    case TYPE.SYMBOL_LATIN1:
    case TYPE.SYMBOL_UTF16:
      return Symbol.for(readText(heap, entry, type));
    case TYPE.NULL:
      return null;
    case TYPE.UNDEFINED:
      return undefined;
    default:
      return type === TYPE.TRUE;
  }
}

function readText(heap: Heap, entry: number, type: number): string {
  const start = (entry + MAP_ENTRY.KEY) * 4;
  const length = heap.i32[entry + MAP_ENTRY.KEY_LENGTH];
  return isWide(type)
    ? heap.u8.toString('utf16le', start, start + length * 2)
    : heap.u8.toString('latin1', start, start + length);
}

/** How many words the key of an entry takes. */
export function keyWords(heap: Heap, entry: number): number {
  const type = heap.i32[entry + MAP_ENTRY.SHAPE] & KEY_MASK;
  if (type === TYPE.INTEGER) return 1;
  if (type === TYPE.DOUBLE) return 2;
  const length = heap.i32[entry + MAP_ENTRY.KEY_LENGTH];
  return isWide(type) ? (length + 1) >> 1 : (length + 3) >> 2;
}
