/** Options of a `ThreadPoolExecutor`. */
import { inspect } from 'node:util';
import { CloneError } from '../errors.ts';
import { checkOptions, discard, pack } from '../memory/index.ts';
import type { ThreadOptions } from '../threading/index.ts';
import { checkLimits } from '../threading/internal.ts';
import { type ContextEntry, checkContext } from './context.ts';
import { rooted } from './task.ts';

// biome-ignore lint/suspicious/noExplicitAny: any function can be sent
export type AnyFunction = (...args: any[]) => unknown;

export type ThreadPoolOptions = {
  /** Threads at most; as many as the machine has processors when left out. They are started as tasks come. */
  maxWorkers?: number;
  /** Threads are called `prefix_0`, `prefix_1` …; default `ThreadPoolExecutor-N`. */
  threadNamePrefix?: string;
  /** Called in each worker before its first task, with `initArgs`; when it throws, the executor is broken. */
  initializer?: AnyFunction;
  initArgs?: unknown[];
  /** A worker that had nothing to do for so many milliseconds ends; default: never. */
  idleTimeout?: number;
  /** A worker ends after so many tasks, and another takes its place; default: never. */
  maxTasksPerWorker?: number;
  /**
   * Asynchronous tasks that a worker has in flight at the same time, 1 by default. A task that computes holds up the others
   * of its worker.
   */
  tasksPerWorker?: number;
  /**
   * `AsyncLocalStorage`s whose stores go along with every task, by copy: top-level variables of the module of the task's
   * function, imports included, or functions that return them.
   */
  context?: readonly ContextEntry[];
  /** Limits of each worker's own JavaScript heap and stack, in MiB. */
  resourceLimits?: ThreadOptions<[], unknown>['resourceLimits'];
};

const OPTIONS = [
  'maxWorkers',
  'threadNamePrefix',
  'initializer',
  'initArgs',
  'idleTimeout',
  'maxTasksPerWorker',
  'tasksPerWorker',
  'context',
  'resourceLimits',
];

/** Throws `TypeError` or `RangeError`, naming the option. */
export function checkPoolOptions(options: ThreadPoolOptions): void {
  checkOptions(options, 'new ThreadPoolExecutor', undefined, OPTIONS);
  const { maxWorkers, threadNamePrefix, initializer, initArgs, idleTimeout, maxTasksPerWorker, tasksPerWorker } =
    options;
  if (maxWorkers !== undefined && (!Number.isInteger(maxWorkers) || maxWorkers < 1)) {
    throw new RangeError(`maxWorkers is ${String(maxWorkers)}: give a whole number, 1 or more.`);
  }
  if (threadNamePrefix !== undefined && typeof threadNamePrefix !== 'string') {
    throw new TypeError(`threadNamePrefix is ${inspect(threadNamePrefix)}: give a text.`);
  }
  if (maxTasksPerWorker !== undefined && (!Number.isInteger(maxTasksPerWorker) || maxTasksPerWorker < 1)) {
    throw new RangeError(`maxTasksPerWorker is ${String(maxTasksPerWorker)}: give a whole number, 1 or more.`);
  }
  if (tasksPerWorker !== undefined && (!Number.isInteger(tasksPerWorker) || tasksPerWorker < 1)) {
    throw new RangeError(`tasksPerWorker is ${String(tasksPerWorker)}: give a whole number, 1 or more.`);
  }
  if (idleTimeout !== undefined && !(idleTimeout >= 0)) {
    throw new RangeError(`idleTimeout is ${String(idleTimeout)}: give milliseconds, 0 or more.`);
  }
  if (initializer !== undefined && typeof initializer !== 'function')
    throw new TypeError('initializer is not a function.');
  if (initArgs !== undefined && !Array.isArray(initArgs)) throw new TypeError('initArgs is not an array.');
  checkLimits(options.resourceLimits, 'new ThreadPoolExecutor');
  checkContext(options.context);
  // What can't be sent is refused here, not at the first task.
  if (initializer !== undefined) mustBeSendable(initializer, 'initializer');
  if (initArgs !== undefined) mustBeSendable(initArgs, 'initArgs');
}

function mustBeSendable(value: unknown, name: string): void {
  try {
    discard(pack(value));
  } catch (error) {
    throw error instanceof CloneError ? rooted(error, 'value', name) : error;
  }
}
