/**
 * One whole number or flag on which threads count, or agree, without a lock: each operation is one of the processor's,
 * and all threads see them in one order.
 */
import {
  AT,
  ATOMIC,
  defineKind,
  element,
  HEAP,
  type Heap,
  type IntegerView,
  KIND,
  SharedObject,
} from '../memory/index.ts';
import { type Field, FieldType, shown, wrongType } from './field-type.ts';
import { Made } from './held.ts';
import { bool, elementsOf, SCALAR_TYPES, Scalar } from './scalars.ts';

type Element = number | bigint;
/** What can be added: no flag. */
type Addend<T> = T extends number ? number : T extends bigint ? bigint : never;
/** The type as one says it: `true` and `false` are one. */
type Wide<T> = T extends boolean ? boolean : T;

/**
 * A number of type `i8` to `u64` (64 bits are a bigint), or a `bool`. Operations that change it return what was there
 * before, as `Atomics` does. `add` and `sub` wrap around at the type's limits, as the processor does; `store`,
 * `exchange` and `compareExchange` refuse what doesn't fit (`RangeError`) or is of another type (`TypeError`).
 */
export class Atomic<T extends number | bigint | boolean = number> extends SharedObject {
  readonly #type: Scalar<Wide<T>>;
  readonly #elements: IntegerView;
  readonly #index: number;

  /** `new Atomic(i32, 5)`; without `initial` it is 0, or false. */
  constructor(type: Scalar<T, never> | FieldType<T, T, 'value'>, initial?: NoInfer<T>) {
    const adopted = SharedObject.adopting();
    if (!adopted) checkType(type);
    const first = adopted || initial === undefined ? 0 : rawOf(type as Scalar<T>, initial as T, new.target.prototype);
    super(KIND.ATOMIC, ATOMIC.WORDS - 2, (heap, at) => {
      heap.i32[at + ATOMIC.TYPE] = SCALAR_TYPES.indexOf(type as Scalar<T>);
      heap.i32[at + ATOMIC.VALUE] = heap.i32[at + ATOMIC.VALUE + 1] = 0;
      writeAtomic(heap, at, first);
    });
    this.#type = SCALAR_TYPES[this[HEAP].i32[this[AT] + ATOMIC.TYPE]] as Scalar<Wide<T>>;
    [this.#elements, this.#index] = placeOfAtomic(this[HEAP], this[AT]);
  }

  load(): Wide<T> {
    return this.#out(element.load(this.#elements, this.#index));
  }

  store(value: T): void {
    element.store(this.#elements, this.#index, this.#in(value));
  }

  /** Stores a value and returns the one before. */
  exchange(value: T): Wide<T> {
    return this.#out(element.exchange(this.#elements, this.#index, this.#in(value)));
  }

  /** Stores `next` if the value is `expected`. Returns the value before: it has worked when that is `expected`. */
  compareExchange(expected: T, next: T): Wide<T> {
    return this.#out(element.compareExchange(this.#elements, this.#index, this.#in(expected), this.#in(next)));
  }

  /** Adds and returns the value before; wraps around. */
  add(value: Addend<T>): Wide<T> {
    return this.#out(element.add(this.#elements, this.#index, this.#addend(value, 'add')));
  }

  /** Subtracts and returns the value before; wraps around. */
  sub(value: Addend<T>): Wide<T> {
    return this.#out(element.sub(this.#elements, this.#index, this.#addend(value, 'sub')));
  }

  /** Bits that both have; returns the value before. */
  and(value: T): Wide<T> {
    return this.#out(element.and(this.#elements, this.#index, this.#bits(value, 'and')));
  }

  /** Bits that either has; returns the value before. */
  or(value: T): Wide<T> {
    return this.#out(element.or(this.#elements, this.#index, this.#bits(value, 'or')));
  }

  /** Bits that just one of the two has; returns the value before. */
  xor(value: T): Wide<T> {
    return this.#out(element.xor(this.#elements, this.#index, this.#bits(value, 'xor')));
  }

  override toString(): string {
    return `<${this.constructor.name} #${this[AT].toString(16)} ${this.#type.name} ${this.load()}>`;
  }

  #in(value: T): Element {
    return rawOf(this.#type, value as Wide<T>, this);
  }

  #out(raw: Element): Wide<T> {
    return (this.#type === (bool as unknown) ? raw !== 0 : raw) as Wide<T>;
  }

  #addend(value: unknown, name: string): Element {
    if (this.#type === (bool as unknown)) {
      throw new TypeError(`${this}.${name}(): there is nothing to count on a flag. Take and, or, xor or exchange.`);
    }
    return this.#bits(value, name);
  }

  /** Any whole number: of those that don't fit, the processor takes the low bits. */
  #bits(value: unknown, name: string): Element {
    if (this.#type === (bool as unknown)) return this.#in(value as T);
    const wants = this.#type.bytes === 8 ? 'bigint' : 'number';
    if (typeof value !== wants) {
      throw new TypeError(`${this}.${name}(${shown(value)}): give a ${wants === 'bigint' ? wants : 'whole number'}.`);
    }
    if (wants === 'number' && !Number.isSafeInteger(value)) {
      throw new RangeError(`${this}.${name}(${shown(value)}): give a whole number.`);
    }
    return value as Element;
  }
}

const VALUE = { name: 'value', offset: 0 };

/** The number that stands for a value, checked. */
function rawOf<T>(type: Scalar<T>, value: T, owner: object): Element {
  const checked = type.check(value, { ...VALUE, type }, owner) as unknown;
  return typeof checked === 'boolean' ? Number(checked) : (checked as Element);
}

function placeOfAtomic(heap: Heap, at: number): [IntegerView, number] {
  const type = SCALAR_TYPES[heap.i32[at + ATOMIC.TYPE]];
  return [elementsOf(heap, type) as IntegerView, ((at + ATOMIC.VALUE) * 4) / type.bytes];
}

function writeAtomic(heap: Heap, at: number, raw: Element): void {
  const [elements, index] = placeOfAtomic(heap, at);
  element.store(
    elements,
    index,
    elements instanceof BigInt64Array || elements instanceof BigUint64Array ? BigInt(raw) : raw,
  );
}

function checkType(type: unknown): void {
  if (type instanceof Scalar && type.name !== 'f32' && type.name !== 'f64') return;
  const name = type instanceof FieldType ? type.name : shown(type);
  throw new TypeError(
    `Atomic(${name}): processors have atomic operations for whole numbers and flags, i8 to u64 and bool. For anything ` +
      'else take a Value, whose update() holds its lock.',
  );
}

defineKind(KIND.ATOMIC, Atomic);

/** An Atomic made with the record. */
class AtomicField<T extends number | bigint | boolean> extends Made {
  readonly #scalar: Scalar<T>;

