/** A function that gives a module's own top-level value, for objects that can't be copied and stand in every thread's module. */
import { captureFunction } from './capture.ts';
import { inspect } from './inspect.ts';
import { rememberRebuilt } from './rebuild.ts';
import type { AnyFunction, FunctionReference } from './reference.ts';

/**
 * A function to be sent: in another thread it returns what the top-level variable holds there that holds `value` here. The
 * variable is one of the module of `near`, imports included; undefined when there is none.
 */
export function accessorOf<T extends object>(value: T, near: AnyFunction): (() => T) | undefined {
  const { module, format, line, column } = captureFunction(near).reference;
  if (module === undefined) return undefined;
  const { scopes } = inspect(near);
  const outside = scopes.findIndex(({ description }) => description === 'Global' || description === 'Script');
  // Of a CommonJS module it is the function that Node wraps around it.
  const scope = scopes.find(({ description }) => description === 'Module') ?? scopes[outside - 1];
  const name = scope && Object.keys(scope.object).find((key) => holds(scope.object, key, value));
  if (name === undefined) return undefined;
  const reference: FunctionReference = {
    kind: 'closure',
    name: '',
    module,
    format,
    line,
    column,
    source: `() => ${name}`,
    captures: [],
  };
  const accessor = (): T => value;
  rememberRebuilt(accessor, reference);
  return accessor;
}

function holds(scope: Record<string, unknown>, key: string, value: object): boolean {
  try {
    return scope[key] === value;
  } catch {
    // Still in its dead zone.
    return false;
  }
}
