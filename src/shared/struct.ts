/**
 * Classes whose fields live in shared memory.
 *
 * `Shared({ … })` makes a class with an accessor on its prototype for each declared field. What extends it is an
 * ordinary class: an instance is a wrapper of a record, and crosses threads by reference, as (class, record). The class
 * that `Shared()` returns can itself be used and crosses by its definition.
 */
import '../functions/message-codec.ts';
import { RuntimeError } from '../errors.ts';
import {
  AT,
  BLOCK,
  classCodec,
  defineChooser,
  defineKind,
  defineVariant,
  HEAP,
  type Heap,
  KIND,
  SharedObject,
  STRUCT,
  heap as threadHeap,
} from '../memory/index.ts';
import { type Declarations, type Fields, type Initial, typeFrom, typeOf } from './declared.ts';
import { Definition, dropFields, readDefinition } from './definition.ts';
import { type Field, shown } from './field-type.ts';
import { DEFINITION, type SharedClass } from './held.ts';
import { Scalar } from './scalars.ts';
import { Text } from './text.ts';

// biome-ignore lint/suspicious/noExplicitAny: any constructor arguments
type StructClass = (abstract new (...args: any[]) => Struct) & { readonly [DEFINITION]: Definition };

/** What classes made by `Shared()` extend. */
export abstract class Struct extends SharedObject {
  /** What fields that never change were read as, by their number. */
  #read: unknown[] | undefined;

  constructor(initial?: object) {
    const definition = (new.target as unknown as StructClass)[DEFINITION];
    if (!definition) throw new TypeError(`${new.target.name} has no fields: extend Shared({ … }).`);
    if (initial !== undefined && !SharedObject.adopting()) checkNames(new.target.name, definition, initial);
    const { prototype } = new.target;
    super(KIND.STRUCT, definition.words - BLOCK.PAYLOAD, (heap, at) =>
      definition.fill(heap, at, KIND.STRUCT, (initial ?? {}) as Record<string, unknown>, prototype),
    );
    if (this[HEAP].i32[this[AT] + STRUCT.TYPE] !== definition.addressIn(this[HEAP])) this.#mismatch(definition);
  }

  /** @internal A field that never changes is read once: its object is the same each time, and at hand. */
  static fixed(object: Struct, number: number, field: Field): unknown {
    const read = (object.#read ??= []);
    const known = read[number];
    // What was disposed here has lost its class; the record still holds the object.
    if (known !== undefined && (known as object).constructor !== Object) return known;
    return (read[number] = field.type.load(object[HEAP], object[AT], field));
  }

  /** The text form, as a dataclass has in Python: plain fields with their values. */
  override toString(): string {
    let text = `<${this.constructor.name} #${this[AT].toString(16)}`;
    for (const field of (this.constructor as unknown as StructClass)[DEFINITION].fields) {
      const plain = field.type instanceof Scalar || field.type instanceof Text;
      const value: unknown = plain ? field.type.load(this[HEAP], this[AT], field) : undefined;
      text += plain
        ? ` ${field.name}=${typeof value === 'string' ? JSON.stringify(value) : String(value)}`
        : ` ${field.name}: ${field.type.name}`;
    }
    return `${text}>`;
  }

  #mismatch(definition: Definition): never {
    const heap = this[HEAP];
    const made = definitionAt(heap, heap.i32[this[AT] + STRUCT.TYPE]);
    throw new RuntimeError(
      `An object of ${this.constructor.name} has arrived that was made with the fields ${made}, but in this thread the ` +
        `class has ${definition}: load the same version of it in every thread.`,
      'TELAIO_LAYOUT',
    );
  }
}

function checkNames(name: string, definition: Definition, initial: unknown): void {
  if (initial === null || typeof initial !== 'object') {
    throw new TypeError(`new ${name}(${shown(initial)}): give initial values as an object, ${definition}, or nothing.`);
  }
  for (const key of Object.keys(initial)) {
    if (!definition.fields.some((field) => field.name === key)) {
      throw new TypeError(`new ${name}({ ${key}: … }): there is no such field; it has ${definition}.`);
    }
  }
}

/** An object with the declared fields, in shared memory. */
export type SharedFields<D extends Declarations> = Struct & Fields<D>;

