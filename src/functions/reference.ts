/**
 * What travels instead of a function: a plain description. The values that a closure captured travel beside it, in the
 * order of `captures`, so that whoever encodes them can share, copy or recurse as it likes.
 */
import { fileURLToPath } from 'node:url';

/** Any function or class, whatever its arguments. */
// biome-ignore lint/complexity/noBannedTypes: exactly the set of values that is meant
export type AnyFunction = Function;

/** Where and how a function is found or rebuilt in another isolate. Plain data, safe for structured clone. */
export type FunctionReference = {
  /**
   * `binding`: a module's own top-level function, or a method reached from one; `closure`: evaluated again in its
   * module's scope; `source`: evaluated without any module, since all its free names are built in or captured.
   */
  kind: 'binding' | 'closure' | 'source';
  /** The function's own `name`; may be empty. */
  name: string;
  /** URL of the module (`file:` or `node:`), `undefined` when its code exists only in memory. */
  module: string | undefined;
  format: 'module' | 'commonjs' | undefined;
  /** 1-based position of the function's source in the user's own file (before any loader transformed it). */
  line: number;
  column: number;
  /** 1-based position in the code that V8 runs; left out when it is the user's own. */
  scriptLine?: number;
  scriptColumn?: number;
  /** `binding`: the name in the module's scope, or the export name when it has none there (`default`). */
  binding?: string;
  /** `binding`: it is also exported, so it can be reached without an evaluator in the module. */
  exported?: boolean;
  /** `binding`: the export name where it differs from `binding`; `module.exports` for a CommonJS module's whole export. */
  exportName?: string;
  /** `binding`: properties from the binding to the function, as `['prototype', 'method']`. */
  path?: string[];
  /** `closure` and `source`: the text, as `Function.prototype.toString` gives it. */
  source?: string;
  /** `closure` and `source`: names of captured variables; their values travel in the same order. */
  captures?: string[];
  isClass?: boolean;
  /** The text is a method's (`name() {}`), which is no expression by itself. */
  isMethod?: boolean;
  /** The text runs in strict mode although its CommonJS module does not. */
  strict?: boolean;
  /** A class that reads captured variables while it is defined (`extends`, static fields): they must come first. */
  eager?: boolean;
};

/** A function taken apart: its description, and the captured values in the order of `reference.captures`. */
export type CapturedFunction = { reference: FunctionReference; values: unknown[] };

/** Stands for `import.meta` in a rebuilt closure; as long as the words it replaces, so that columns stay. */
export const META_NAME = '$telaioMeta';

/** Stands for an `extends` expression that captures: its value is the class's prototype, whatever it was made from. */
export const BASE_NAME = '$telaioBase';

/**
 * Names that every isolate of Node has from the start. Written out, because what `globalThis` holds when this module
 * loads may already contain a program's own globals, which other threads only get by importing its modules.
 */
const BUILT_IN = new Set(
  `undefined NaN Infinity globalThis eval isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent encodeURI
  encodeURIComponent escape unescape Object Function Boolean Symbol Error AggregateError EvalError RangeError
  ReferenceError SyntaxError TypeError URIError SuppressedError Number BigInt Math Date Temporal String RegExp Array
  Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array BigInt64Array BigUint64Array
  Float16Array Float32Array Float64Array Map Set WeakMap WeakSet WeakRef FinalizationRegistry ArrayBuffer
  SharedArrayBuffer DataView Atomics JSON Iterator Promise Proxy Reflect Intl WebAssembly DisposableStack
  AsyncDisposableStack console process Buffer global setTimeout setInterval setImmediate clearTimeout clearInterval
  clearImmediate queueMicrotask structuredClone performance URL URLSearchParams URLPattern AbortController AbortSignal
  Event EventTarget CustomEvent MessageChannel MessagePort MessageEvent BroadcastChannel TextEncoder TextDecoder fetch
  Headers Request Response FormData Blob File atob btoa crypto Crypto CryptoKey SubtleCrypto ReadableStream
  WritableStream TransformStream CompressionStream DecompressionStream WebSocket DOMException navigator`.split(/\s+/),
);

export const isBuiltInName = (name: string): boolean => BUILT_IN.has(name);

/** `file:line:column` of a reference, with a path where the module is a file. */
export function placeOf(reference: Pick<FunctionReference, 'module' | 'line' | 'column'>): string {
  return `${fileOf(reference.module)}:${reference.line}:${reference.column}`;
}

/** The path of a `file:` URL, any other text as it is. */
export function fileOf(module: string | undefined): string {
  if (module === undefined) return '<memory>';
  if (!module.startsWith('file:')) return module;
  try {
    return fileURLToPath(module);
  } catch {
    return module;
  }
}

/** The name to show for a function: `(anonymous)` when it has none. */
export const shownName = (name: string): string => (name === '' ? '(anonymous)' : name);

/** `name (file:line:column)`. */
export function describeReference(reference: FunctionReference): string {
  return `${shownName(reference.name)} (${placeOf(reference)})`;
}

/** One text per place that a module-level function or method can be reached from. */
export function bindingKey(reference: FunctionReference): string {
  return [reference.module, reference.binding, ...(reference.path ?? [])].join('\n');
}
