/** Loading the module that a reference names, once, and knowing which module is being loaded. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { FunctionError } from '../errors.ts';
import { requireModule, TRANSFORMED, throwIfFailed } from './hooks.ts';
import { ownUrl } from './own.ts';
import { describeReference, type FunctionReference, fileOf } from './reference.ts';

const QUERY = Symbol('a module with a query in its URL');
const require = createRequire(ownUrl);
const namespaces = new Map<string, unknown>();
const pending = new Map<string, Promise<unknown>>();
/** The module whose import the present code comes from. */
const importing = new AsyncLocalStorage<string>();

/** What a loaded module exports: its namespace, or `module.exports`. `undefined` while it is not loaded from here. */
export const namespaceOf = (url: string): unknown => namespaces.get(url);

/**
 * Imports the module of a reference unless it is loaded already; top-level `await` is fine. Afterwards
 * `rebuildFunction` needs no loading. Rejects with the module's own error.
 */
export async function loadModuleOf(reference: FunctionReference): Promise<void> {
  const { module, kind, format } = reference;
  if (module === undefined || kind === 'source' || namespaces.has(module)) return;
  throwIfFailed(module);
  if (format === 'commonjs') {
    loadModuleSync(reference);
    return;
  }
  let load = pending.get(module);
  if (load === undefined) {
    load = importing.run(module, () => import(module));
    pending.set(module, load);
  }
  try {
    namespaces.set(module, await load);
  } finally {
    pending.delete(module);
  }
}

/** The same without waiting; a module with top-level `await` must have been imported before. */
export function loadModuleSync(reference: FunctionReference): unknown {
  const module = reference.module!;
  if (namespaces.has(module)) return namespaces.get(module);
  let namespace: unknown;
  try {
    throwIfFailed(module);
    const path = fileOf(module);
    // `require` takes paths, which have no query: it would load the file once more.
    if (reference.format === 'module' && /[?#]/.test(module)) throw QUERY;
    namespace = importing.run(module, () =>
      reference.format === 'module' ? requireModule(path, require) : require(path),
    );
    if (reference.format === 'module' && !types.isModuleNamespaceObject(namespace)) throw TRANSFORMED;
  } catch (cause) {
    throw loadFailure(reference, cause);
  }
  namespaces.set(module, namespace);
  return namespace;
}

/**
 * URL of the module whose import, begun by this library, the calling code is part of: its top level, and whatever that
 * left running (timers, promises that nobody awaits), also after the import has ended.
 */
export const isImportingModule = (): string | undefined => importing.getStore();

/**
 * The calling code is part of a file that is being imported by a worker from its start, with this library in it: what comes
 * after it in that file is. `begin` is not.
 */
export function importedAtStart(url: string, begin: () => void): void {
  importing.exit(begin);
  importing.enterWith(url);
}

/** Whether it stands in the module that Node was started with, and this thread runs that. */
function isProgram({ module }: FunctionReference): boolean {
  return isMainThread && process.argv[1] !== undefined && module === pathToFileURL(process.argv[1]).href;
}

function loadFailure(reference: FunctionReference, cause: unknown): unknown {
  const code = (cause as { code?: unknown } | null)?.code;
  const wrong =
    code === 'ERR_REQUIRE_ASYNC_MODULE' && isProgram(reference)
      ? "the program's main module uses top-level await, and what it exports can't be found again while that goes on. " +
        'Put it into a module of its own, or what the program does into an async function main().'
      : code === 'ERR_REQUIRE_ASYNC_MODULE'
        ? "its module uses top-level await, so it can't be loaded synchronously. Import the module in this thread first."
        : code === 'ERR_REQUIRE_CYCLE_MODULE'
          ? 'its module is still being imported. Use the function after the import has ended.'
          : cause === TRANSFORMED
            ? 'a loader makes CommonJS of modules that are loaded synchronously. Import the module in this thread first.'
            : cause === QUERY
              ? "the URL of its module has a query, with which it can't be loaded synchronously. Import the module in this thread first."
              : undefined;
  if (wrong === undefined) return cause;
  return new FunctionError(`Function ${describeReference(reference)} can't be rebuilt: ${wrong}`, undefined, { cause });
}
