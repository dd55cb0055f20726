/**
 * Numbers and booleans. Read and written by plain typed-array accesses at their natural alignment: a reader sees one
 * whole value that somebody wrote, never a mixture of two, on every 64-bit machine that Node runs on. Between threads
 * the accesses are unordered: what must be seen together, or counted exactly, belongs under a lock.
 */
import { AT, HEAP, type Heap, type SharedObject } from '../memory/index.ts';
import { type Field, FieldType, outOfRange, type Spec, wrongType } from './field-type.ts';

export type View =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** A typed array of the heap's own, of `length` elements. */
export type ViewConstructor<V extends View = View> = new (
  buffer: SharedArrayBuffer,
  byteOffset: number,
  length: number,
) => V;

type Check<T> = (value: T, field: Field, owner: object) => T;

/** Elements of 1, 2, 4 or 8 bytes. Addresses count words of 4, so byte `offset` of a record is at `at * 4 + offset`. */
export class Scalar<T, V extends View = never> extends FieldType<T, T, 'value'> {
  readonly name: string;
  readonly bytes: number;
  readonly align: number;
  /** The class of an array of these; undefined where there is none. */
  readonly view: ViewConstructor<V> | undefined;
  readonly check: Check<T>;
  readonly #read: (heap: Heap, at: number, offset: number) => T;
  readonly #write: (heap: Heap, at: number, offset: number, value: T) => void;

  constructor(
    name: string,
    bytes: number,
    view: ViewConstructor<V> | undefined,
    check: Check<T>,
    read: (heap: Heap, at: number, offset: number) => T,
    write: (heap: Heap, at: number, offset: number, value: T) => void,
  ) {
    super();
    this.name = name;
    this.bytes = bytes;
    this.align = bytes;
    this.view = view;
    this.check = check;
    this.#read = read;
    this.#write = write;
  }

  spec(): Spec {
    return [this.name];
  }

  /** The same, without the way through the type: most fields are of these. */
  override accessors(field: Field): { get(this: SharedObject): T; set(this: SharedObject, value: T): void } {
    const read = this.#read;
    const write = this.#write;
    const { check } = this;
    const { offset } = field;
    return {
      get() {
        return read(this[HEAP], this[AT], offset);
      },
      set(value) {
        write(this[HEAP], this[AT], offset, check(value, field, this));
      },
    };
  }

  load(heap: Heap, at: number, field: Field): T {
    return this.#read(heap, at, field.offset);
  }

  store(heap: Heap, at: number, field: Field, value: T, owner: object): void {
    this.#write(heap, at, field.offset, this.check(value, field, owner));
  }
}

function integer(low: number, high: number): Check<number> {
  const wants = `a whole number from ${low} to ${high}`;
  return (value, field, owner) => {
    if (typeof value !== 'number') throw wrongType(owner, field, wants, value);
    if (!(value >= low && value <= high && Math.floor(value) === value)) throw outOfRange(owner, field, wants, value);
    return value;
  };
}

function bigInteger(low: bigint, high: bigint): Check<bigint> {
  const wants = `a bigint from ${low}n to ${high}n`;
  return (value, field, owner) => {
    if (typeof value !== 'bigint') throw wrongType(owner, field, wants, value);
    if (value < low || value > high) throw outOfRange(owner, field, wants, value);
    return value;
  };
}

const double: Check<number> = (value, field, owner) => {
  if (typeof value !== 'number') throw wrongType(owner, field, 'a number', value);
  return value;
};

const single: Check<number> = (value, field, owner) => {
  if (typeof value !== 'number') throw wrongType(owner, field, 'a number', value);
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded) && Number.isFinite(value)) {
    throw outOfRange(owner, field, 'a number up to 3.4028234663852886e38 in size', value);
  }
  return rounded;
};

const boolean: Check<boolean> = (value, field, owner) => {
  if (typeof value !== 'boolean') throw wrongType(owner, field, 'true or false', value);
  return value;
};

/** A whole number from -128 to 127. */
export const i8: Scalar<number, Int8Array> = new Scalar(
  'i8',
  1,
  Int8Array,
  integer(-128, 127),
  (heap, at, offset) => heap.i8[at * 4 + offset],
  (heap, at, offset, value) => {
    heap.i8[at * 4 + offset] = value;
  },
);

/** A whole number from 0 to 255. */
export const u8: Scalar<number, Uint8Array> = new Scalar(
  'u8',
  1,
  Uint8Array,
  integer(0, 255),
  (heap, at, offset) => heap.u8[at * 4 + offset],
  (heap, at, offset, value) => {
    heap.u8[at * 4 + offset] = value;
  },
);

