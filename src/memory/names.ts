/** What the encoder says in words: the path to a value, the class of an error, a property as text. */
import { errorClasses } from './tags.ts';

/** `.key[0]["another key"]`. */
export function pathOf(keys: (string | number)[]): string {
  return keys
    .map((key) =>
      typeof key === 'number' ? `[${key}]` : /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
    )
    .join('');
}

/** The nearest class of an error that is made again by its name. */
export function ancestorOf(error: Error): string {
  for (let at = Object.getPrototypeOf(error); at; at = Object.getPrototypeOf(at)) {
    const name = Object.hasOwn(at, 'constructor') ? at.constructor?.name : undefined;
    if (errorClasses.get(name)?.prototype === at) return name;
  }
  return 'Error';
}

/** A property that can't be copied, as text; its getter or its toString may throw as well. */
export function textOf(object: object, key: string): string {
  try {
    return String((object as Record<string, unknown>)[key]);
  } catch {
    return '(not copied, and without a text form)';
  }
}

/** Refusals: what is wrong, and the mend. */
export const lostPrivates = (name: string): [string, string] => [
  `${name} has private members (#…) and a constructor, which does not run again in the other thread, so they would be missing there`,
  'write `private` instead of #, or give them initial values and do without the constructor',
];
export const ownClass = (name: string): [string, string] => [
  `the class ${name} is this library's own`,
  "import it where it is needed: import { … } from 'telaio'",
];
export const localSymbol = (symbol: symbol): [string, string] => [
  `${String(symbol)} is a symbol of this thread alone`,
  'use Symbol.for(), which is the same in every thread',
];
export const SHARED_BYTES: [string, string] = [
  'a SharedArrayBuffer cannot travel inside bytes',
  'declare an array(…) field in a Shared class, which is memory that every thread reaches',
];
