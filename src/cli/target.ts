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
  if (path === '')
    throw new TargetError(`the module's name is missing in ${JSON.stringify(argument)}: write FILE[#export]`);
  try {
    if (statSync(path).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  } catch (error) {
    const mend = looksLikePackage(path) ? '; write the path of a file: packages and URLs are not looked up' : '';
    throw new TargetError(`the module ${path} can't be loaded: ${reason(error)}${mend}`, { cause: error });
  }
  return { url: pathToFileURL(resolve(path)).href, export: name === '' ? undefined : name };
}

/** A specifier as an import takes it (`lodash`, `@scope/name`, `node:fs`), rather than a file that is missing. */
function looksLikePackage(path: string): boolean {
  return /^[a-z]+:/.test(path) || !(/^[./\\]/.test(path) || /\.[a-z]+$/i.test(path));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
