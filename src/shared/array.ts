/**
 * A fixed number of numbers inside the record, read as a typed array over the heap itself: what one thread writes into
 * an element, the others read there. Elements are as plain scalars are: whole, and unordered unless under a lock.
 *
 * A view holds the record for itself, so it stays good after the object it came from was disposed or collected.
 */
import { type Heap, hold, noteCounting } from '../memory/index.ts';
import { type Field, FieldType, placeOf, type Spec, shown, wrongType } from './field-type.ts';
import { Scalar, type ViewConstructor } from './scalars.ts';

export const LARGEST = 2 ** 28;
const SOURCE: unique symbol = Symbol('telaio.source');

type Element = number | bigint;
type View = InstanceType<ViewConstructor>;

export class FixedArray<V extends View> extends FieldType<V, ArrayLike<Element>, 'fixed'> {
  readonly name: string;
  readonly bytes: number;
  readonly align: number;
  override readonly fixed = true;
  readonly #element: Scalar<Element, V>;
  readonly #length: number;

  constructor(element: Scalar<Element, V>, length: number) {
    super();
    this.#element = element;
    this.#length = length;
    this.name = `array(${element.name}, ${length})`;
    this.bytes = element.bytes * length;
    this.align = element.align;
  }

  spec(): Spec {
    return ['array', this.#element.name, this.#length];
  }

  load(heap: Heap, at: number, { offset }: Field): V {
    const view = new this.#element.view!(heap.buffer, at * 4 + offset, this.#length);
    hold(view, noteCounting(at));
    return lasting(view) as V;
  }

  store(_heap: Heap, _at: number, field: Field, _value: unknown, owner: object): never {
    throw new TypeError(
      `${placeOf(owner, field)} is an array inside the object and can't be replaced: write its elements, ` +
        `as in object.${field.name}.set([…]) or object.${field.name}[0] = ….`,
    );
  }

  override init(heap: Heap, at: number, field: Field, given: ArrayLike<Element> | undefined, owner: object): void {
    if (given === undefined) return;
    if (given === null || typeof given !== 'object' || !Number.isInteger(given.length)) {
      throw wrongType(owner, field, `up to ${this.#length} elements in an array`, given);
    }
    if (given.length > this.#length) {
      throw new RangeError(
        `${placeOf(owner, field)} has room for ${this.#length} elements and was given ${given.length}.`,
      );
    }
    const { bytes, check } = this.#element;
    for (let index = 0; index < given.length; index++) {
      const element = {
        name: `${field.name}[${index}]`,
        type: this.#element,
        offset: field.offset + index * bytes,
      };
      this.#element.store(heap, at, element, check(given[index], element, owner), owner);
    }
  }
}

/** Parts of the view keep the whole, which holds the record. */
function lasting<V extends View>(view: V): V {
  const subarray = (start?: number, end?: number): View => {
    const part = (Object.getPrototypeOf(view) as Uint8Array).subarray.call(view as Uint8Array, start, end) as View;
    Object.defineProperty(part, SOURCE, { value: view });
    return lasting(part);
  };
  return Object.defineProperty(view, 'subarray', { value: subarray, configurable: true, writable: true });
}

/**
 * `length` numbers of one type, all 0 at first, read as the typed array of that type (`f64`: `Float64Array`, `i64`:
 * `BigInt64Array` …) over the shared memory. Assigning to an element converts as any typed array does.
 */
export function array<V extends View>(
  type: Scalar<number, V>,
  length: number,
): FieldType<V, ArrayLike<number>, 'fixed'>;
export function array<V extends View>(
  type: Scalar<bigint, V>,
  length: number,
): FieldType<V, ArrayLike<bigint>, 'fixed'>;
export function array<V extends View>(
  type: Scalar<number, V> | Scalar<bigint, V>,
  length: number,
): FieldType<V, ArrayLike<never>, 'fixed'> {
  if (!(type instanceof Scalar) || type.view === undefined) {
    const name = (type as unknown) instanceof FieldType ? (type as FieldType).name : shown(type);
    throw new TypeError(
      `array(${name}, …): elements are numbers, i8 to f64. For flags take array(u8, …); for texts and objects a field each.`,
    );
  }
  if (!Number.isInteger(length) || length < 1 || length > LARGEST) {
    throw new RangeError(`array(${type.name}, ${String(length)}): give a whole number of elements, 1 to ${LARGEST}.`);
  }
  return new FixedArray(type as unknown as Scalar<Element, V>, length) as unknown as FieldType<
    V,
    ArrayLike<never>,
    'fixed'
  >;
}
