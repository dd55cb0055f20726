/**
 * Taking a function apart. What its syntax tells is remembered by the function's identity and by its place in its
 * script; captured values are read anew each time, since the variables may have changed.
 */
import { builtinModules, createRequire } from 'node:module';
import { FunctionError } from '../errors.ts';
import { type Binding, bindingOf, findFunction, needsOf, type Origin, placeIn } from './analyse.ts';
import { inspect, type Location, locate, type Scope } from './inspect.ts';
import { mappedPlace, moduleOf, originOf } from './origin.ts';
import { ownUrl } from './own.ts';
import { rebuiltReference, rememberBinding } from './rebuild.ts';
import {
  type AnyFunction,
  BASE_NAME,
  type CapturedFunction,
  describeReference,
  type FunctionReference,
  fileOf,
  placeOf,
  shownName,
} from './reference.ts';
import { scriptOf } from './script.ts';
import { offsetAt, positionAt } from './syntax.ts';

/** Functions that need no captured values: the very same answer each time. */
const settled = new WeakMap<object, CapturedFunction>();
/** Closures with captures, whose values are read at each call. */
const closures = new WeakMap<object, FunctionReference>();

/** What the syntax at a place says, and what it takes to tell whether a constant of the module holds the function. */
type Analysed = { reference: FunctionReference; constants: string[]; exports: Map<string, string> };

/** By place: another closure made by the same code needs no analysis. */
const analysed = new Map<string, Analysed>();
const MOST_ANALYSED = 4096;

/** Modules of Node that warn, start something, or are missing in workers as soon as they are loaded. */
const WARNING = /^(?:node:)?(?:_|sys$|punycode$|wasi$|sqlite$|quic$|ffi$|vfs$|trace_events$|inspector|repl$|test|sea$)/;

/**
 * Takes a function, method or class apart for another isolate. Costs well below a microsecond for a function seen
 * before that captures nothing, some 0.1 ms for a closure that does, and a few milliseconds for a new script.
 *
 * @throws FunctionError naming the function, its place, the variable at fault and the mend.
 */
export function captureFunction(fn: AnyFunction): CapturedFunction {
  const known = settled.get(fn);
  if (known !== undefined) return known;
  let reference = closures.get(fn) ?? rebuiltReference(fn);
  let scopes: Scope[] | undefined;
  if (reference === undefined) {
    const seen = inspect(fn);
    scopes = seen.scopes;
    reference = refer(fn, seen.location, scopes);
  }
  if (reference.captures === undefined || reference.captures.length === 0) {
    const captured = { reference, values: [] };
    settled.set(fn, captured);
    if (reference.kind === 'binding') rememberBinding(reference, fn);
    return captured;
  }
  closures.set(fn, reference);
  return { reference, values: valuesOf(fn, reference, scopes ?? inspect(fn).scopes) };
}

/** `name (file:line:column)` for messages; only the name where the place can't be told. Never throws. */
export function describeFunction(fn: AnyFunction): string {
  let name = '(anonymous)';
  try {
    name = shownName(String(fn.name));
    const reference = settled.get(fn)?.reference ?? closures.get(fn) ?? rebuiltReference(fn);
    if (reference !== undefined) return describeReference(reference);
    const location = locate(fn);
    if (location === undefined) return `${name} (native code)`;
    const script = scriptOf(location, Function.prototype.toString.call(fn));
    const { line, column } = mappedPlace(script, location.line, location.column);
    return `${name} (${fileOf(moduleOf(script))}:${line}:${column})`;
  } catch {
    return name;
  }
}

function refer(fn: AnyFunction, location: Location | undefined, scopes: Scope[]): FunctionReference {
  if (location === undefined) throw nativeCode(fn);
  const key = `${location.scriptId}:${location.line}:${location.column}`;
  let entry = analysed.get(key);
  if (entry === undefined || entry.reference.name !== fn.name) {
    entry = analyse(fn, location);
    if (analysed.size >= MOST_ANALYSED) analysed.clear();
    analysed.set(key, entry);
  }
  if (entry.reference.kind === 'binding') return entry.reference;
  return heldByModule(fn, entry, scopes) ?? entry.reference;
}

function analyse(fn: AnyFunction, location: Location): Analysed {
  const text = Function.prototype.toString.call(fn);
  const script = scriptOf(location, text);
  const name = String(fn.name);
  if (script.url.startsWith('node:')) return ofNode(fn, script.url, name);
  const origin = originOf(script, { name, text });
  const found = findFunction(origin, offsetAt(origin.syntax, location.line, location.column), name, text);
  const { module, syntax } = origin;
  const isClass = text.startsWith('class');
  const base = {
    name,
    module,
    format: module === undefined ? undefined : origin.format,
    ...places(origin, found.start),
    ...(isClass ? { isClass } : undefined),
  };
  const { exports } = syntax;
  const binding = bindingOf(found);
  if (binding?.constant) {
    const reference: FunctionReference = { ...base, ...reached(binding, exports) };
    const exportName = reference.path || origin.format === 'module' ? undefined : exportHolding(fn, module!);
    if (exportName !== undefined) Object.assign(reference, { exported: true, exportName });
    return { reference, constants: [], exports };
  }
  const needs = needsOf(found);
  const reference: FunctionReference = {
    ...base,
    // Where a loader moved the code, only the loaded module brings the source map for the function's stacks.
    kind: needs.needsModule || (module !== undefined && 'scriptLine' in base) ? 'closure' : 'source',
    source: needs.text,
    captures: needs.captures,
    ...(needs.isMethod ? { isMethod: true } : undefined),
    ...(needs.strict ? { strict: true } : undefined),
    ...(needs.eager ? { eager: true } : undefined),
  };
  const constants = origin.rebuilt ? [] : [...syntax.declared].filter((declared) => !syntax.assigned.has(declared));
  return { reference, constants, exports };
}

