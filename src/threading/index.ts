export {
  BootstrapError,
  BrokenBarrierError,
  DeadlockError,
  FinalizationError,
  FunctionError,
  RuntimeError,
  ThreadEndedError,
  WorkerCrashedError,
} from '../errors.ts';
export type { SyncWaitOptions, WaitOptions } from '../memory/index.ts';
export {
  Barrier,
  type BarrierOptions,
  BoundedSemaphore,
  Condition,
  CountDownLatch,
  Event,
  Guard,
  Lock,
  Once,
  RLock,
  RWLock,
  type RWLockStatistics,
  Semaphore,
} from '../sync/index.ts';
export {} from './begin.ts';
export { activeCount, currentThread, enumerate, getIdent, getNativeId, mainThread } from './current.ts';
export { findDeadlocks, setDetectDeadlocks } from './deadlock.ts';
export { type ExceptHook, type ExceptHookArgs, setExceptHook } from './except-hook.ts';
export { ThreadLocal } from './local.ts';
export { sleep, sleepSync } from './sleep.ts';
export { Thread } from './thread.ts';
export type { ThreadOptions } from './thread-options.ts';
export { Timer, type TimerOptions } from './timer.ts';
export { type ThreadName, type Wait, waits } from './waits.ts';
