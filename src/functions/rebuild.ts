/** Finding or making a function from its reference, in the isolate that received it. */
import { FunctionError } from '../errors.ts';
import { areHooksInstalled, evaluatorOf } from './hooks.ts';
import { loadModuleSync, namespaceOf } from './modules.ts';
import { isCommonJS, ownFile, ownFolder, urlOf } from './own.ts';
import {
  type AnyFunction,
  bindingKey,
  describeReference,
  type FunctionReference,
  fileOf,
  META_NAME,
} from './reference.ts';
import { type Factory, factoryText, isLate, NAME_SHIM, variablesOf } from './text.ts';

/** A function whose captured variables are set after it exists, so that they may lead back to it. */
export type PreparedFunction = {
  /** `undefined` only for a class that reads captured variables while it is defined: `setCaptures` makes that. */
  fn: AnyFunction | undefined;
  /** Sets the captured variables, in the order of `reference.captures`, and returns the function. */
  setCaptures(values: unknown[]): AnyFunction;
};

/** The module's functions that this isolate has sent or found: they come back as themselves. */
const bindings = new Map<string, WeakRef<AnyFunction>>();
/** How a function that was rebuilt here was described, for sending it on. */
const rebuilt = new WeakMap<object, FunctionReference>();
/** Evaluated text is compiled once for each place; a closure that captures nothing is even made only once. */
const factories = new Map<string, { factory: Factory; single?: AnyFunction }>();
const MOST_FACTORIES = 1024;

/** Evaluators outside of any module, one for each mode: only globals are in reach. */
let sloppySource: ((text: string) => unknown) | undefined;
let strictSource: ((text: string) => unknown) | undefined;

/** The reference of a function that was rebuilt here. */
export const rebuiltReference = (fn: object): FunctionReference | undefined => rebuilt.get(fn);

/** Remembers how a function is described, as if it had been rebuilt here. */
export function rememberRebuilt(fn: object, reference: FunctionReference): void {
  rebuilt.set(fn, reference);
}

/**
 * Declares a function of this library that a file of its own exports under its name: nobody needs to look into V8 for
 * where it is from, which takes 20 ms the first time. In a bundle, that with `meta`, it is found as soon as that is loaded.
 */
export function exportedFrom(file: string, fn: AnyFunction, meta: ImportMeta): void {
  const { name } = fn;
  const module = ownFolder === undefined ? urlOf(meta) : ownFile(file);
  const format = isCommonJS(meta) ? 'commonjs' : 'module';
  const reference: FunctionReference = {
    kind: 'binding',
    name,
    module,
    format,
    line: 1,
    column: 1,
    binding: name,
    exported: true,
  };
  rebuilt.set(fn, reference);
  rememberBinding(reference, fn);
}

/** Remembers a module's own function, so that its reference leads to it even where its module has no evaluator. */
export function rememberBinding(reference: FunctionReference, fn: AnyFunction): void {
  bindings.set(bindingKey(reference), new WeakRef(fn));
}

/**
 * Finds or makes the function. Loads its module when it is not loaded yet (see `loadModuleOf` for modules with
 * top-level `await`).
 *
 * @throws FunctionError when the module can't be loaded synchronously, has no such function here, has no evaluator in
 * this thread, or code generation from strings is disallowed.
 */
export function rebuildFunction(reference: FunctionReference, values: unknown[]): AnyFunction {
  return prepareFunction(reference).setCaptures(values);
}

/** The two steps of `rebuildFunction`, for captured values that refer to the function itself. */
export function prepareFunction(reference: FunctionReference): PreparedFunction {
  if (reference.kind === 'binding') {
    const fn = findBinding(reference);
    return { fn, setCaptures: () => fn };
  }
  const key = factoryKey(reference);
  let entry = factories.get(key);
  if (entry?.single !== undefined) {
    const { single } = entry;
    return { fn: single, setCaptures: () => single };
  }
  if (entry === undefined) {
    entry = { factory: evaluateIn(reference, factoryText(reference)) as Factory };
    if (factories.size >= MOST_FACTORIES) factories.delete(factories.keys().next().value!);
    factories.set(key, entry);
  }
  const [made, set] = entry.factory();
  const extras = variablesOf(reference)
    .slice(reference.captures!.length)
    .map((name) => extraValue(reference, name));
  if (isLate(reference)) {
    const setCaptures = (values: unknown[]) => {
      set([...values, ...extras]);
      return finish(reference, (made as () => AnyFunction)());
    };
    return { fn: undefined, setCaptures };
  }
  const fn = finish(reference, made);
  if (extras.length > 0) set([...reference.captures!.map(() => undefined), ...extras]);
  if (reference.captures!.length === 0) entry.single = fn;
  const setCaptures = (values: unknown[]) => {
    if (values.length > 0) set([...values, ...extras]);
    return fn;
  };
  return { fn, setCaptures };
}