function places(origin: Origin, start: number): Pick<FunctionReference, 'line' | 'column' | 'scriptLine'> {
  const own = placeIn(origin, start);
  const { line, column } = positionAt(origin.syntax, start);
  if (own.line === line + 1 && own.column === column + 1) return own;
  return { ...own, scriptLine: line + 1, scriptColumn: column + 1 } as FunctionReference;
}

function reached({ name, anonymousDefault, path }: Binding, exports: Map<string, string>) {
  const exportName = anonymousDefault ? 'default' : exports.get(name);
  return {
    kind: 'binding' as const,
    binding: name,
    ...(exportName === undefined ? undefined : { exported: true }),
    ...(exportName === undefined || exportName === name ? undefined : { exportName }),
    ...(path.length === 0 ? undefined : { path }),
  };
}

/**
 * A function that a factory returned is a closure by its syntax, and yet the module's own when one of its constants
 * holds it (`const limited = limit(work)`): the other thread's module has made its own. Likewise for what a CommonJS
 * module exports.
 */
function heldByModule(fn: AnyFunction, entry: Analysed, scopes: Scope[]): FunctionReference | undefined {
  const { source: _source, captures: _captures, isMethod: _isMethod, ...base } = entry.reference;
  if (base.module === undefined) return undefined;
  if (base.format === 'commonjs') {
    const exportName = exportHolding(fn, base.module);
    if (exportName === undefined) return undefined;
    return { ...base, kind: 'binding', binding: exportName, exported: true, exportName };
  }
  const variables = scopes.find(({ description }) => description === 'Module')?.object;
  const name = variables && entry.constants.find((constant) => readVariable(variables, constant)?.value === fn);
  if (name === undefined) return undefined;
  return { ...base, ...reached({ name, anonymousDefault: false, path: [], constant: true }, entry.exports) };
}

/** The name under which a loaded CommonJS module exports the function; `module.exports` when it is the whole export. */
function exportHolding(fn: AnyFunction, module: string): string | undefined {
  const { exports } = createRequire(ownUrl).cache[fileOf(module)] ?? {};
  if (exports === fn) return 'module.exports';
  if (exports === null || typeof exports !== 'object') return undefined;
  return Object.keys(exports).find((name) => Reflect.get(exports, name) === fn);
}

/** A function of Node's own is found by the module that exports it, which need not be the one whose script it is in. */
function ofNode(fn: AnyFunction, script: string, name: string): Analysed {
  const held = exportOf(fn, script) ?? exportOfAny(fn);
  if (held === undefined) throw nativeCode(fn);
  const { module, binding } = held;
  const reference: FunctionReference = {
    kind: 'binding',
    name,
    module,
    format: 'commonjs',
    line: 1,
    column: 1,
    binding,
    exported: true,
  };
  return { reference, constants: [], exports: new Map() };
}

type Held = { module: string; binding: string };

function exportOf(fn: AnyFunction, module: string): Held | undefined {
  const exports: object | undefined = process.getBuiltinModule(module);
  // Not the getters: some of them warn.
  const binding =
    exports && Object.keys(exports).find((key) => Object.getOwnPropertyDescriptor(exports, key)!.value === fn);
  return binding === undefined ? undefined : { module, binding };
}

function exportOfAny(fn: AnyFunction): Held | undefined {
  for (const name of builtinModules) {
    if (WARNING.test(name)) continue;
    const held = exportOf(fn, name.startsWith('node:') ? name : `node:${name}`);
    if (held !== undefined) return held;
  }
  return undefined;
}

function valuesOf(fn: AnyFunction, reference: FunctionReference, scopes: Scope[]): unknown[] {
  return reference.captures!.map((name) => {
    if (name === BASE_NAME) return Object.getPrototypeOf(fn);
    for (const { description, object } of scopes) {
      if (description === 'Module' || description === 'Global' || description === 'Script') break;
      const found = readVariable(object, name);
      if (found !== undefined) return found.value;
    }
    throw new FunctionError(
      `Function ${shownName(reference.name)} (${placeOf(reference)}) can't run in another thread: its captured variable ` +
        `'${name}' has no value that could be read. Send the function after the declaration of '${name}' has run` +
        (reference.eager === true ? `, and use '${name}' in more than a computed name of the class.` : '.'),
    );
  });
}

/** A variable of a scope; `undefined` when it is not in there, or still in its dead zone, where V8 throws. */
function readVariable(scope: Scope['object'], name: string): { value: unknown } | undefined {
  try {
    return Object.hasOwn(scope, name) ? { value: scope[name] } : undefined;
  } catch {
    return undefined;
  }
}

/** The refusal of a function without source; where it was captured, `message-codec.ts` names the function that did. */
export class NativeCodeError extends FunctionError {
  readonly shown: string;
  constructor(shown: string) {
    super(`Function ${shown} can't run in another thread: ${NO_SOURCE}`);
    this.name = 'FunctionError';
    this.shown = shown;
  }
}

/** What is wrong with native code, and the mend. */
export const NO_SOURCE =
  'it is native code, which has no source. Pass an arrow function that calls it: (...args) => object.method(...args).';

function nativeCode(fn: AnyFunction): NativeCodeError {
  const name = shownName(String(fn.name));
  return new NativeCodeError(name.startsWith('bound ') ? `${name} (bound by Function.prototype.bind)` : name);
}
