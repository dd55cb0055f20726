/**
 * The load hook that gives each user module an evaluator: a direct `eval` in that module's own scope, through which
 * another thread's function is found by name or rebuilt with the module's imports and variables in reach.
 *
 * The evaluator is handed to this registry by a line appended to the module's code rather than exported, so that a
 * module's namespace looks the same in every thread.
 */
import { readFileSync } from 'node:fs';
import { Module, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { ownFolder } from './own.ts';
import { WRAPPED } from './syntax.ts';

/** A module's way to run text in its scope, and its `import.meta` where it has one. */
export type Evaluator = { evaluate: (text: string) => unknown; meta: object | undefined };

/** The name under which modules find the registry; one for all copies of this library in an isolate. */
export const REGISTRY = '$telaioModules';
type Registry = {
  (url: string, evaluate: (text: string) => unknown, meta?: object): void;
  all: Map<string, Evaluator>;
  /** A program's file that could not be loaded at a worker's start (threading/entry.ts). */
  failed?: { url: string; error: unknown };
};

/** Formats in which code can be appended; others (`json`, `wasm`, `addon`) are left alone. */
const CODE = /^(?:module|commonjs|typescript|module-typescript|commonjs-typescript)$/;
const NO_CODE = /\.(?:json|node|wasm)(?:$|[?#])/;
const OWN_CODE = /\.[jt]s$/;

/** The ES module that is being required just now, and what is thrown when a loader makes CommonJS of it. */
let required: string | undefined;
export const TRANSFORMED = Symbol('a loader made CommonJS of an ES module');

/**
 * Requires an ES module. A loader that patches `require` (tsx) would run a CommonJS copy of it beside the real one: that
 * throws `TRANSFORMED` before any of its code has run, once the hooks are installed.
 */
export function requireModule(path: string, load: (path: string) => unknown): unknown {
  required = path;
  try {
    return load(path);
  } finally {
    required = undefined;
  }
}

/** The evaluator of a module that was loaded in this isolate after the hook was installed. */
export const evaluatorOf = (url: string): Evaluator | undefined => registry()?.all.get(url);

/** Throws what a module failed with before: asked again, CommonJS would load it anew, with all that is packed into it. */
export function throwIfFailed(url: string): void {
  const failed = registry()?.failed;
  if (failed?.url === url) throw failed.error;
}

export const areHooksInstalled = (): boolean => registry() !== undefined;

/**
 * From now on each user module that this isolate loads can have closures rebuilt in its scope. Called in every thread
 * of this library before user code is imported; in the main thread by `node --import telaio/register`. Calling it
 * again does nothing.
 */
export function installModuleHooks(): void {
  if (registry() !== undefined) return;
  const all = new Map<string, Evaluator>();
  const register: Registry = Object.assign(
    (url: string, evaluate: (text: string) => unknown, meta?: object) => void all.set(url, { evaluate, meta }),
    { all },
  );
  Object.defineProperty(globalThis, REGISTRY, { value: register });
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!isUserCode(url, loaded.format) || loaded.source == null) return loaded;
      const line = evaluatorLine(url, loaded.format);
      const { source } = loaded;
      if (typeof source === 'string') return { ...loaded, source: source + line };
      return { ...loaded, source: Buffer.concat([Buffer.from(source as Uint8Array), Buffer.from(line)]) };
    },
  });
  // Loaders that patch CommonJS (tsx) compile what they made of a file without asking the load hooks.
  const prototype = Module.prototype as unknown as { _compile(text: string, path: string, format?: string): unknown };
  const compile = prototype._compile;
  prototype._compile = function (text, path, format) {
    const url = pathToFileURL(path).href;
    // A second copy of this library would not know the classes and objects of the one that runs this thread: whoever
    // requires it gets the ES modules that are loaded already.
    if (isOwnModule(url) && OWN_CODE.test(url) && !format?.startsWith('module')) {
      return compile.call(this, readFileSync(path, 'utf8'), path, /ts$/.test(url) ? 'module-typescript' : 'module');
    }
    // What went through the load hooks has its evaluator.
    if (path === required && format !== 'module' && isUserCode(url, format) && !text.includes(REGISTRY))
      throw TRANSFORMED;
    const done = typeof text !== 'string' || format === 'module' || text.includes(REGISTRY);
    return compile.call(
      this,
      done || !isUserCode(url, format) ? text : withEvaluator(text, evaluatorLine(url, format)),
      path,
      format,
    );
  };
}

/**
 * The same as a text, for a worker that begins with nothing of this library: `installModuleHooks` finds itself done there.
 * Without the patch of CommonJS, which is for loaders and for copies of this library in files.
 */
export const hookText = `
const register = Object.assign((url, evaluate, meta) => void register.all.set(url, { evaluate, meta }), { all: new Map() });
Object.defineProperty(globalThis, '${REGISTRY}', { value: register });
require('node:module').registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const { format, source } = loaded;
    const isCode = format == null ? !${NO_CODE}.test(url) : ${CODE}.test(format);
    if (!isCode || source == null || !url.startsWith('file:')) return loaded;
    const line = format?.startsWith('module') ? ${JSON.stringify(evaluatorLine('URL', 'module'))} : ${JSON.stringify(evaluatorLine('URL', undefined))};
    const text = line.replace('"URL"', () => JSON.stringify(url));
    return { ...loaded, source: Buffer.concat([Buffer.from(source), Buffer.from(text)]) };
  },
});
`;

function registry(): Registry | undefined {
  return (globalThis as { [REGISTRY]?: Registry })[REGISTRY];
}

function isUserCode(url: string, format: string | null | undefined): boolean {
  if (!url.startsWith('file:') || isOwnModule(url)) return false;
  return format == null ? !NO_CODE.test(url) : CODE.test(format);
}

const isOwnModule = (url: string): boolean => ownFolder !== undefined && url.startsWith(ownFolder);

/** The code with the evaluator in its scope, which is an arrow's where tsx wrapped the code in one. */
function withEvaluator(text: string, line: string): string {
  const end = WRAPPED.test(text) ? text.lastIndexOf('\n})()') : -1;
  return end === -1 ? text + line : text.slice(0, end) + line + text.slice(end);
}

/**
 * The appended line. Without a known format it must not contain `import.meta`, from which Node would take the file for
 * an ES module. The parameter's name must not hide a name of the module.
 */
function evaluatorLine(url: string, format: string | null | undefined): string {
  const meta = format === 'module' || format === 'module-typescript' ? ',import.meta' : '';
  return `\n;globalThis.${REGISTRY}(${JSON.stringify(url)},($telaioText)=>eval($telaioText)${meta});\n`;
}