function finish(reference: FunctionReference, made: unknown): AnyFunction {
  let fn = made as AnyFunction;
  if (reference.isMethod === true) {
    const methods = made as Record<PropertyKey, AnyFunction>;
    fn = methods[Reflect.ownKeys(methods)[0]!]!;
  }
  if (fn.name !== reference.name && Object.getOwnPropertyDescriptor(fn, 'name')?.configurable !== false) {
    Object.defineProperty(fn, 'name', { value: reference.name, configurable: true });
  }
  rebuilt.set(fn, reference);
  return fn;
}

function factoryKey({ module, source, captures, line, column, kind }: FunctionReference): string {
  return `${module}\n${kind} ${line}:${column} ${captures}\n${source}`;
}

function extraValue(reference: FunctionReference, name: string): unknown {
  if (name === META_NAME) return metaOf(reference.module!);
  if (name === NAME_SHIM)
    return (fn: object, value: string) => Object.defineProperty(fn, 'name', { value, configurable: true });
  return undefined;
}

/** The module's own `import.meta`, or one like it where its format was told too late for the hook. */
function metaOf(url: string): object {
  const own = evaluatorOf(url)?.meta;
  if (own !== undefined) return own;
  const filename = fileOf(url);
  const resolve = (specifier: string) => new URL(import.meta.resolve(specifier, url)).href;
  return { url, filename, dirname: process.getBuiltinModule('node:path').dirname(filename), resolve, main: false };
}

function evaluateIn(reference: FunctionReference, text: string): unknown {
  try {
    if (reference.kind === 'source') return sourceEvaluator(reference.strict === true)(text);
    return moduleEvaluator(reference)(text);
  } catch (cause) {
    if (!(cause instanceof EvalError)) throw cause;
    throw new FunctionError(
      `Function ${describeReference(reference)} can't be rebuilt: this process disallows code generation from strings. ` +
        'Declare it at the top level of its module and export it.',
      undefined,
      { cause },
    );
  }
}

function sourceEvaluator(strict: boolean): (text: string) => unknown {
  // An indirect eval: the text it makes sees globals only, not this module.
  const { eval: evaluate } = globalThis;
  const make = (directive: string) => evaluate(`${directive}($telaioText)=>eval($telaioText)`);
  if (strict) {
    strictSource ??= make('"use strict";');
    return strictSource!;
  }
  sloppySource ??= make('');
  return sloppySource!;
}

function moduleEvaluator(reference: FunctionReference): (text: string) => unknown {
  const url = reference.module!;
  let evaluator = evaluatorOf(url);
  if (evaluator === undefined && areHooksInstalled() && namespaceOf(url) === undefined) {
    loadModuleSync(reference);
    evaluator = evaluatorOf(url);
  }
  if (evaluator !== undefined) return evaluator.evaluate;
  throw new FunctionError(
    `Function ${describeReference(reference)} can't be rebuilt here: its module was loaded before telaio in this thread. ` +
      'Declare it at the top level of its module and export it, or start with: node --import telaio/register.',
  );
}

function findBinding(reference: FunctionReference): AnyFunction {
  const key = bindingKey(reference);
  const known = bindings.get(key)?.deref();
  if (known !== undefined) return known;
  let value = bindingValue(reference);
  for (const property of reference.path ?? []) value = (value as Record<string, unknown> | undefined)?.[property];
  if (typeof value !== 'function') {
    const shown = [reference.binding, ...(reference.path ?? [])].join('.');
    throw new FunctionError(
      `Function ${describeReference(reference)} can't be found here: '${shown}' of its module is ` +
        `${value === null ? 'null' : typeof value} in this thread. Make sure that every thread defines it when the module is imported.`,
    );
  }
  bindings.set(key, new WeakRef(value));
  return value;
}

function bindingValue(reference: FunctionReference): unknown {
  const { binding, exported, exportName = binding, module } = reference;
  if (exported !== true) return readBinding(reference, moduleEvaluator(reference));
  let namespace = namespaceOf(module!);
  if (namespace === undefined) {
    // A module that is loaded here may have a top-level await, with which it can't be required any more.
    const evaluator = evaluatorOf(module!);
    if (
      evaluator !== undefined &&
      binding !== 'default' &&
      binding !== 'module.exports' &&
      reference.format === 'module'
    ) {
      try {
        return readBinding(reference, evaluator.evaluate);
      } catch (error) {
        if (!(error instanceof FunctionError)) throw error;
      }
    }
    namespace = loadModuleSync(reference);
  }
  return exportName === 'module.exports' ? namespace : (namespace as Record<string, unknown>)[exportName!];
}

function readBinding(reference: FunctionReference, evaluate: (text: string) => unknown): unknown {
  try {
    return evaluate(reference.binding!);
  } catch (cause) {
    const wrong =
      cause instanceof EvalError
        ? 'this process disallows code generation from strings. Export it'
        : `its module does not define '${reference.binding}' in this thread (${(cause as Error).message}). Define it there when the module is imported`;
    throw new FunctionError(`Function ${describeReference(reference)} can't be found here: ${wrong}.`, undefined, {
      cause,
    });
  }
}
