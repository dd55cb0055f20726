export { BrokenExecutor, CancelledError, TimeoutError, WorkerCrashedError } from '../errors.ts';
export { Executor, type ExecutorStatistics, type ShutdownOptions } from './executor.ts';
export { Future } from './future.ts';
export type { MapOptions, MapResult } from './map.ts';
export { ThreadPoolExecutor, type ThreadPoolOptions } from './thread-pool.ts';
export {
  ALL_COMPLETED,
  asCompleted,
  type Completed,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  type ReturnWhen,
  wait,
} from './wait.ts';
