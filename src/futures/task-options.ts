/** Options of tasks: what may stand in them. */
import { checkOptions } from '../memory/index.ts';
import { checkContext } from './context.ts';
import type { TaskOptions } from './executor.ts';

const NAMES = ['timeout', 'signal', 'priority', 'retries', 'force', 'transfer', 'context'];

/** Throws `TypeError` or `RangeError`, naming the option. */
export function checkTaskOptions(options: TaskOptions): void {
  checkOptions(options, 'with', undefined, NAMES);
  const { signal, timeout, priority, retries, force } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('with: signal is no AbortSignal.');
  if (timeout !== undefined && !(timeout >= 0)) {
    throw new RangeError(`with: timeout is ${String(timeout)}: give milliseconds, 0 or more.`);
  }
  if (priority !== undefined && !Number.isFinite(priority)) {
    throw new RangeError(`with: priority is ${String(priority)}: give a number; the lowest runs first.`);
  }
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0)) {
    throw new RangeError(`with: retries is ${String(retries)}: give a whole number, 0 or more.`);
  }
  checkContext(options.context);
  if (options.transfer !== undefined && !Array.isArray(options.transfer)) {
    throw new TypeError('with: transfer is no array: give ArrayBuffers and message ports, as in [bytes.buffer].');
  }
  if (force !== undefined && typeof force !== 'boolean') {
    throw new TypeError(`with: force is ${String(force)}: give true or false.`);
  }
}
