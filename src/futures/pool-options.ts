/** Options of a `ThreadPoolExecutor`. */
import { describeFunction } from '../functions/index.ts';
import type { ThreadOptions } from '../threading/index.ts';

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
  /** Limits of each worker's own JavaScript heap and stack, in MiB. */
  resourceLimits?: ThreadOptions<[], unknown>['resourceLimits'];
};

const OPTIONS = new Set(
  'maxWorkers threadNamePrefix initializer initArgs idleTimeout maxTasksPerWorker tasksPerWorker resourceLimits'.split(
    ' ',
  ),
);

/** Throws `TypeError` or `RangeError`, naming the option. */
export function checkOptions(options: ThreadPoolOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      `new ThreadPoolExecutor(${String(options)}): give an object of options, as in { maxWorkers: 4 }.`,
    );
  }
  const unknown = Object.keys(options).find((key) => !OPTIONS.has(key));
  if (unknown !== undefined) {
    throw new TypeError(`new ThreadPoolExecutor: there is no option ${unknown}; there are ${[...OPTIONS].join(', ')}.`);
  }
  const { maxWorkers, initializer, initArgs, idleTimeout, maxTasksPerWorker, tasksPerWorker } = options;
  if (maxWorkers !== undefined && (!Number.isInteger(maxWorkers) || maxWorkers < 1)) {
    throw new RangeError(`maxWorkers is ${String(maxWorkers)}: give a whole number, 1 or more.`);
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
  if (initializer !== undefined) describeFunction(initializer);
}