  constructor(type: Scalar<T>) {
    super({
      make: () => new Atomic(type as FieldType<T, T, 'value'>),
      fresh: true,
      own: { name: `atomic(${type.name})`, spec: ['atomic', type.name] },
    });
    this.#scalar = type;
  }

  override init(heap: Heap, at: number, field: Field, given: unknown, owner: object): void {
    if (given instanceof SharedObject) {
      const code = given instanceof Atomic ? heap.i32[given[AT] + ATOMIC.TYPE] : -1;
      if (SCALAR_TYPES[code] !== this.#scalar) {
        throw wrongType(owner, field, `its first value, or an Atomic(${this.#scalar.name})`, given);
      }
      super.init(heap, at, field, given, owner);
      return;
    }
    const first = given === undefined ? undefined : this.#scalar.check(given as T, field, owner);
    super.init(heap, at, field, undefined, owner);
    if (first !== undefined)
      writeAtomic(heap, heap.i32[at + (field.offset >> 2)], typeof first === 'boolean' ? Number(first) : first);
  }
}

/**
 * A field that is an `Atomic` of a type, made with the object: `class Hits extends Shared({ count: atomic(u32) }) {}`,
 * then `hits.count.add(1)`. It can be given its first value, or an Atomic that others have as well.
 */
export function atomic<T extends number | bigint | boolean>(
  type: FieldType<T, T, 'value'>,
): FieldType<Atomic<Wide<T>>, T | Atomic<Wide<T>>, 'fixed'> {
  checkType(type);
  return new AtomicField(type as Scalar<T>) as unknown as FieldType<Atomic<Wide<T>>, T | Atomic<Wide<T>>, 'fixed'>;
}
