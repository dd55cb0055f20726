/**
 * Finds the user's function: imports the module (once a worker; Node keeps it) and picks the export. What can go wrong
 * with it is a `TargetProblem` whose message is one line that names module and export.
 */
import { fileURLToPath } from 'node:url';
import type { Target } from '../backend.ts';

export type UserFunction = (record: unknown) => unknown;

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
    return await import(url);
  } catch (error) {
    throw new TargetProblem(`${moduleName(url)} can't be loaded: ${oneLine(error)}`, { cause: error });
  }
}

function pick(module: Record<string, unknown>, target: Target): UserFunction {
  const name = moduleName(target.url);
  const functions = Object.keys(module).filter((key) => key !== 'default' && typeof module[key] === 'function');
  const choices = functions.map((key) => `#${key}`).join(', ');
  if (target.export !== undefined) {
    const value = module[target.export];
    if (typeof value === 'function') return value as UserFunction;
    if (target.export in module) {
      throw new TargetProblem(`${name} exports ${target.export}, but it is ${kindOf(value)}, not a function`);
    }
    throw new TargetProblem(
      `${name} has no export named ${target.export}${choices === '' ? ' (it exports no function)' : `; it has ${choices}`}`,
    );
  }
  if (typeof module.default === 'function') return module.default as UserFunction;
  if (functions.length === 1) return module[functions[0]] as UserFunction;
  if (functions.length === 0) throw new TargetProblem(`${name} exports no function`);
  throw new TargetProblem(`${name} has no default export and several functions; name one of ${choices}`);
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
function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error).split('\n', 1)[0];
  const message = error.message.split('\n', 1)[0];
  const place = /(file:\/\/[^\s)]+:\d+)/.exec(error.stack ?? '')?.[1];
  return `${error.name}: ${message}${place === undefined ? '' : ` (${place})`}`;
}
