/** What a thread is made with, and what is refused at once instead of being found out by its silence. */
import { inspect } from 'node:util';
import type { ResourceLimits } from 'node:worker_threads';
import { checkOptions } from '../memory/index.ts';

export type ThreadOptions<A extends unknown[], R> = {
  /** What the thread runs. Any function can cross; what can't is refused by `start` with `FunctionError`. */
  target?: (...args: A) => R | Promise<R>;
  /** Its arguments: shared objects by reference, all else by copy. */
  args?: A;
  /** Shown in reports; `Thread-N (target)` when left out or empty. */
  name?: string;
  /** A daemon thread doesn't keep the process alive, and ends with it. Default: as the thread that makes it. */
  daemon?: boolean;
  /**
   * Limits of the thread's own JavaScript heap and stack, in MiB, as for `worker_threads`. `maxOldGenerationSizeMb` is
   * 4 or more, `stackSizeMb` 0.5 or more: `RangeError`; 0 stands for the default, except for `maxOldGenerationSizeMb`.
   */
  resourceLimits?: ResourceLimits;
};

/** Of every thread, also of one that has its target and arguments from elsewhere. */
export const COMMON_OPTIONS = ['name', 'daemon', 'resourceLimits'];
const OPTIONS = ['target', 'args', ...COMMON_OPTIONS];
/**
 * What each limit may be at least. With less old space, or less stack, Node's own start of an isolate fails in a way that
 * ends the whole process. (Measured with Node 24 and 26: it dies with 2 MiB of old space, and reports an error with 2.5.)
 */
const LEAST_MB = { maxOldGenerationSizeMb: 4, maxYoungGenerationSizeMb: 0, codeRangeSizeMb: 0, stackSizeMb: 0.5 };

/** No process has more; with a thousand times as much V8 ends the process. */
const MOST_MB = 2 ** 20;

export function checkThreadOptions(options: ThreadOptions<never, unknown>): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      `new Thread(${String(options)}): give an object of options, as in new Thread({ target: fn, args: [1] }).`,
    );
  }
  checkOptions(options, 'new Thread', undefined, OPTIONS);
  const { target, args, daemon, resourceLimits } = options as Record<string, unknown>;
  checkLimits(resourceLimits, 'new Thread');
  if (daemon !== undefined && typeof daemon !== 'boolean') {
    throw new TypeError(`new Thread: daemon is ${inspect(daemon)}: give true or false.`);
  }
  if (target !== undefined && typeof target !== 'function') {
    throw new TypeError(`new Thread: target is ${typeof target}, not a function.`);
  }
  if (args !== undefined && !Array.isArray(args)) {
    throw new TypeError('new Thread: args is not an array: one argument is written args: [value].');
  }
}

/** Throws `TypeError` or `RangeError`, naming the limit and the least that it may be. */
export function checkLimits(limits: unknown, call: string): void {
  if (limits === undefined) return;
  if (typeof limits !== 'object' || limits === null) {
    throw new TypeError(
      `${call}: resourceLimits is ${inspect(limits)}: give an object, as in { maxOldGenerationSizeMb: 256 }.`,
    );
  }
  checkOptions(limits, 'resourceLimits', undefined, Object.keys(LEAST_MB));
  for (const [name, least] of Object.entries(LEAST_MB)) {
    const limit: unknown = (limits as Record<string, unknown>)[name];
    if (limit === undefined) continue;
    if (typeof limit !== 'number') {
      throw new TypeError(`${call}: resourceLimits.${name} is ${inspect(limit)}: give a number of MiB.`);
    }
    const isDefault = limit === 0 && name !== 'maxOldGenerationSizeMb';
    if (isDefault || (limit >= least && limit <= MOST_MB)) continue;
    const what =
      name === 'maxOldGenerationSizeMb'
        ? `${least} or more`
        : `${least} or more${least > 0 ? ', or 0 for the default' : ''}`;
    throw new RangeError(`${call}: resourceLimits.${name} is ${limit}: give ${what}, in MiB.`);
  }
}
