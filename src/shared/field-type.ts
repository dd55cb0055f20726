/**
 * What a field of a shared class can be. A field type knows how many bytes a field takes, how it is read and written
 * where it stands in a record, and how to say itself in a definition, so that a thread that knows only the definition
 * reads the same. One class for each sort of type; which ones there are is listed in declared.ts.
 */
import { AT, HEAP, type Heap, type SharedObject } from '../memory/index.ts';

declare const TYPE: unique symbol;

/** `value`: assignable. `fixed`: made with the object, or a view into it; never assigned. */
export type Mode = 'value' | 'fixed';

/** A field of a record: its bytes stand `offset` bytes behind the record's start. */
export type Field = { readonly name: string; readonly type: FieldType; readonly offset: number };

/** A field type as it says itself in a definition: plain JSON, its sort first. */
export type Spec = readonly [sort: string, ...details: (string | number)[]];

/** The type of a field that is read as `T` and can be given as `I` when the object is made. */
// biome-ignore lint/suspicious/noExplicitAny: stands for every field type
export abstract class FieldType<T = any, I = any, M extends Mode = Mode> {
  declare readonly [TYPE]: { reads: T; given: I; mode: M };
  /** As one writes it: `i32`, `text(10)`, `Lock`. */
  abstract readonly name: string;
  abstract readonly bytes: number;
  /** 1, 2, 4 or 8. */
  abstract readonly align: number;
  /** Whether the field is a word that holds an address with a count, or 0. */
  readonly handle: boolean = false;
  readonly fixed: boolean = false;
  /** Whether it knows something of this thread that its spec can't say: a user's class, a function that makes one. */
  readonly local: boolean = false;

  /** Equal specs are equal types, in every thread of the heap. */
  abstract spec(heap: Heap): Spec;
  abstract load(heap: Heap, at: number, field: Field): T;
  /** Checks and writes; `owner` is the object, for messages. */
  abstract store(heap: Heap, at: number, field: Field, value: T, owner: object): void;

  /** How a property of an object reads and writes the field. */
  accessors(field: Field): { get(this: SharedObject): T; set(this: SharedObject, value: T): void } {
    const type = this;
    return {
      get() {
        return type.load(this[HEAP], this[AT], field);
      },
      set(value) {
        type.store(this[HEAP], this[AT], field, value, this);
      },
    };
  }

  /** Gives the field of a new, zeroed record its first value. */
  init(heap: Heap, at: number, field: Field, given: I | undefined, owner: object): void {
    if (given !== undefined) this.store(heap, at, field, given as unknown as T, owner);
  }
}

/** `FakeDatabase.value`. */
export function placeOf(owner: object, field: Field): string {
  return `${owner.constructor.name}.${field.name}`;
}

/** A value as a message shows it: short, and never by calling the user's code. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `the string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
    case 'bigint':
      return `the bigint ${value}n`;
    case 'function':
      return `the function ${value.name || '(anonymous)'}`;
    case 'object': {
      if (value === null) return 'null';
      const name = Object.getPrototypeOf(value)?.constructor?.name ?? 'Object';
      return name === 'Object' ? 'a plain object' : `an object of class ${name}`;
    }
    case 'undefined':
      return 'undefined';
    default:
      return `the ${typeof value} ${String(value)}`;
  }
}

export function wrongType(owner: object, field: Field, wants: string, value: unknown): TypeError {
  return new TypeError(`${placeOf(owner, field)} is declared ${field.type.name}: give ${wants}, not ${shown(value)}.`);
}

export function outOfRange(owner: object, field: Field, wants: string, value: unknown): RangeError {
  return new RangeError(`${placeOf(owner, field)} is declared ${field.type.name}: give ${wants}, not ${shown(value)}.`);
}
