/**
 * `AsyncLocalStorage` stores that travel with tasks. A storage is an object of its module in every thread: what travels is
 * a function that finds it there, and a copy of its store.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { accessorOf, describeFunction } from '../functions/index.ts';
import type { AnyFunction } from './pool-options.ts';

type Storage = AsyncLocalStorage<unknown>;
/** A storage that the module of the task's function has in a top-level variable, its imports included; or a function that returns it. */
// biome-ignore lint/suspicious/noExplicitAny: whatever its stores are
export type ContextEntry = AsyncLocalStorage<any> | (() => AsyncLocalStorage<any>);

/** How to find a storage in the thread of the task, and what its store is to be there. */
export type SentStore = [find: () => Storage, store: unknown];

const finders = new WeakMap<Storage, () => Storage>();

/** The stores that are set now; undefined when there is none. Throws `TypeError` for a storage that can't be found there. */
export function storesOf(entries: readonly ContextEntry[], fn: AnyFunction): SentStore[] | undefined {
  let stores: SentStore[] | undefined;
  for (const [index, entry] of entries.entries()) {
    const storage = (typeof entry === 'function' ? entry() : entry) as Storage;
    const store = storage.getStore();
    if (store === undefined) continue;
    const find = typeof entry === 'function' ? (entry as () => Storage) : finderOf(storage, index, fn);
    stores ??= [];
    stores.push([find, store]);
  }
  return stores;
}

/** Calls a function with these stores. */
export function runWith<R>(stores: SentStore[], run: () => R): R {
  const [first, ...rest] = stores;
  if (first === undefined) return run();
  const [find, store] = first;
  return find().run(store, () => runWith(rest, run));
}

/** Throws `TypeError`, naming what is none. */
export function checkContext(context: unknown): void {
  if (context === undefined) return;
  if (!Array.isArray(context))
    throw new TypeError('context is no array: give AsyncLocalStorages, as in [requestContext].');
  for (const [index, entry] of context.entries()) {
    if (entry instanceof AsyncLocalStorage || typeof entry === 'function') continue;
    throw new TypeError(`context[${index}] is no AsyncLocalStorage, and no function that returns one.`);
  }
}

function finderOf(storage: Storage, index: number, fn: AnyFunction): () => Storage {
  const known = finders.get(storage) ?? accessorOf(storage, fn);
  if (known === undefined) {
    throw new TypeError(
      `context[${index}] can't be found in the task's thread: no top-level variable of the module of ` +
        `${describeFunction(fn)} holds this AsyncLocalStorage. Import it there, or give a function that returns it: ` +
        'context: [() => storage].',
    );
  }
  finders.set(storage, known);
  return known;
}
