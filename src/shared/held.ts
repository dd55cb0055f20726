/**
 * Fields that hold something outside of the record: a word with an address and one count of it, or 0. Three sorts:
 *
 *     made   an object of this library or of a shared class, made with the record: never changes
 *     ref    such an object or null; exchangeable
 *     any    a copyable value, as a message block; exchangeable
 *
 * An object stands there by its own address when a reader can tell its class from the record it leads to, or from the
 * field's declaration; else as a message block with (class, handle), which says it.
 *
 * Exchangeable words are guarded by the record's mutex. Tempting and wrong: to read the address and then count it; in
 * between, a writer may have exchanged it and dropped the last count, and the block is somebody else's by now.
 */
import { RuntimeError } from '../errors.ts';
import {
  AT,
  addressOf,
  type Heap,
  isLibraryClass,
  KIND,
  kindOfClass,
  letGo,
  loadValue,
  lockMutex,
  note,
  noteCounting,
  SharedObject,
  STRUCT,
  storeValueNoted,
  takeNoted,
  unlockMutex,
  wrapNoted,
} from '../memory/index.ts';
import { type Field, FieldType, placeOf, type Spec, shown, wrongType } from './field-type.ts';

// biome-ignore lint/suspicious/noExplicitAny: any constructor arguments
export type SharedClass<T extends SharedObject = SharedObject> = abstract new (...args: any[]) => T;

/** The static property of a class made by `Shared()` that holds its definition. */
export const DEFINITION: unique symbol = Symbol('telaio.definition');
type Defined = { [DEFINITION]?: { addressIn(heap: Heap): number } };

/** What a definition says of an object's class: its kind, its own definition, its name where it is a user's. */
export type ClassSpec = readonly [kind: number, definition: number, name: string];

function classSpec(heap: Heap, cls: SharedClass): ClassSpec {
  const definition = (cls as Defined)[DEFINITION]?.addressIn(heap) ?? 0;
  return [kindOfClass(cls)!, definition, isLibraryClass(cls) ? '' : cls.name];
}

/** What stands for an object, in an entry of the holdings. `declared` is the class that every reader of the field knows. */
function slotFor(object: SharedObject, declared: SharedClass | undefined): number {
  const cls = object.constructor;
  if (isLibraryClass(cls) || (cls === declared && Object.keys(object).length === 0)) {
    return noteCounting(addressOf(object));
  }
  return storeValueNoted(object);
}

/** The object that a word stood for, of which the caller has written a count down. */
function objectOf(heap: Heap, noted: number, declared: SharedClass | undefined): SharedObject {
  if (heap.kind(heap.i32[noted]) !== KIND.MESSAGE) {
    return wrapNoted(heap, noted, declared !== undefined && !isLibraryClass(declared) ? declared : undefined);
  }
  return valueIn(heap, noted) as SharedObject;
}

/** The value of a message, of which the caller has written a count down. */
function valueIn(heap: Heap, noted: number): unknown {
  try {
    return loadValue(heap, heap.i32[noted]);
  } finally {
    letGo(noted);
  }
}

/** A class that this thread has no way to know: only its name came with the definition. */
function unknownClass(owner: string, name: string): RuntimeError {
  return new RuntimeError(
    `${owner} holds an object of class ${name}, which this thread does not know, since the class around it came ` +
      'without its module: give it a name at the top level of a module, class X extends Shared({ … }) {}, and use that.',
    'TELAIO_LAYOUT',
  );
}

/** Counts the address in an exchangeable word and writes that down: the entry of the holdings; 0 when there is none. */
function takeCount(heap: Heap, at: number, word: number): number {
  const mutex = at + STRUCT.MUTEX;
  lockMutex(heap, mutex);
  const slot = heap.i32[word];
  const noted = slot === 0 ? 0 : noteCounting(slot);
  unlockMutex(heap, mutex);
  return noted;
}

/** Puts what stands in an entry of the holdings, which is the caller's, into an exchangeable word. */
function exchange(heap: Heap, at: number, word: number, noted: number): void {
  const mutex = at + STRUCT.MUTEX;
  const { i32 } = heap;
  lockMutex(heap, mutex);
  const old = i32[word];
  i32[word] = i32[noted];
  i32[noted] = old;
  unlockMutex(heap, mutex);
  // Outside: a destructor may have much to do.
  letGo(noted);
}

abstract class Held<T, I, M extends 'value' | 'fixed'> extends FieldType<T, I, M> {
  readonly bytes = 4;
  readonly align = 4;
  override readonly handle = true;
}

export type MadeSource = {
  cls?: SharedClass | undefined;
  make: () => unknown;
  spec?: ClassSpec;
  /** Nobody but `make` has seen what it makes. */
  fresh?: boolean;
  /** Where it is no plain class: how it is written, and how it says itself. */
  own?: { name: string; spec: Spec };
};

/** An object made with the record. */
export class Made extends Held<SharedObject, SharedObject, 'fixed'> {
  readonly name: string;
  override readonly fixed = true;
  override readonly local: boolean;
  readonly #cls: SharedClass | undefined;
  readonly #make: () => unknown;
  readonly #spec: ClassSpec | undefined;
  readonly #fresh: boolean;
  readonly #own: Spec | undefined;

  constructor({ cls, make, spec, fresh = false, own }: MadeSource) {
    super();
    this.#own = own?.spec;
    this.#cls = cls;
    this.#make = make;
    this.#spec = spec;
    this.#fresh = fresh;
    this.name = cls ? cls.name : own ? own.name : (spec?.[2] ?? '') || 'field(…)';
    this.local = cls ? !isLibraryClass(cls) : !fresh;
  }

