/**
 * The options of public calls. A call looks at them only when some were given, so that a plain `acquireSync()` pays
 * nothing; what is wrong with them is said with the name of the call, what was given, and how it is written.
 */
import { inspect } from 'node:util';
import { deadlineOf, type WaitOptions } from './deadline.ts';

/** What a waiting call knows; the first is the one that a bare value was probably meant for. */
const WAIT: readonly string[] = ['timeout', 'signal'];
/** The same where a thread blocks: no event loop turns that could tell it of a signal. */
export const SYNC: readonly string[] = ['timeout'];

/** How options look in a message. */
const SAMPLES: Record<string, string | undefined> = {
  timeout: '1000',
  signal: 'controller.signal',
  priority: '1',
  immediate: 'true',
  wait: 'false',
  maxWorkers: '4',
};
/** Options that one may expect elsewhere, too. */
const ELSEWHERE: Record<string, string | undefined> = { priority: 'a PriorityQueue takes one' };

/**
 * The moment (in `performance.now()` time) at which a wait with these options ends. Throws `TypeError` for what is no
 * object of options, an option that the call doesn't `know`, a signal that is none; `RangeError` for the timeout.
 *
 * `call` is the method or function, with its other arguments where there are some, `put(item, …)`; `of` is the object.
 */
export function deadlineIn(options: WaitOptions | undefined, call: string, of?: object, known = WAIT): number {
  if (options === undefined) return Infinity;
  checkOptions(options, call, of, known);
  const { timeout, signal } = options;
  if (signal !== undefined && !isSignal(signal)) throw noSignal(signal, call, of);
  try {
    return deadlineOf(timeout);
  } catch (error) {
    (error as Error).message =
      `${(error as Error).message.slice(0, -1)}, as in ${write(call, of, '{ timeout: 1000 }')}.`;
    throw error;
  }
}

/** For calls that return a promise and are not `async`: a rejected one where `deadlineIn` throws. */
export function refusal(options: WaitOptions | undefined, call: string, of: object): Promise<never> | undefined {
  if (options === undefined) return undefined;
  try {
    deadlineIn(options, call, of);
    return undefined;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Throws `TypeError` for what is no object of options, and for an option that isn't among the known ones. */
export function checkOptions(options: unknown, call: string, of: object | undefined, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || isSignal(options)) throw noOptions(options, call, of, known);
  let given = 0;
  for (const key in options) {
    given++;
    if (known.includes(key) || (options as Record<string, unknown>)[key] === undefined) continue;
    throw Array.isArray(options) ? noOptions(options, call, of, known) : unknownOption(key, call, of, known);
  }
  // A lock, a Map, an empty array: nothing in it is an option, and nothing was meant as one.
  if (given === 0 && !isPlain(options)) throw noOptions(options, call, of, known);
}

/** For constructors that take nothing: what is given to them would be silently ignored. */
export function refuseArguments(name: string, given: readonly unknown[], hint = ''): void {
  if (given.length === 0) return;
  throw new TypeError(`new ${name}(${brief(given[0])}): it takes no arguments${hint}. Write new ${name}().`);
}

/** Throws `TypeError` unless `fn` is a function. */
export function checkFunction(fn: unknown, call: string, of: object, what: string): void {
  if (typeof fn === 'function') return;
  throw new TypeError(`${write(call, of, brief(fn))}: give the function ${what}.`);
}

function noOptions(given: unknown, call: string, of: object | undefined, known: readonly string[]): TypeError {
  const first = known[0];
  const sample = SAMPLES[first] ?? '…';
  const meant = typeof given === 'number' ? /^\d+$/ : typeof given === 'boolean' ? /^(?:true|false)$/ : undefined;
  let text = `{ ${first}: ${meant?.test(sample) ? String(given) : sample} }`;
  if (isSignal(given)) text = known.includes('signal') ? '{ signal }' : text;
  return new TypeError(
    `${write(call, of, brief(given))}: give an object of options, as in ${write(call, undefined, text)}.`,
  );
}

function unknownOption(key: string, call: string, of: object | undefined, known: readonly string[]): TypeError {
  const where = write(call, of, '').replace(/\(.*/, '()');
  const is = `${brief(key).slice(1, -1)} is no option of ${where}`;
  if (key === 'signal' && where.endsWith('Sync()')) {
    return new TypeError(`${is}: a thread that blocks can't be told of it. Take ${where.replace('Sync()', '()')}.`);
  }
  if (ELSEWHERE[key]) return new TypeError(`${is}: ${ELSEWHERE[key]}.`);
  const near = nearest(key, known);
  return new TypeError(near ? `${is}; did you mean ${near}?` : `${is}, which knows ${known.join(', ')}.`);
}

function noSignal(signal: unknown, call: string, of: object | undefined): TypeError {
  return new TypeError(
    `signal is ${brief(signal)}: give an AbortSignal, as in ${write(call, of, '{ signal: controller.signal }')}.`,
  );
}

/** By what it can do: one of another realm is none by its class. */
function isSignal(value: unknown): value is AbortSignal {
  const signal = value as AbortSignal | null;
  return (
    typeof signal === 'object' &&
    signal !== null &&
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function'
  );
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** `Lock.acquire(…)`, with the options in place of the dots. */
function write(call: string, of: object | undefined, options: string): string {
  const whole = call.includes('…') ? call : `${call}(…)`;
  return `${of === undefined ? '' : `${of.constructor.name}.`}${whole.replace('…', () => options)}`;
}

const MOST_SHOWN = 60;

/** A value in one short line. */
function brief(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity, maxArrayLength: 3, maxStringLength: 30 });
  const line = text.replace(/\s+/g, ' ');
  return line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN)}…` : line;
}

/** The known name that a wrong one was probably meant to be. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits >= least || edits >= candidate.length) continue;
    least = edits;
    best = candidate;
  }
  return best;
}

/** How many letters must be changed, put in or left out (after Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = above[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(changed, above[j] + 1, row[j - 1] + 1));
    }
  }
  return row[to.length];
}
