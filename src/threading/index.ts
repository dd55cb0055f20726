export { BootstrapError, FunctionError, RuntimeError, WorkerCrashedError } from '../errors.ts';
export type { SyncWaitOptions, WaitOptions } from '../memory/index.ts';
export { Condition, Event, Guard, Lock, RLock, Semaphore } from '../sync/index.ts';
export { activeCount, currentThread, enumerate, getIdent, getNativeId, mainThread } from './current.ts';
export { type ExceptHook, type ExceptHookArgs, setExceptHook } from './except-hook.ts';
export { sleep, sleepSync } from './sleep.ts';
export { Thread, type ThreadOptions } from './thread.ts';