  spec(heap: Heap): Spec {
    if (this.#own) return this.#own;
    const spec = this.#cls ? classSpec(heap, this.#cls) : this.#spec;
    return spec ? ['object', ...spec] : ['made'];
  }

  load(heap: Heap, at: number, field: Field): SharedObject {
    const slot = heap.i32[at + (field.offset >> 2)];
    if (!this.#cls && this.#spec?.[2] && heap.kind(slot) !== KIND.MESSAGE) {
      throw unknownClass(field.name, this.#spec[2]);
    }
    return objectOf(heap, noteCounting(slot), this.#cls);
  }

  store(_heap: Heap, _at: number, field: Field, _value: unknown, owner: object): never {
    throw new TypeError(
      `${placeOf(owner, field)} is made with the object and can't be replaced: declare it ref(${this.name}) to assign it, ` +
        `or give it when the object is made, new ${owner.constructor.name}({ ${field.name}: … }).`,
    );
  }

  override init(heap: Heap, at: number, field: Field, given: SharedObject | undefined, owner: object): void {
    const object = given ?? this.#make();
    if (!(object instanceof (this.#cls ?? SharedObject))) {
      throw wrongType(owner, field, `an object of class ${this.#cls?.name ?? 'SharedObject'}`, object);
    }
    const made = object as SharedObject;
    const word = at + (field.offset >> 2);
    if (given !== undefined || !this.#fresh) {
      heap.i32[word] = takeNoted(slotFor(made, this.#cls));
      return;
    }
    // Its wrapper would hold it until the next collection; the record holds it now, and nobody has seen the wrapper.
    heap.retain(made[AT]);
    heap.i32[word] = made[AT];
    made[Symbol.dispose]();
  }
}

/** A shared object or null. */
export class Ref extends Held<SharedObject | null, SharedObject | null, 'value'> {
  override readonly local: boolean;
  readonly #target: SharedClass | (() => SharedClass) | undefined;
  readonly #portable: boolean;
  readonly #spec: ClassSpec | readonly ['lazy'] | undefined;
  #cls: SharedClass | undefined;

  /** With `portable`, every value says its class itself, for records whose readers don't know the declaration. */
  constructor(
    target?: SharedClass | (() => SharedClass),
    { portable = false, spec }: { portable?: boolean; spec?: ClassSpec | readonly ['lazy'] | undefined } = {},
  ) {
    super();
    this.#target = target;
    this.#portable = portable;
    this.#spec = spec;
    if (target && kindOfClass(target) !== undefined) this.#cls = target as SharedClass;
    this.local = target !== undefined && !portable && !(this.#cls && isLibraryClass(this.#cls));
  }

  get name(): string {
    return `ref(${this.#cls?.name ?? (this.#target ? '…' : '')})`;
  }

  portable(): Ref {
    return new Ref(this.#target, { portable: true });
  }

  spec(heap: Heap): Spec {
    if (this.#spec) return ['ref', ...this.#spec];
    if (!this.#target || this.#portable) return ['ref'];
    return this.#cls ? ['ref', ...classSpec(heap, this.#cls)] : ['ref', 'lazy'];
  }

  load(heap: Heap, at: number, field: Field): SharedObject | null {
    const noted = takeCount(heap, at, at + (field.offset >> 2));
    if (noted === 0) return null;
    const unknown = this.#spec?.[0] === 'lazy' ? 'of its own' : this.#spec?.[2];
    if (unknown && heap.kind(heap.i32[noted]) !== KIND.MESSAGE) {
      letGo(noted);
      throw unknownClass(field.name, unknown);
    }
    return objectOf(heap, noted, this.#declared());
  }

  store(heap: Heap, at: number, field: Field, value: SharedObject | null, owner: object): void {
    if (value === null) {
      exchange(heap, at, at + (field.offset >> 2), note(0));
      return;
    }
    const cls = this.#check();
    if (!(value instanceof (cls ?? SharedObject))) {
      const wants = cls ? `an object of class ${cls.name} or null` : 'a shared object or null';
      throw wrongType(owner, field, wants, value);
    }
    exchange(heap, at, at + (field.offset >> 2), slotFor(value, this.#declared()));
  }

  /** The class that readers of the field know, so that a value of just that class need not say it. */
  #declared(): SharedClass | undefined {
    return this.#portable ? undefined : this.#check();
  }

  #check(): SharedClass | undefined {
    if (this.#cls || !this.#target) return this.#cls;
    const cls = (this.#target as () => SharedClass)();
    if (kindOfClass(cls) === undefined) {
      throw new TypeError(
        `ref(() => …) must give a class of this library or one made with Shared(), not ${shown(cls)}.`,
      );
    }
    return (this.#cls = cls);
  }
}

/** A copyable value, or undefined at first. */
export class Any extends Held<unknown, unknown, 'value'> {
  readonly name = 'any';

  spec(): Spec {
    return ['any'];
  }

  load(heap: Heap, at: number, field: Field): unknown {
    const noted = takeCount(heap, at, at + (field.offset >> 2));
    return noted === 0 ? undefined : valueIn(heap, noted);
  }

  store(heap: Heap, at: number, field: Field, value: unknown, _owner: object): void {
    exchange(heap, at, at + (field.offset >> 2), value === undefined ? note(0) : storeValueNoted(value));
  }
}
