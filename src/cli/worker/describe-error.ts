/** An error as plain data: what a person needs to mend the function, without the frames of this library. */
import { inspect } from 'node:util';
import type { ErrorDescription } from '../backend.ts';

/** Causes within causes that are described, and errors of an `AggregateError`: enough to mend, and always an end. */
const DEPTH = 5;
const ERRORS = 10;

/**
 * Name, message, code, stack and causes of whatever was thrown. The stack ends before the first frame of `callerUrl`, the
 * module that called the user's function. Never throws, not even for a value that resists every look at it.
 */
export function describeError(error: unknown, callerUrl: string): ErrorDescription {
  return describe(error, callerUrl, DEPTH);
}

/** The description as text for a terminal: its stack where there is one, then the causes, indented. */
export function errorText(description: ErrorDescription): string {
  const { message, stack, cause, errors } = description;
  const headline = headlineOf(description);
  // A stack begins with the headline, unless the message was changed after the error was made.
  const own = stack === undefined || stack.includes(message) ? (stack ?? headline) : `${headline}\n${stack}`;
  const inner = (errors ?? []).map((one, index) => `[errors ${index}]: ${errorText(one)}`);
  if (cause !== undefined) inner.unshift(`[cause]: ${errorText(cause)}`);
  return [own, ...inner.map((text) => text.replace(/^/gm, '  '))].join('\n');
}

/** Name and message; of `null` and `undefined`, which are their own names, only that. */
export function headlineOf({ name, message }: ErrorDescription): string {
  return name === message ? name : `${name}: ${message}`;
}

function describe(error: unknown, callerUrl: string, depth: number): ErrorDescription {
  if (!attempt(() => isErrorLike(error), false)) {
    return { name: error === null ? 'null' : typeof error, message: valueText(error) };
  }
  const read = (key: string): unknown => attempt(() => (error as Record<string, unknown>)[key], undefined);
  const description: ErrorDescription = {
    name: attempt(() => String(read('name') ?? 'Error'), 'Error'),
    message: attempt(() => String((error as Error).message ?? ''), '(a message that can not be read)'),
  };
  const code = read('code');
  if (typeof code === 'string' || typeof code === 'number') description.code = String(code);
  const stack = read('stack');
  if (typeof stack === 'string' && stack !== '') description.stack = ownFrames(stack, callerUrl);
  if (depth === 0) return description;
  const cause = read('cause');
  if (cause !== undefined && cause !== null) description.cause = describe(cause, callerUrl, depth - 1);
  const errors = read('errors');
  if (attempt(() => Array.isArray(errors), false)) {
    const some = attempt(() => (errors as unknown[]).slice(0, ERRORS), []);
    if (some.length > 0) description.errors = some.map((one) => describe(one, callerUrl, depth - 1));
  }
  return description;
}

// Not instanceof: an error from a vm context or another realm is an error too.
function isErrorLike(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'message' in error && 'name' in error;
}

function valueText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return attempt(() => String(value), `a ${typeof value}`);
  return attempt(() => inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY }), 'an object').slice(0, 1000);
}

/** Getters, proxies and `toString` methods are the user's code: they may throw. */
function attempt<Value>(look: () => Value, otherwise: Value): Value {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

function ownFrames(stack: string, callerUrl: string): string {
  const lines = stack.split('\n');
  const end = lines.findIndex((line) => line.includes(callerUrl));
  const own = end === -1 ? lines : lines.slice(0, end);
  return own.join('\n').trimEnd();
}