/** A whole number from -32,768 to 32,767. */
export const i16: Scalar<number, Int16Array> = new Scalar(
  'i16',
  2,
  Int16Array,
  integer(-32_768, 32_767),
  (heap, at, offset) => heap.i16[at * 2 + (offset >> 1)],
  (heap, at, offset, value) => {
    heap.i16[at * 2 + (offset >> 1)] = value;
  },
);

/** A whole number from 0 to 65,535. */
export const u16: Scalar<number, Uint16Array> = new Scalar(
  'u16',
  2,
  Uint16Array,
  integer(0, 65_535),
  (heap, at, offset) => heap.u16[at * 2 + (offset >> 1)],
  (heap, at, offset, value) => {
    heap.u16[at * 2 + (offset >> 1)] = value;
  },
);

/** A whole number from -2^31 to 2^31 - 1. */
export const i32: Scalar<number, Int32Array> = new Scalar(
  'i32',
  4,
  Int32Array,
  integer(-(2 ** 31), 2 ** 31 - 1),
  (heap, at, offset) => heap.i32[at + (offset >> 2)],
  (heap, at, offset, value) => {
    heap.i32[at + (offset >> 2)] = value;
  },
);

/** A whole number from 0 to 2^32 - 1. */
export const u32: Scalar<number, Uint32Array> = new Scalar(
  'u32',
  4,
  Uint32Array,
  integer(0, 2 ** 32 - 1),
  (heap, at, offset) => heap.u32[at + (offset >> 2)],
  (heap, at, offset, value) => {
    heap.u32[at + (offset >> 2)] = value;
  },
);

/** A bigint from -2^63 to 2^63 - 1. */
export const i64: Scalar<bigint, BigInt64Array> = new Scalar(
  'i64',
  8,
  BigInt64Array,
  bigInteger(-(2n ** 63n), 2n ** 63n - 1n),
  (heap, at, offset) => heap.i64[(at >> 1) + (offset >> 3)],
  (heap, at, offset, value) => {
    heap.i64[(at >> 1) + (offset >> 3)] = value;
  },
);

/** A bigint from 0 to 2^64 - 1. */
export const u64: Scalar<bigint, BigUint64Array> = new Scalar(
  'u64',
  8,
  BigUint64Array,
  bigInteger(0n, 2n ** 64n - 1n),
  (heap, at, offset) => heap.u64[(at >> 1) + (offset >> 3)],
  (heap, at, offset, value) => {
    heap.u64[(at >> 1) + (offset >> 3)] = value;
  },
);

/** A number, rounded to single precision; a finite one that is too large for it is refused. */
export const f32: Scalar<number, Float32Array> = new Scalar(
  'f32',
  4,
  Float32Array,
  single,
  (heap, at, offset) => heap.f32[at + (offset >> 2)],
  (heap, at, offset, value) => {
    heap.f32[at + (offset >> 2)] = value;
  },
);

/** Any number. */
export const f64: Scalar<number, Float64Array> = new Scalar(
  'f64',
  8,
  Float64Array,
  double,
  (heap, at, offset) => heap.f64[(at >> 1) + (offset >> 3)],
  (heap, at, offset, value) => {
    heap.f64[(at >> 1) + (offset >> 3)] = value;
  },
);

/** `true` or `false`. */
export const bool: Scalar<boolean> = new Scalar<boolean>(
  'bool',
  1,
  undefined,
  boolean,
  (heap, at, offset) => heap.u8[at * 4 + offset] !== 0,
  (heap, at, offset, value) => {
    heap.u8[at * 4 + offset] = value ? 1 : 0;
  },
);

/** Their order is part of the layout: records of an Atomic or a SharedArray say their type by its number here. */
// biome-ignore lint/suspicious/noExplicitAny: each has its own
export const SCALAR_TYPES: readonly Scalar<any, any>[] = [i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, bool];

// biome-ignore lint/suspicious/noExplicitAny: each has its own
export const SCALARS = new Map<string, Scalar<any, any>>(SCALAR_TYPES.map((type) => [type.name, type]));

/** The heap as an array of elements of a type, which all elements of that type are in. */
// biome-ignore lint/suspicious/noExplicitAny: of any type
export function elementsOf(heap: Heap, type: Scalar<any, any>): View {
  return heap[type.name === 'bool' ? 'u8' : (type.name as 'i8')] as View;
}
