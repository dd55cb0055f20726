/**
 * The codec's stream: a tag byte, then what it needs. Private to one version of the library: both ends are the same.
 *
 *     0x80–0xff   the integers 0 to 127
 *     0x40–0x7f   an ASCII string of 0 to 63 characters, which follow
 *     below       TAG
 */
import * as errors from '../errors.ts';
import type { Heap } from './heap.ts';

export const TAG = {
  UNDEFINED: 0,
  NULL: 1,
  TRUE: 2,
  FALSE: 3,
  /** zigzag varint */
  INTEGER: 4,
  /** 8 bytes, little-endian */
  DOUBLE: 5,
  /** sign byte, then the magnitude as a hexadecimal string */
  BIGINT: 6,
  /** length (varint), one byte a character */
  ASCII: 7,
  /** length (varint), two bytes a character: exact also for lone surrogates */
  UTF16: 8,
  /** the same, but in a block of its own: length, index of the reference */
  ASCII_BLOB: 9,
  UTF16_BLOB: 10,
  /** number (varint) of an object that came before, in order of appearance */
  SEEN: 11,
  /** count, then keys and values */
  OBJECT: 12,
  /** the same, with no prototype */
  NULL_OBJECT: 13,
  /** length, then values and HOLES */
  ARRAY: 14,
  /** how many elements are missing here */
  HOLES: 15,
  MAP: 16,
  SET: 17,
  DATE: 18,
  REGEXP: 19,
  /** a primitive in its object: new Number(1) … */
  BOXED: 20,
  /** byte length, bytes; or with BUFFER_BLOB in a block of its own */
  BUFFER: 21,
  BUFFER_BLOB: 22,
  /** type, byte offset, length, then its buffer as a value */
  VIEW: 23,
  ERROR: 24,
  /** Symbol.for(key) */
  SYMBOL: 25,
  /** index of the reference */
  HANDLE: 26,
  /** a shared object of a user's class: index of the reference, class, own properties */
  INSTANCE: 27,
  /** reference, captured values */
  FUNCTION: 28,
  DOM_EXCEPTION: 29,
  /** a class made by `Shared()`: index of the reference to its definition */
  STRUCT_CLASS: 30,
  /** an object that is made again by a function from what is sent in its place */
  SENT: 31,
  /** an object that comes through a port: its number */
  MOVED: 32,
  /** bytes (4, little-endian), then a value that may fail to be decoded */
  SEALED: 33,
} as const;

export const SMALL_INTEGER = 0x80;
export const SHORT_ASCII = 0x40;
export const SHORT_ASCII_LIMIT = 63;

/** Above this many bytes, strings and buffers are written straight into a block of their own. */
export const BLOB_LIMIT = 2048;

type ViewConstructor = new (buffer: ArrayBuffer, offset?: number, length?: number) => ArrayBufferView;

/** In the order of their numbers in the stream. */
export const VIEWS: readonly ViewConstructor[] = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  ...('Float16Array' in globalThis ? [(globalThis as unknown as { Float16Array: ViewConstructor }).Float16Array] : []),
];

/** What the codec needs to know of functions; installed by the floor above. */
export type FunctionCodec = {
  /** A plain description, and what the function captures. Throws `FunctionError`. */
  capture(fn: (...args: never[]) => unknown): { reference: object; values: unknown[] };
  /** What is thrown when the value of a captured variable can't be copied. */
  refuse?(reference: object, variable: string, cause: unknown, path: string): Error | undefined;
  /** The function at once, and a way to give it its captured values when they are there. */
  prepare(reference: object): { fn: object; fill(values: unknown[]): void } | { build(values: unknown[]): object };
};

export const functionCodec: { current: FunctionCodec | undefined } = { current: undefined };

/** What the codec needs to know of the classes that `Shared()` makes; installed by the floor above. */
export type ClassCodec = {
  /** The address of the class's definition; undefined for any other class. */
  addressOf(cls: object): number | undefined;
  classAt(heap: Heap, address: number): object;
};

export const classCodec: { current: ClassCodec | undefined } = { current: undefined };

const PLATFORM_ERRORS =
  'Error TypeError RangeError SyntaxError ReferenceError EvalError URIError AggregateError SuppressedError'
    .split(' ')
    .flatMap(
      (name) => (globalThis as unknown as Record<string, { name: string; prototype: object } | undefined>)[name] ?? [],
    );

/** Error classes that are made again by their name: the platform's and ours. */
export const errorClasses = new Map<string, { prototype: object }>(
  [...PLATFORM_ERRORS, ...Object.values(errors)].map((cls) => [cls.name, cls]),
);

/** An object with this property can't be copied; its value says why and what to do instead. */
export const REFUSED: unique symbol = Symbol.for('telaio.refused');
/** A method of an object that says what travels in its place, and which function of ours makes it again from that. */
export const SENT_AS: unique symbol = Symbol.for('telaio.sentAs');
export type SentAs = { value: object; receive: (value: never) => object };
