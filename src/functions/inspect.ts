/**
 * What V8 knows about a function: its place in a script, and the variables it closed over. Read through an in-process
 * `node:inspector` session.
 *
 * That needs no debugger, and takes about 0.1 ms a function. With the debugger domain enabled `await` is ten times slower
 * and a `debugger` statement would stop the program, so whatever needs it runs within one synchronous call here, with
 * all pauses skipped.
 */
import type { Session } from 'node:inspector';
import { FunctionError } from '../errors.ts';

/** A function's script and the 0-based position of its parameter list there (arrows and classes: of their start). */
export type Location = { scriptId: string; line: number; column: number };

/** One link of a function's scope chain, innermost first, with the variables as a plain object. */
export type Scope = { description: string; object: Record<string, unknown> };

type Remote = { name: string; value: { value?: Location & Record<string, unknown>; objectId?: string } };
export type ParsedScript = { scriptId: string; url: string; isModule?: boolean };

const GROUP = 'telaio';
const HOLDER = Symbol.for('telaio.inspect');

let session: Session | undefined;
let holderId = '';
const holder: { fn: unknown; out: unknown } = { fn: undefined, out: undefined };

/** Where a function is written; `undefined` for native code, bound functions and proxies. */
export function locate(fn: object): Location | undefined {
  return withInternals(fn, (location) => location);
}

/** The place and the scope chain of a function. Reading a variable in its dead zone throws. */
export function inspect(fn: object): { location: Location | undefined; scopes: Scope[] } {
  return withInternals(fn, (location, scopesId) => {
    if (scopesId === undefined || location === undefined) return { location, scopes: [] };
    post('Runtime.callFunctionOn', {
      objectId: holderId,
      functionDeclaration: 'function (scopes) { this.out = scopes; }',
      arguments: [{ objectId: scopesId }],
      silent: true,
    });
    return { location, scopes: Array.from(holder.out as Scope[]) };
  });
}

/** Runs a synchronous function while the debugger domain is enabled, with all scripts that it told of. */
export function withDebugger<T>(use: (scripts: ParsedScript[], ask: typeof post) => T): T {
  const inspector = connect();
  const parsed: ParsedScript[] = [];
  const onParsed = ({ params }: { params: ParsedScript }) => parsed.push(params);
  inspector.on('Debugger.scriptParsed', onParsed as never);
  try {
    post('Debugger.enable');
    post('Debugger.setSkipAllPauses', { skip: true });
    return use(parsed, post);
  } finally {
    post('Debugger.disable');
    inspector.off('Debugger.scriptParsed', onParsed as never);
  }
}

function withInternals<T>(fn: object, use: (location: Location | undefined, scopesId: string | undefined) => T): T {
  connect();
  holder.fn = fn;
  try {
    let { place, scopesId } = internalsOf();
    // In a thread that is being ended, the engine's call to stop may end this in place of the program, which then goes on.
    if (place === undefined && !isNative(fn)) ({ place, scopesId } = internalsOf());
    return use(place, scopesId);
  } finally {
    post('Runtime.releaseObjectGroup', { objectGroup: GROUP });
    holder.fn = holder.out = undefined;
  }
}

function internalsOf(): { place: Location | undefined; scopesId: string | undefined } {
  const { result } = post<{ result: { objectId: string } }>('Runtime.callFunctionOn', {
    objectId: holderId,
    functionDeclaration: 'function () { return this.fn; }',
    objectGroup: GROUP,
    silent: true,
  });
  const { internalProperties = [] } = post<{ internalProperties?: Remote[] }>('Runtime.getProperties', {
    objectId: result.objectId,
    ownProperties: true,
  });
  let place: Location | undefined;
  let scopesId: string | undefined;
  for (const { name, value } of internalProperties) {
    if (name === '[[FunctionLocation]]') {
      const { scriptId, lineNumber, columnNumber } = value.value as Record<string, unknown>;
      place = { scriptId: scriptId as string, line: lineNumber as number, column: columnNumber as number };
    } else if (name === '[[Scopes]]') scopesId = value.objectId;
  }
  return { place, scopesId };
}

/** Whether it is native code, a bound function or a proxy: these have no place. */
function isNative(fn: object): boolean {
  return Function.prototype.toString.call(fn).endsWith('{ [native code] }');
}

function connect(): Session {
  if (session !== undefined) return session;
  try {
    const inspector = process.getBuiltinModule('node:inspector');
    const opened = new inspector.Session();
    opened.connect();
    session = opened;
  } catch (cause) {
    throw new FunctionError(
      "Functions can't be captured: Node's inspector is not available. " +
        'Run without --permission, or with --allow-inspector, on a Node built with the inspector.',
      undefined,
      { cause },
    );
  }
  Object.defineProperty(globalThis, HOLDER, { value: holder, configurable: true });
  try {
    const expression = 'globalThis[Symbol.for("telaio.inspect")]';
    holderId = post<{ result: { objectId: string } }>('Runtime.evaluate', { expression }).result.objectId;
  } finally {
    Reflect.deleteProperty(globalThis, HOLDER);
  }
  return session;
}

/** In-process sessions answer before `post` returns. */
function post<T>(method: string, params: object = {}): T {
  let failure: Error | null = null;
  let answer: unknown;
  session!.post(method, params, (error: Error | null, result: unknown) => {
    failure = error;
    answer = result;
  });
  if (failure !== null) throw failure;
  return answer as T;
}
