/** The `<module>[#export]` argument. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Target } from './backend.ts';
import { reason, TargetError } from './errors.ts';

/** The module's URL and the export's name; throws `TargetError` when there is no such file. */
export function parseTarget(argument: string): Target {
  // A path may hold a `#` itself: what exists as a file is a file.
  const hash = argument.lastIndexOf('#');
  const whole = hash === -1 || isFile(argument);
  const path = whole ? argument : argument.slice(0, hash);
  const name = whole ? '' : argument.slice(hash + 1);
  try {
    if (statSync(path).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  } catch (error) {
    throw new TargetError(`the module ${path} can't be loaded: ${reason(error)}`, { cause: error });
  }
  return { url: pathToFileURL(resolve(path)).href, export: name === '' ? undefined : name };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
