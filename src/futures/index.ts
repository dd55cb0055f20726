export { BrokenExecutor, CancelledError, TimeoutError, WorkerCrashedError } from '../errors.ts';
export type { ContextEntry } from './context.ts';
export { type CurrentTask, currentTask } from './current-task.ts';
export { Executor, type ExecutorStatistics, type ShutdownOptions, type TaskOptions } from './executor.ts';
export { type CancelOptions, Future } from './future.ts';
export type { MapOptions, MapResult } from './map.ts';
export type { ThreadPoolOptions } from './pool-options.ts';
export { ThreadPoolExecutor } from './thread-pool.ts';
export {
  ALL_COMPLETED,
  asCompleted,
  type Completed,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  type ReturnWhen,
  wait,
} from './wait.ts';
