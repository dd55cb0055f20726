/**
 * Finds the user's function: imports the module (once a worker; Node keeps it) and picks the export. What can go wrong
 * with it is a `TargetProblem` whose message is one line that names module and export.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { currentThread } from '../../threading/index.ts';
import type { Target } from '../backend.ts';
import { describeError, headlineOf } from './describe-error.ts';

export type UserFunction = (record: unknown) => unknown;

/** Where this library's own modules are: their places help nobody. */
const LIBRARY = new URL('../../', import.meta.url).href;

export class TargetProblem extends Error {
  override name = 'TargetProblem';
}

const loaded = new Map<string, UserFunction>();

/** The function of a target. Throws `TargetProblem`. Cheap after the first call. */
export async function loadTarget(target: Target): Promise<UserFunction> {
  const key = `${target.url}#${target.export ?? ''}`;
  let fn = loaded.get(key);
  if (fn === undefined) {
    fn = pick(await importModule(target.url), target);
    loaded.set(key, fn);
  }
  return fn;
}

async function importModule(url: string): Promise<Record<string, unknown>> {
  try {
    return await settling(import(url));
  } catch (error) {
    throw new TargetProblem(`${moduleName(url)} can't be loaded: ${oneLine(error, url)}`, { cause: error });
  }
}

/** The import, or an error once nothing is left in this thread's event loop that could settle it. */
async function settling<Value>(importing: Promise<Value>): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const never = (): void => {
    const error = new Error('its import never ends: it awaits at its top level what nothing will ever settle');
    error.stack = undefined;
    reject(error);
  };
  // Who listens for an interrupt keeps the thread: else it would be ended, with a report, for what is told here.
  const { signal } = currentThread();
  const listener = (): void => {};
  signal.addEventListener('abort', listener);
  process.prependOnceListener('beforeExit', never);
  try {
    return await Promise.race([importing, promise]);
  } finally {
    process.off('beforeExit', never);
    signal.removeEventListener('abort', listener);
  }
}

function pick(module: Record<string, unknown>, target: Target): UserFunction {
  const name = moduleName(target.url);
  const exports = exportsOf(module);
  const functions = [...exports.keys()].filter((key) => key !== 'default' && typeof exports.get(key) === 'function');
  const choices = functions.map((key) => `#${key}`).join(', ');
  if (target.export !== undefined) {
    const value = exports.get(target.export);
    if (typeof value === 'function') return callable(value, target.export, name);
    if (exports.has(target.export)) {
      throw new TargetProblem(`${name} exports ${target.export}, but it is ${kindOf(value)}, not a function`);
    }
    throw new TargetProblem(
      `${name} has no export named ${target.export}${choices === '' ? ' (it exports no function)' : `; it has ${choices}`}`,
    );
  }
  const main = exports.get('default');
  if (typeof main === 'function') return callable(main, 'default', name);
  if (functions.length === 1) return callable(exports.get(functions[0]) as object, functions[0], name);
  if (functions.length === 0) throw new TargetProblem(`${name} exports no function`);
  throw new TargetProblem(`${name} has no default export and several functions; name one of ${choices}`);
}

/** What the module exports by name. Node finds only some of a CommonJS module's names: the others are on its `exports`. */
function exportsOf(module: Record<string, unknown>): Map<string, unknown> {
  const names = new Map(Object.entries(module));
  if (!names.has('module.exports')) return names;
  const exports = names.get('module.exports');
  names.delete('module.exports');
  if ((typeof exports === 'object' && exports !== null) || typeof exports === 'function') {
    for (const [key, value] of Object.entries(exports)) if (!names.has(key)) names.set(key, value);
    // What a compiler makes of `export default`.
    if ((exports as { __esModule?: unknown }).__esModule === true)
      names.set('default', Reflect.get(exports, 'default'));
  }
  return names;
}

/** A class is a function to `typeof` only. */
function callable(value: object, exported: string, name: string): UserFunction {
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    throw new TargetProblem(`${name} exports ${exported}, but it is a class, which can't be called without new`);
  }
  return value as UserFunction;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function moduleName(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url;
}

/** An import's error in one line: name, message, and the place in the user's code when it is known. */
function oneLine(error: unknown, url: string): string {
  const { name, message, stack } = describeError(error, import.meta.url);
  const headline = headlineOf({ name, message: message.split('\n', 1)[0] });
  const place = placeIn(stack) ?? (name === 'SyntaxError' ? syntaxErrorPlace(url) : undefined);
  const mend = asCommonJs(url, message)
    ? '; its package.json makes it CommonJS: write "type": "module" there, or end its name in .mts or .mjs'
    : '';
  return `${headline}${place === undefined ? '' : ` (${place})`}${mend}`;
}

/** The first line of a syntax error's stack is the place as `FILE:LINE`; other errors have it in their frames. */
function placeIn(stack: string | undefined): string | undefined {
  if (stack === undefined) return undefined;
  const first = /^(\S.*:\d+)\n/.exec(stack)?.[1];
  const places = stack.matchAll(/file:\/\/[^\s)]+:\d+/g).map(([place]) => place);
  return first ?? places.find((place) => !place.startsWith(LIBRARY));
}

/** Node keeps the place of a syntax error in an ES module for its own report: so it is asked for one. */
function syntaxErrorPlace(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  const { stderr } = spawnSync(process.execPath, ['--check', fileURLToPath(url)], { encoding: 'utf8', timeout: 5000 });
  return placeIn(stderr ?? undefined) ?? 'in a module that it imports';
}

function asCommonJs(url: string, message: string): boolean {
  return /\.[jt]s$/.test(url) && /token 'export'|import statement outside|'import\.meta' outside/.test(message);
}
