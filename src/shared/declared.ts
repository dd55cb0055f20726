/** How fields are declared, and how a declaration is found again in a definition's text. */
import { classOfKind, type Heap, isLibraryClass, type Kind, kindOfClass, type SharedObject } from '../memory/index.ts';
import { array } from './array.ts';
import { atomic } from './atomic.ts';
import { FieldType, type Mode, type Spec, shown } from './field-type.ts';
import { Any, type ClassSpec, Made, Ref, type SharedClass } from './held.ts';
import { SCALARS } from './scalars.ts';
import { text } from './text.ts';

/** What may stand in a declaration: a field type, or a class whose object is made with the record. */
// biome-ignore lint/suspicious/noExplicitAny: stands for every field type
export type Declaration = FieldType<any, any, Mode> | (new () => SharedObject);
export type Declarations = { readonly [name: string]: Declaration };

/** What the field is read as. */
export type Read<X> = X extends FieldType<infer T, infer _I, infer _M> ? T : X extends new () => infer O ? O : never;
/** What it may be given when the object is made. */
export type Given<X> = X extends FieldType<infer _T, infer I, infer _M> ? I : X extends new () => infer O ? O : never;

// biome-ignore lint/suspicious/noExplicitAny: stands for every assignable field type
type Assignable = FieldType<any, any, 'value'>;

/** The fields of an object declared so. */
export type Fields<D extends Declarations> = {
  -readonly [K in keyof D as D[K] extends Assignable ? K : never]: Read<D[K]>;
} & {
  readonly [K in keyof D as D[K] extends Assignable ? never : K]: Read<D[K]>;
};

/** What an object declared so can be made with; what is left out is 0, '', false, null, or made anew. */
export type Initial<D extends Declarations> = { readonly [K in keyof D]?: Given<D[K]> };

const ANY = new Any();

/**
 * Any copyable value, swapped whole: reading copies it out, assigning copies it in, and no reader sees a mixture of two.
 * Undefined at first. `any<T>()` says what it is.
 */
const anyType = (() => ANY) as unknown as FieldType<unknown, unknown, 'value'> & (<T>() => FieldType<T, T, 'value'>);

export { anyType as any };

/**
 * A shared object of a class, or null, which it is at first. `ref(() => Class)` for a class that is declared later, and
 * `ref()` for an object of any class. A class that refers to itself declares `next: ref((): any => Link)` and says the
 * type in its body, `declare next: Link | null`, since TypeScript knows no class in its own base. Objects that refer to each other in a circle are freed only once the circle is
 * broken.
 */
export function ref<T extends SharedObject = SharedObject>(
  cls?: (abstract new (...args: never[]) => T) | (() => abstract new (...args: never[]) => T),
): FieldType<T | null, T | null, 'value'> {
  if (cls !== undefined && typeof cls !== 'function') {
    throw new TypeError(`ref(${shown(cls)}): give a shared class, or a function that returns one.`);
  }
  if (typeof cls === 'function' && cls.prototype !== undefined && kindOfClass(cls) === undefined) {
    throw new TypeError(
      `ref(${cls.name}): its objects are not shared. Give a class of this library or one that extends Shared({ … }).`,
    );
  }
  return new Ref(cls as SharedClass | undefined) as unknown as FieldType<T | null, T | null, 'value'>;
}

/** An object that `make` makes with each record, for classes that need arguments: `field(() => new Queue(10))`. */
export function field<T extends SharedObject>(make: () => T): FieldType<T, T, 'fixed'> {
  if (typeof make !== 'function' || kindOfClass(make) !== undefined) {
    throw new TypeError(`field(${shown(make)}): give a function that makes the object, () => new Queue(10).`);
  }
  return new Made({ make }) as unknown as FieldType<T, T, 'fixed'>;
}

/** The field type that a declaration means. */
export function typeOf(declaration: unknown, name: string): FieldType {
  if (declaration instanceof FieldType) return declaration;
  if (declaration === anyType) return ANY;
  if (kindOfClass(declaration) !== undefined) {
    const cls = declaration as new () => SharedObject;
    return new Made({ cls, make: () => new cls(), fresh: isLibraryClass(cls) });
  }
  throw new TypeError(
    `The field ${name} is declared as ${shown(declaration)}, which is no field type: take i8 to f64, bool, text(bytes), ` +
      'array(type, length), atomic(type), ref(Class), any, field(() => new Class(…)), or a class of this library or made with Shared().',
  );
}

/** The type that a definition's text means. `classAt` finds the class of a definition. */
export function typeFrom(
  heap: Heap,
  [sort, ...details]: Spec,
  classAt: (heap: Heap, definition: number) => SharedClass,
): FieldType {
  const scalar = SCALARS.get(sort);
  if (scalar) return scalar;
  switch (sort) {
    case 'text':
      return text(details[0] as number);
    case 'array':
      return array(SCALARS.get(details[0] as string)!, details[1] as number);
    case 'any':
      return ANY;
    case 'atomic':
      return atomic(SCALARS.get(details[0] as string)!);
    case 'ref':
      return new Ref(undefined, { spec: details.length === 0 ? undefined : (details as unknown as ClassSpec) });
    case 'object': {
      const spec = details as unknown as ClassSpec;
      const [kind, definition, name] = spec;
      const make = () => {
        if (name !== '') throw unmakeable(name);
        const cls = definition !== 0 ? classAt(heap, definition) : classOfKind(kind as Kind);
        if (!cls) throw new TypeError(`The class of kind ${kind} is not loaded in this thread: import 'telaio' first.`);
        return new (cls as unknown as new () => SharedObject)();
      };
      return new Made({ spec, make, fresh: true });
    }
    case 'made':
      return new Made({
        make: () => {
          throw unmakeable('that a function makes');
        },
      });
    default:
      throw new TypeError(`A shared class has a field of the unknown sort ${sort}: two versions of the library?`);
  }
}

function unmakeable(what: string): TypeError {
  return new TypeError(
    `This thread knows a shared class by its definition only, and can't make its field, an object of a class ${what}: ` +
      'declare the class at the top level of a module, class X extends Shared({ … }) {}, and import it.',
  );
}
