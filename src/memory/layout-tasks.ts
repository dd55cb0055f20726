/** The records of executors; see layout.ts. */

/** A task of an executor: its state, the function's number and message block, then the arguments as a message has them. */
export const TASK = {
  /** TASK_STATE, or the ident of the thread that runs it. */
  STATE: 2,
  /** Which function; workers keep those that they have made. */
  FUNCTION: 3,
  FUNCTION_MESSAGE: 4,
  /** References of the modules that the function needs, as a message block. */
  MODULES_MESSAGE: 5,
  /** TASK_FORM: what the arguments are. */
  FORM: 6,
  BYTES: 7,
  REFS: 8,
  /** TASK_FLAG bits; atomically. */
  FLAGS: 9,
  /** Milliseconds (f64) at which it began and ended, when TIMED; the worker. */
  STARTED: 10,
  ENDED: 12,
  /** Why it is to stop, as a message block; the owner, before CANCEL is set. */
  REASON: 14,
  STREAM: 15,
} as const;
export const TASK_FLAG = {
  /** The owner wants to know when it began and ended. */
  TIMED: 1,
  /** The owner wants it to stop: its signal is aborted. */
  CANCEL: 2,
} as const;
export const TASK_STATE = { PENDING: 0, CANCELLED: -1, DONE: -2 } as const;
export const TASK_FORM = {
  /** An array of arguments; the result is what the function returns. */
  CALL: 0,
  /** An array of items, each the only argument of a call; the result is an array. */
  CHUNK: 1,
} as const;
