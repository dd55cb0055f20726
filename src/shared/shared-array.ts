/** Numbers of one type in shared memory, as many as are wanted: an object of its own, and a typed array over it. */
import { ARRAY, AT, defineKind, HEAP, KIND, SharedObject } from '../memory/index.ts';
import { FixedArray, LARGEST } from './array.ts';
import { FieldType, shown } from './field-type.ts';
import { elementsOf, SCALAR_TYPES, Scalar, type View } from './scalars.ts';

type Element<V> = V extends BigInt64Array | BigUint64Array ? bigint : number;
type AnyScalar = Scalar<number | bigint, View>;

/**
 * `length` numbers of one type, `i8` to `f64` (64-bit integers are bigints), all 0 at first. Its methods check what they
 * are given; `array` is a typed array over the same memory, at full speed, that converts as any typed array does.
 *
 * Elements are whole, and unordered between threads unless under a lock, an `Atomic` or a queue between the two.
 *
 * What `array` returns, and parts made of it by `subarray`, keep the memory alive by themselves: it is good after the
 * SharedArray was disposed or collected, and the memory is freed when both are gone. Sent to another thread it arrives
 * as a private copy; send the SharedArray.
 */
export class SharedArray<V extends View = View> extends SharedObject implements Iterable<Element<V>> {
  /** How many elements; never changes. */
  readonly length: number;
  readonly #type: AnyScalar;
  /** The whole heap as elements of this type, and where ours start in it. */
  readonly #elements: View;
  readonly #first: number;
  #array: V | undefined;

  /** So many elements, or those of an array: `new SharedArray(f64, 1000)`, `new SharedArray(i32, [1, 2, 3])`. */
  constructor(type: Scalar<Element<V>, V>, contents: number | ArrayLike<Element<V>>) {
    const adopted = SharedObject.adopting();
    const length = adopted ? 0 : lengthOf(type, contents);
    const words = adopted ? 0 : Math.ceil((length * type.bytes) / 4);
    super(KIND.ARRAY, ARRAY.DATA - ARRAY.TYPE + words, (heap, at) => {
      heap.i32[at + ARRAY.TYPE] = SCALAR_TYPES.indexOf(type as unknown as AnyScalar);
      heap.i32[at + ARRAY.LENGTH] = length;
      heap.i32.fill(0, at + ARRAY.DATA, at + ARRAY.DATA + words);
    });
    const at = this[AT];
    this.length = this[HEAP].i32[at + ARRAY.LENGTH];
    this.#type = SCALAR_TYPES[this[HEAP].i32[at + ARRAY.TYPE]];
    this.#elements = elementsOf(this[HEAP], this.#type);
    this.#first = ((at + ARRAY.DATA) * 4) / this.#type.bytes;
    if (!adopted && typeof contents !== 'number') this.copyFrom(contents);
  }

  /** The typed array over the shared memory: `Float64Array` for `f64` … The same one each time. */
  get array(): V {
    this.#array ??= new FixedArray(this.#type as never, this.length).load(this[HEAP], this[AT], {
      name: 'array',
      type: this.#type,
      offset: ARRAY.DATA * 4,
    }) as unknown as V;
    return this.#array;
  }

  /** The element at an index; `RangeError` where there is none. */
  get(index: number): Element<V> {
    return this.#elements[this.#first + this.#check(index, 'get')] as Element<V>;
  }

  /** Throws `RangeError` and `TypeError`: for the index, and for a value that the type can't hold. */
  set(index: number, value: Element<V>): void {
    this.#write(this.#check(index, 'set'), this.#checked(value, index));
  }

  /** The element at an index, negative ones counted from the end, as `Array.at`; undefined past an end. */
  at(index: number): Element<V> | undefined {
    if (typeof index !== 'number') throw new TypeError(`${this}.at(${shown(index)}): give an index.`);
    const whole = Math.trunc(index) || 0;
    const place = whole < 0 ? whole + this.length : whole;
    return place >= 0 && place < this.length ? (this.#elements[this.#first + place] as Element<V>) : undefined;
  }

  /** Copies numbers in, from an index on; all of them or, with an error, none. Returns itself. */
  copyFrom(source: ArrayLike<Element<V>>, start = 0): this {
    if (source === null || typeof source !== 'object' || !Number.isInteger(source.length)) {
      throw new TypeError(`${this}.copyFrom(${shown(source)}): give an array or a typed array.`);
    }
    if (!(Number.isInteger(start) && start >= 0 && start + source.length <= this.length)) {
      throw new RangeError(
        `${this}.copyFrom(): ${source.length} elements from index ${String(start)} on don't fit into ${this.length}.`,
      );
    }
    if (source.constructor === this.#type.view) {
      (this.#elements as Int32Array).set(source as never, this.#first + start);
      return this;
    }
    const checked = Array.from(source, (value, index) => this.#checked(value, start + index));
    for (let index = 0; index < checked.length; index++) this.#write(start + index, checked[index]);
    return this;
  }

  /** A private copy, of this thread alone, as a typed array; `start` and `end` as in `Array.slice`. */
  slice(start?: number, end?: number): V {
    const clamp = (index: number): number =>
      index < 0 ? Math.max(index + this.length, 0) : Math.min(index, this.length);
    const from = clamp(Math.trunc(start ?? 0) || 0);
    const to = Math.max(from, clamp(Math.trunc(end ?? this.length) || 0));
    const Private = this.#type.view as unknown as new (source: View) => V;
    return new Private(this.#elements.subarray(this.#first + from, this.#first + to) as View);
  }

  /** The same value into all elements. */
  fill(value: Element<V>): this {
    const checked = this.#checked(value, 0);
    (this.#elements as Int32Array).fill(checked as number, this.#first, this.#first + this.length);
    return this;
  }

  *values(): Generator<Element<V>, undefined, undefined> {
    const { array } = this;
    for (let index = 0; index < array.length; index++) yield array[index] as Element<V>;
  }

  [Symbol.iterator](): Generator<Element<V>, undefined, undefined> {
    return this.values();
  }

  override toString(): string {
    return `<${this.constructor.name} #${this[AT].toString(16)} ${this.#type.name} × ${this.length}>`;
  }

  #check(index: number, name: string): number {
    if (Number.isInteger(index) && index >= 0 && index < this.length) return index;
    if (typeof index !== 'number') throw new TypeError(`${this}.${name}(${shown(index)}): give an index.`);
    throw new RangeError(`${this}.${name}(${index}): indexes are whole numbers from 0 to ${this.length - 1}.`);
  }

  #checked(value: unknown, index: number): number | bigint {
    return this.#type.check(value as number, { name: `array[${index}]`, type: this.#type, offset: 0 }, this);
  }

  #write(index: number, value: number | bigint): void {
    (this.#elements as Int32Array)[this.#first + index] = value as number;
  }
}

function lengthOf(type: unknown, contents: unknown): number {
  if (!(type instanceof Scalar) || type.view === undefined) {
    const name = type instanceof FieldType ? type.name : shown(type);
    throw new TypeError(
      `SharedArray(${name}, …): elements are numbers, i8 to f64. For flags take u8, for anything else a SharedList.`,
    );
  }
  const length = typeof contents === 'number' ? contents : (contents as ArrayLike<unknown> | null)?.length;
  if (!Number.isInteger(length) || length! < 1 || length! > LARGEST) {
    throw new RangeError(
      `SharedArray(${type.name}, ${typeof contents === 'number' ? contents : shown(contents)}): give a whole number of ` +
        `elements, 1 to ${LARGEST}, or an array of them.`,
    );
  }
  return length!;
}

defineKind(KIND.ARRAY, SharedArray as never);
