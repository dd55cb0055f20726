/**
 * Platform classes whose state is not in their properties: as plain objects their instances would arrive empty. Those
 * that are no globals stand with the module that they come from.
 */
import { types } from 'node:util';

const CLASSES = new Map<string, string>(
  (
    'MessagePort MessageChannel Blob File CryptoKey BroadcastChannel ReadableStream WritableStream TransformStream ' +
    'Request Response AbortController AbortSignal EventTarget FinalizationRegistry Intl.DateTimeFormat FileHandle ' +
    'PublicKeyObject PrivateKeyObject SecretKeyObject KeyObject@crypto X509Certificate@crypto Worker@worker_threads ' +
    'DatabaseSync@sqlite StatementSync@sqlite Socket@net Server@net AsyncLocalStorage@async_hooks'
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

/** Whether a value is tied to the thread that made it: what it stands for is not in it. */
export function belongsHere(value: object, className: string): boolean {
  return (
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isGeneratorObject(value) ||
    types.isExternal(value) ||
    types.isProxy(value) ||
    value instanceof WeakRef ||
    isPlatformObject(value, className)
  );
}
