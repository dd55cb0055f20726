/** The records of executors; see layout.ts. */

/** A task of an executor: its state, the function's number and message block, then the arguments as a message has them. */
export const TASK = {
  /** TASK_STATE, or the ident of the thread that runs it. */
  STATE: 2,
  /** Which function; workers keep those that they have made. */
  FUNCTION: 3,
  /** The FUNCTION record. */
  CODE: 4,
  /** Where the thread that submitted it finds its future; that thread. */
  PLACE: 5,
  /** TASK_FORM: what the arguments are. And, once RESULT stands there, a TASK_RESULT beside it. */
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
  /** The queue to which the outcome goes, of a task that another thread than the executor's has submitted; else 0. */
  REPLY: 15,
  /** The number (f64) of a result that needs no message; the worker. */
  RESULT: 16,
  STREAM: 18,
} as const;
/** Beside the form, not in its place: a worker that dies before the result is on its way leaves a task to be run again. */
export const TASK_RESULT = { UNDEFINED: 0x10, NULL: 0x20, FALSE: 0x30, TRUE: 0x40, NUMBER: 0x50, MASK: 0xf0 } as const;
export const TASK_FLAG = {
  /** The owner wants to know when it began and ended. */
  TIMED: 1,
  /** The owner wants it to stop: its signal is aborted. */
  CANCEL: 2,
  /** Before the arguments stand stores of AsyncLocalStorages. */
  CONTEXT: 4,
  /** Objects of it come through a port: who takes it asks for them. */
  MOVED: 8,
  /** Its worker is to be ended for its sake; after CANCEL. */
  FORCE: 16,
} as const;
export const TASK_STATE = { PENDING: 0, CANCELLED: -1, DONE: -2 } as const;
export const TASK_FORM = {
  /** An array of arguments; the result is what the function returns. */
  CALL: 0,
  /** An array of items, each the only argument of a call; the result is an array. */
  CHUNK: 1,
} as const;

/** In THREAD.FLAGS of a worker, beside THREAD_FLAG. */
export const WORKER_FLAG = {
  /** It may run several tasks at the same time; the worker. */
  SEVERAL: 1 << 16,
  /** It is to take no more tasks, and will be ended for the sake of one; whoever wants that. */
  LEAVING: 1 << 17,
} as const;

/** A function for an executor's workers: message blocks of the function, and of references of the modules that it needs. */
export const FUNCTION = { MESSAGE: 2, MODULES: 3, WORDS: 4 } as const;

/** An executor, for the threads that it is sent to. */
export const EXECUTOR = {
  /** Handles: the ring of tasks, those with a priority, the outcomes of its maker, new threads that submit. */
  TASKS: 2,
  RANKED: 3,
  OUTCOMES: 4,
  SUBMITTERS: 5,
  /** A message block: what it is called, and what it was made with. */
  FACTS: 6,
  /** The descriptor and epoch of its maker's isolate. */
  OWNER: 7,
  OWNER_EPOCH: 8,
  /** Numbers of functions, by `add`. */
  FUNCTIONS: 9,
  /** EXECUTOR_STATE; the maker. */
  STATE: 10,
  /** Workers that were ever started, by `add`: the next one's name has the number. */
  WORKERS: 11,
  /** A THREAD that is never started: what a worker is sent, for whoever starts one. */
  TEMPLATE: 12,
  /** 1: the maker has been told that one more is wanted. */
  WANTED: 13,
  /** Idents of workers that the maker has ended for the sake of a task, each at its remainder: the last of them. */
  ENDED: 14,
  ENDED_WORDS: 16,
  /** Under it workers are counted and started: two threads that see room for one must not both start one. */
  HIRE_MUTEX: 30,
  WORDS: 32,
} as const;
export const EXECUTOR_STATE = { OPEN: 0, SHUT_DOWN: 1, BROKEN: 2 } as const;
