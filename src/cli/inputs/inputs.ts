/** The `[inputs…]` arguments. */
import { accessSync, constants, statSync } from 'node:fs';
import { InputError, reason, UsageError } from '../errors.ts';
import { formatOf, type RecordFormat } from './format.ts';
import type { Input } from './record-source.ts';

/**
 * Looks at every input before the first is read, so that a misspelt last one does not cost the work on the others.
 * No input at all is standard input. Throws `InputError`, `UsageError`.
 */
export function parseInputs(names: string[], format: RecordFormat | undefined): Input[] {
  const inputs = (names.length === 0 ? ['-'] : names).map((name) => parseInput(name, format));
  if (inputs.filter(({ path }) => path === undefined).length > 1) {
    throw new UsageError('standard input (-) can be read only once');
  }
  return inputs;
}

/** Names of standard input; opening it a second time would compete with, or block, what is there already. */
const STDIN = ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'];

function parseInput(name: string, format: RecordFormat | undefined): Input {
  if (name === '-') return { name: 'stdin', path: undefined, format: format ?? 'lines', size: undefined };
  if (STDIN.includes(name)) return { name, path: undefined, format: format ?? 'lines', size: undefined };
  try {
    const stat = statSync(name);
    if (stat.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    accessSync(name, constants.R_OK);
    return { name, path: name, format: format ?? formatOf(name), size: stat.isFile() ? stat.size : undefined };
  } catch (error) {
    throw new InputError(`${name} can't be read: ${reason(error)}`, { cause: error });
  }
}
