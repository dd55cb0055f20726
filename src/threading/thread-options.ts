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
   * Limits of the thread's own JavaScript heap and stack, in MiB, as for `worker_threads`. `stackSizeMb` is 0.5 or more,
   * or 0 for the default: `RangeError`.
   */
  resourceLimits?: ResourceLimits;
};

/** Of every thread, also of one that has its target and arguments from elsewhere. */
export const COMMON_OPTIONS = ['name', 'daemon', 'resourceLimits'];
const OPTIONS = ['target', 'args', ...COMMON_OPTIONS];
const LIMITS = ['maxOldGenerationSizeMb', 'maxYoungGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'];
/** Below this Node's own start of an isolate runs out of stack, which ends the whole process. */
const LEAST_STACK_MB = 0.5;

export function checkThreadOptions(options: ThreadOptions<never, unknown>): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      `new Thread(${String(options)}): give an object of options, as in new Thread({ target: fn, args: [1] }).`,
    );
  }
  checkOptions(options, 'new Thread', undefined, OPTIONS);
  const { target, args, daemon, resourceLimits } = options as Record<string, unknown>;
  checkLimits(resourceLimits);
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

function checkLimits(limits: unknown): void {
  if (limits === undefined) return;
  if (typeof limits !== 'object' || limits === null) {
    throw new TypeError(
      `new Thread: resourceLimits is ${inspect(limits)}: give an object, as in { maxOldGenerationSizeMb: 256 }.`,
    );
  }
  checkOptions(limits, 'resourceLimits', undefined, LIMITS);
  const { stackSizeMb: stack = 0 } = limits as ResourceLimits;
  if (stack !== 0 && !(stack >= LEAST_STACK_MB)) {
    throw new RangeError(
      `new Thread: resourceLimits.stackSizeMb is ${String(stack)}: give ${LEAST_STACK_MB} or more, or 0 for the default.`,
    );
  }
}
