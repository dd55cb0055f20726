/** The records of threads; see layout.ts. */

/** A thread, from its making until nobody holds it; the isolate it runs in is a descriptor of the isolate table. */
export const THREAD = {
  /** THREAD_STATE; see the state table in threading/record.ts. */
  STATE: 2,
  /** THREAD_OUTCOME; written before STATE becomes ENDED. */
  OUTCOME: 3,
  /** Set when it runs, kept afterwards. */
  IDENT: 4,
  NATIVE_ID: 5,
  /** THREAD_FLAG bits; atomically. */
  FLAGS: 6,
  NUMBER: 7,
  /** Message blocks: the name (guarded by THREADS_MUTEX) … */
  NAME: 8,
  /** … references of the modules to import first, and target and arguments (`start` writes, the thread takes) … */
  MODULES: 9,
  TARGET: 10,
  /** … value or error (written before STATE becomes ENDED), and the reason of an interrupt (before its flag). */
  RESULT: 11,
  REASON: 12,
  /** Woken at every change of STATE and FLAGS. */
  SPOT: 13,
  /** The list of live threads, guarded by THREADS_MUTEX. */
  NEXT: 17,
  PREVIOUS: 18,
  /** A Timer's event, set when it is cancelled or done, and its interval in milliseconds (f64); its maker, once. */
  FINISHED: 19,
  INTERVAL: 20,
  /** Of a pool's worker: a TAIL (`keepTail`, before it starts). */
  TAIL: 22,
  /** Of a worker of an executor that was sent to other threads: its EXECUTOR, with a count. */
  EXECUTOR: 23,
  WORDS: 24,
} as const;
/** A BLOB with what a thread wrote last to its standard output and error: how many bytes so far, and a ring of the last. */
export const TAIL = { TOTAL: 4, RING: 5, RING_BYTES: 2048 } as const;
export const THREAD_STATE = { INITIAL: 0, STARTING: 1, RUNNING: 2, ENDED: 3 } as const;
export const THREAD_OUTCOME = { NONE: 0, VALUE: 1, ERROR: 2 } as const;
export const THREAD_FLAG = {
  DAEMON: 1,
  /** interrupt() was called. */
  INTERRUPTED: 2,
  /** terminate() was called: its isolate must not run another thread. */
  TERMINATE: 4,
  /** It counts among LIVE_THREADS. */
  COUNTED: 8,
  /** The main thread, or one that the library did not start. */
  FOREIGN: 16,
  /** Somebody answers for its death: a pool, whose task's future has the error. */
  QUIET: 32,
  /** It is a Timer. */
  TIMER: 64,
} as const;

/** A ThreadLocal: what each thread makes its own value from. */
export const LOCAL = {
  /** Class and arguments, a message block, 0 until it first leaves the thread that made it; that thread, once. */
  MAKING: 2,
  WORDS: 3,
} as const;
