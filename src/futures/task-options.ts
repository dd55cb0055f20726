/** Options of tasks: what may stand in them. */
import type { TaskOptions } from './executor.ts';

const NAMES = ['signal', 'timeout', 'priority', 'retries', 'force'];

/** Throws `TypeError` or `RangeError`, naming the option. */
export function checkTaskOptions(options: TaskOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`with(${String(options)}): give an object of options, as in { timeout: 1000 }.`);
  }
  const unknown = Object.keys(options).find((key) => !NAMES.includes(key));
  if (unknown !== undefined) {
    throw new TypeError(`with: there is no option ${unknown}; there are ${NAMES.join(', ')}.`);
  }
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
  if (force !== undefined && typeof force !== 'boolean') {
    throw new TypeError(`with: force is ${String(force)}: give true or false.`);
  }
}