export interface SharedConstructor<D extends Declarations> {
  /** A new object; fields that `initial` doesn't give are 0, '', false, null, undefined, or made anew. */
  new (initial?: Initial<D>): SharedFields<D>;
}

/**
 * A class with these fields, which live in shared memory: all threads that have the object see the same values.
 * Extend it, `class FakeDatabase extends Shared({ value: i32, lock: Lock }) { … }`, with methods as in any class.
 *
 * Fields of 8 to 64 bits are read and written whole, but unordered between threads, and `value += 1` is a read and a
 * write: guard with a lock what belongs together. A text and an `any` are exchanged whole, in order. Wrong types throw
 * `TypeError`, numbers out of range `RangeError`: nothing is wrapped around or cut.
 *
 * Equal declarations are the same class, unless they name functions or users' classes.
 */
export function Shared<const D extends Declarations>(declarations: D): SharedConstructor<D> {
  if (declarations === null || typeof declarations !== 'object') {
    throw new TypeError(`Shared(${shown(declarations)}): give the fields, Shared({ value: i32, lock: Lock }).`);
  }
  const types = Reflect.ownKeys(declarations).map((name) => {
    if (typeof name === 'symbol' || name in Struct.prototype || name === 'prototype') {
      throw new TypeError(
        `Shared() can't have a field ${String(name)}: every shared object has that already. Take another name.`,
      );
    }
    return [name, typeOf(declarations[name], name)] as const;
  });
  const definition = new Definition(types);
  return classOf(threadHeap, definition) as unknown as SharedConstructor<D>;
}

/** The class of each definition that this thread knows; one made from the text where it has several. */
const known = new WeakMap<Heap, Map<number, StructClass>>();
const classes = (heap: Heap): Map<number, StructClass> => {
  let found = known.get(heap);
  if (!found) known.set(heap, (found = new Map()));
  return found;
};

/** A new class, or the one that the definition has already when nothing can tell the two apart. */
function classOf(heap: Heap, definition: Definition): StructClass {
  const address = definition.addressIn(heap);
  const first = classes(heap).get(address);
  if (first && !definition.local && !first[DEFINITION].local) return first;
  const cls = makeClass(definition);
  if (!first) classes(heap).set(address, cls);
  // Two that differ in what their text doesn't say: which of them an object is of that comes alone, nobody knows.
  else if (first[DEFINITION].local) classes(heap).set(address, makeClass(parse(heap, address)));
  return cls;
}

/** This thread's class for a definition; made from its text where no module here declares it. */
function classAt(heap: Heap, address: number): StructClass {
  let cls = classes(heap).get(address);
  if (!cls) classes(heap).set(address, (cls = makeClass(parse(heap, address))));
  return cls;
}

function makeClass(definition: Definition): StructClass {
  const cls = class Shared extends Struct {
    static readonly [DEFINITION] = definition;
  };
  definition.fields.forEach((field, number) => {
    const accessors = field.type.accessors(field);
    if (field.type.fixed) {
      accessors.get = function () {
        return Struct.fixed(this as Struct, number, field);
      };
    }
    Object.defineProperty(cls.prototype, field.name, { configurable: true, enumerable: true, ...accessors });
  });
  defineVariant(KIND.STRUCT, cls);
  return cls;
}

const parsed = new WeakMap<Heap, Map<number, Definition>>();

/** The definition at an address, as far as its text tells. */
export function definitionAt(heap: Heap, address: number): Definition {
  let found = parsed.get(heap);
  if (!found) parsed.set(heap, (found = new Map()));
  let definition = found.get(address);
  if (!definition) found.set(address, (definition = parse(heap, address)));
  return definition;
}

function parse(heap: Heap, address: number): Definition {
  const find = (at: Heap, definition: number): SharedClass => classAt(at, definition);
  return new Definition(
    readDefinition(heap, address).map(([name, ...spec]) => [name, typeFrom(heap, spec, find)] as const),
  );
}

defineKind(KIND.STRUCT, Struct, dropFields);
defineChooser(KIND.STRUCT, (heap, at) => classAt(heap, heap.i32[at + STRUCT.TYPE]));

classCodec.current = {
  addressOf: (cls) =>
    Object.hasOwn(cls, DEFINITION) ? (cls as StructClass)[DEFINITION].addressIn(threadHeap) : undefined,
  classAt,
};
