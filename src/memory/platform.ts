/**
 * Platform classes whose state is not in their properties: as plain objects their instances would arrive empty. Those
 * that are no globals stand with the module that they come from.
 */
import { types } from 'node:util';

const CLASSES = new Map<string, string>(
  (
    'MessagePort MessageChannel Blob File CryptoKey BroadcastChannel ReadableStream WritableStream TransformStream ' +
    'Request Response Headers FormData URL URLSearchParams WebSocket TextEncoder TextDecoder ' +
    'CompressionStream DecompressionStream AbortController AbortSignal EventTarget FileHandle ' +
    'PublicKeyObject PrivateKeyObject SecretKeyObject KeyObject@crypto X509Certificate@crypto Worker@worker_threads ' +
    'DatabaseSync@sqlite StatementSync@sqlite Socket@net Server@net AsyncLocalStorage@async_hooks ' +
    'Hash@crypto Hmac@crypto Readable@stream Writable@stream Duplex@stream Transform@stream ReadStream@fs WriteStream@fs ' +
    'IncomingMessage@http ServerResponse@http ClientRequest@http'
  )
    .split(' ')
    .map((entry) => entry.split('@') as [string, string?])
    .map(([name, home]) => [name, home ?? '']),
);

/** Whether `value`, of a class called `name`, is one of the platform's own; a user's class may be called the same. */
function isPlatformObject(value: object, name: string): boolean {
  const home = CLASSES.get(name);
  if (home === undefined) return false;
  const scope = home === '' ? globalThis : (process.getBuiltinModule(`node:${home}`) ?? {});
  const cls: unknown = (scope as Record<string, unknown>)[name];
  // Where nobody can get at the class (FileHandle), a user's has a constructor that shows its source, as theirs do: so
  // the name decides.
  return typeof cls !== 'function' || value instanceof cls;
}

type Refusal = [what: string, mend: string];

const native = new WeakMap<object, boolean>();

/** A class of the engine's own (iterators, `Intl`, `Temporal`), whose instances keep their state where nobody sees it. */
function isNative(cls: object): boolean {
  let known = native.get(cls);
  if (known === undefined) {
    known = /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(cls));
    native.set(cls, known);
  }
  return known;
}

/** Why a value of this class can't be copied, and the mend: what it stands for is not in it. Undefined for one that can. */
export function tiedHere(value: object, cls: unknown): Refusal | undefined {
  const name = typeof cls === 'function' ? cls.name : '';
  const engines = typeof cls === 'function' && cls !== Object && cls !== Array && isNative(cls);
  const tied =
    engines ||
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isGeneratorObject(value) ||
    types.isExternal(value) ||
    types.isProxy(value) ||
    value instanceof WeakRef ||
    isPlatformObject(value, name);
  if (!tied) return undefined;
  // An iterator's class is called Iterator, whatever it goes over, and says so by its tag.
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  const what = name === '' || name === 'Object' || name === 'Iterator' ? tag : name;
  const mend = types.isPromise(value) ? 'await it first' : 'send what it is made from';
  return [`${/^[AEIO]/.test(what) ? 'an' : 'a'} ${what} belongs to this thread alone`, mend];
}
