/**
 * The table of every shared record. An *address* is an index into the heap's Int32Array (4-byte words); every offset
 * below is in words from the record's address unless its name ends in `BYTES`. No other file has a literal offset.
 *
 * The heap, in 64 KiB pages:
 *
 *     page 0          the superblock: identity, counters, class stacks, page bitmap
 *     next pages      the page table, one word a page
 *     next 16 pages   the isolate table: 1,024 descriptors of 1 KiB
 *     the rest        spans of blocks (up to 32 KiB each) and runs of whole pages (above)
 */

/** The records of src/shared: structs, arrays, maps, lists. */
export * from './layout-shared.ts';
export * from './layout-tasks.ts';
export * from './layout-threads.ts';

export const WORD_BYTES = 4;
export const PAGE_BYTES = 65_536;
export const PAGE_WORDS = PAGE_BYTES / WORD_BYTES;
/** An address must stay a positive 31-bit integer: 2^31 words would be 8 GiB. */
export const MAX_HEAP_BYTES = 8 * 2 ** 30 - PAGE_BYTES;
export const MIN_HEAP_BYTES = 4 * 2 ** 20;

/** 'tela', and the version of this table: copies of the library with another table don't share a heap. */
export const MAGIC = 0x616c6574;
export const LAYOUT_VERSION = 1;

/** The superblock. Written once by the maker of the heap unless said otherwise. */
export const SUPER = {
  MAGIC: 0,
  VERSION: 1,
  /** Pages in all. */
  PAGES: 2,
  /** Pages claimed now; anybody, atomically. */
  PAGES_USED: 3,
  /** Where the next search for a free page starts: a hint, any value is right. */
  PAGE_HINT: 4,
  /** The next isolate generation; anybody, by atomic add. */
  NEXT_GENERATION: 5,
  /** Non-daemon threads that have not ended, and isolates that KEEP the process; atomically. */
  LIVE_THREADS: 6,
  /** A spot that is woken whenever LIVE_THREADS falls. */
  LIVE_SPOT: 8,
  /** A mutex word: whole lines on stdout and stderr. */
  OUTPUT_MUTEX: 12,
  /** The next thread number, for `Thread-1`, `Thread-2` …; atomically. */
  NEXT_THREAD_NUMBER: 13,
  /** Head of the list of live thread records, guarded by THREADS_MUTEX. */
  THREADS_HEAD: 14,
  THREADS_MUTEX: 15,
  /** The nursery's queue of requests, its ident, and the mutex under which one is made (see threading/nursery). */
  NURSERY_QUEUE: 16,
  NURSERY_IDENT: 17,
  NURSERY_MUTEX: 18,
  /** The message block of the except hook, 0 for the default; guarded by THREADS_MUTEX. */
  EXCEPT_HOOK: 19,
  /** References of the modules that the hook needs, as a message block; 0 without a hook; guarded likewise. */
  EXCEPT_HOOK_MODULES: 20,
  /** The stack of parked isolates, guarded by IDLE_MUTEX. */
  IDLE_MUTEX: 22,
  IDLE_HEAD: 23,
  IDLE_COUNT: 24,
  /** The main isolate's ident. */
  MAIN_IDENT: 25,
  /** Isolates whose thread has ended and that are about to park; atomically. */
  SETTLING: 26,
  /** Woken when one has parked, or will not. */
  IDLE_SPOT: 27,
  /** DETECT: whether threads that wait too long look for a deadlock; anybody. */
  DETECT_DEADLOCKS: 31,
  /** Head of the list of definitions of shared classes: pushed by compare-and-swap, never taken from. */
  DEFINITIONS: 32,
  /** How often the heap has grown by a step, and how many pages in use are the next one; see collect.ts. */
  GROWTHS: 33,
  NEXT_GROWTH: 34,
  /** 1: something was reported that makes the process fail. */
  FAILED: 35,
  /** Class stacks: a 64-bit word each, the low half an address and the high half a tag against ABA. */
  CLASS_STACKS: 64,
  /** One bit a page, set while the page is claimed; anybody, by compare-and-swap. */
  BITMAP: 4096,
} as const;

/** Every allocated block starts with these two words; its payload follows. */
export const BLOCK = {
  /** Kind in the low 8 bits, flags above. Written by the allocating thread before the address is published. */
  KIND: 0,
  /** How many wrappers, queue slots, fields and messages hold the block; atomically. 0 while free. */
  COUNT: 1,
  PAYLOAD: 2,
} as const;

/** The same words while the block is free: owned by the isolate whose cache it is in, or by the class stack. */
export const FREE_BLOCK = {
  NEXT: 0,
  COUNT: 1,
  /** In the first block of a batch on a class stack: the next batch, and how many blocks this one has. */
  NEXT_BATCH: 2,
  BATCH_SIZE: 3,
} as const;

/** A parking spot; four words inside a record. See parking.ts for the state table. */
export const SPOT = { WAITERS: 0, SEQUENCE: 1, ASYNC_SEQUENCE: 2, ASYNC_COUNT: 3, WORDS: 4 } as const;

/** Size classes: multiples of 16 up to 128 bytes, then four a doubling, up to 32 KiB. */
export const SMALL_LIMIT_BYTES = 32_768;
export const CLASS_COUNT = 39;

export const MAX_ISOLATES = 1024;
export const ISOLATE_BITS = 10;
/** A JavaScript isolate that uses the library: the main thread, one of our threads, somebody's own worker. */
export const ISOLATE = {
  /** IsolateState; claimed by compare-and-swap, then the owner's, at last the reaper's. */
  STATE: 0,
  /** The ident of the thread that runs here now: generation << 10 | slot. The owner writes it. */
  IDENT: 1,
  /** The kernel's thread id, 0 where it isn't known. */
  NATIVE_ID: 2,
  /** The address of the thread record that runs here, 0 in foreign isolates. */
  THREAD: 3,
  /** What the isolate is blocked on: the spot (set only while counted there), the object, since when (f64). */
  PARKED_SPOT: 4,
  PARKED_OBJECT: 5,
  PARKED_SINCE: 6,
  /** The first chunk of the table of what this isolate's wrappers hold. */
  HOLDINGS: 8,
  /** The first record of its asynchronous waits. */
  ASYNC_WAITS: 9,
  /** A word the isolate parks on between two threads, and the thread record it is given. */
  MAILBOX: 10,
  MAILBOX_THREAD: 11,
  NEXT_IDLE: 12,
  /** A word that nobody changes: to sleep on. */
  SLEEP: 13,
  /** Which isolate has the slot: a number that is new at each claim. */
  EPOCH: 14,
  /** The mutex that it waits for under which its owner may run the user's code, 0 for none: see mutex.ts. */
  WANTED_MUTEX: 15,
  /** PARKED bits: how it blocks; the owner. */
  PARKED_FLAGS: 16,
  /** Counts its blocking waits: the same number is the same wait; the owner, before PARKED_SPOT. */
  PARKED_SEQUENCE: 17,
  /** Where in the user's code it blocks: a message block, 0 while nobody asked; the owner. */
  PARKED_PLACE: 18,
  /** In the main isolate, while its event loop has nothing but asynchronous waits of ours: counts up; else 0. */
  LOOP_IDLE: 19,
  /** A page that the owner cuts into free blocks, and a batch of them that it passes on: else 0. For the reaper. */
  CUTTING: 20,
  PASSING: 21,
  /** Counts up when something was posted to the isolate that it may block for; see `parkUntilPosted`. */
  POSTED: 22,
  /** The queue in whose LOOKING it is counted, or 0. */
  LOOKING: 23,
  /** 1 while something that was submitted here is not done: it counts among LIVE_THREADS; the owner. */
  KEEPS: 24,
  /** A message block: the report of what it leaves behind, for whoever sees it die; guarded by THREADS_MUTEX. */
  WORDS_LEFT: 25,
  /** The ring of tasks that its thread serves, and the one to which the task went that it blocks for; else 0. */
  SERVES: 26,
  AWAITS: 27,
  /** Free blocks kept by the owner: head and count for each class. */
  CACHES: 32,
  WORDS: 256,
} as const;

export const PARKED = {
  /** The wait has a deadline. */
  TIMED: 1,
  /** It sleeps, or looks why: cleared before each look at what it waits for, so who has just got it has not the bit. */
  ASLEEP: 2,
  /** It can't be ended by an error: a condition takes its lock again. */
  UNBREAKABLE: 4,
} as const;
/** SUPER.DETECT_DEADLOCKS: 0 is for the surroundings to say (test runner, TELAIO_DEBUG). */
export const DETECT = { DEFAULT: 0, ON: 1, OFF: 2 } as const;

export const ISOLATE_STATE = { FREE: 0, LIVE: 1, REAPED: 2 } as const;

/* The records of the primitives: offsets from the block's header on. */

/** A chunk of an isolate's holdings: addresses, 0 where free. */
export const HOLDINGS = { NEXT: 2, ENTRIES: 4, PER_CHUNK: 252, WORDS: 256 } as const;

/** A chunk of the table of an isolate's asynchronous waits: spots (0 where free), how many wait at each, since when. */
export const ASYNC_WAITS = {
  NEXT: 2,
  ENTRIES: 4,
  PER_CHUNK: 63,
  WORDS: 256,
  /** An entry; SINCE is an f64. */
  SPOT: 0,
  COUNT: 1,
  SINCE: 2,
  ENTRY_WORDS: 4,
} as const;

/** A value at rest: `BYTES` of codec stream, then `REFS` addresses that it holds. */
export const MESSAGE = { BYTES: 2, REFS: 3, STREAM: 4 } as const;
/** Raw bytes that a message refers to. */
export const BLOB = { BYTES: 2, DATA: 4 } as const;

/** Kinds of block. The order is part of the layout. */
export const KIND = {
  FREE: 0,
  MESSAGE: 1,
  BLOB: 2,
  HOLDINGS: 3,
  THREAD: 4,
  LOCK: 5,
  RLOCK: 6,
  EVENT: 7,
  SEMAPHORE: 8,
  CONDITION: 9,
  QUEUE: 10,
  RING: 11,
  STRUCT: 12,
  VALUE: 13,
  ARRAY: 14,
  WAITER: 15,
  REQUEST: 16,
  TASK: 17,
  DEFINITION: 18,
  LIFO_QUEUE: 19,
  PRIORITY_QUEUE: 20,
  SIMPLE_QUEUE: 21,
  STACK: 22,
  RANKING: 23,
  MAP: 24,
  MAP_TABLE: 25,
  MAP_ENTRY: 26,
  MAP_PORTION: 27,
  LIST: 28,
  LIST_CHUNK: 29,
  ATOMIC: 30,
  LOCAL: 31,
  LATCH: 32,
  ONCE: 33,
  BARRIER: 34,
  ROUND: 35,
  RWLOCK: 36,
  READERS: 37,
  EXECUTOR: 38,
  FUNCTION: 39,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

export const LOCK = {
  /** See the state table in sync/lock.ts. */
  STATE: 2,
  /** 1 while some waiter has waited too long: the next release hands over instead of freeing. */
  STARVING: 3,
  SPOT: 4,
  WORDS: 8,
} as const;

export const RLOCK = {
  /** The owner's ident, 0 free, -1 free and abandoned. */
  OWNER: 2,
  /** Which of the owner thread's `run` calls owns it, 0 for the thread itself; the owner writes it. */
  TOKEN: 3,
  /** How many times over; the owner writes it. */
  LEVELS: 4,
  SPOT: 5,
  WORDS: 9,
} as const;

export const EVENT = { FLAG: 2, SPOT: 3, WORDS: 7 } as const;
/** BOUND: how many permits there may be, -1 for a Semaphore, which has no bound of its own. */
export const SEMAPHORE = { VALUE: 2, SPOT: 3, BOUND: 7, WORDS: 8 } as const;

export const LATCH = { COUNT: 2, SPOT: 3, WORDS: 7 } as const;

export const ONCE = {
  /** The ident of the thread that runs the function, 0 for nobody; kept once there is a result. */
  RUNNER: 2,
  /** The outcome as a message block, 0 as long as there is none: set once, by compare-and-swap. */
  RESULT: 3,
  SPOT: 4,
  WORDS: 8,
} as const;

/** A barrier. Its maker writes all but ROUND, once. */
export const BARRIER = {
  PARTIES: 2,
  /** Guards ROUND: who reads it must count the round before somebody replaces it. */
  MUTEX: 3,
  ROUND: 4,
  /** The action and the references of its modules, as message blocks; 0 without an action. */
  ACTION: 5,
  MODULES: 6,
  /** Milliseconds (f64, two words): what a wait without a timeout of its own waits at most. */
  TIMEOUT: 8,
  SPOT: 10,
  WORDS: 14,
} as const;

/** One generation of a barrier; those who wait in it hold it. See sync/barrier.ts for the states. */
export const ROUND = {
  STATE: 2,
  /** The next index that a party gets when it goes on; atomically. */
  NEXT_INDEX: 3,
  /** The barrier. Who waits in the round holds that too. */
  BARRIER: 4,
  WORDS: 5,
} as const;

/** A readers-writer lock; all but WRITER and the spots is read and written under MUTEX. See sync/rwlock.ts. */
export const RWLOCK = {
  /** The writer's ident, 0 nobody, -1 nobody and the last one died; written under MUTEX, read by anybody. */
  WRITER: 2,
  MUTEX: 3,
  /** How many readers may still go in before a writer does. */
  TURN: 4,
  /** The ident of a writer that has waited too long, 0 for none. */
  STARVING: 5,
  /** When the lock was last given back while asynchronous waiters stood there: milliseconds, modulo 2^32. */
  FREE_SINCE: 6,
  /** How many threads read, and the table of them (0 before the first). */
  READING: 7,
  TABLE: 8,
  READ_SPOT: 9,
  WRITE_SPOT: 13,
  WORDS: 17,
} as const;

/** The table of a lock's readers: an ident and a number of reads for each thread that reads, without gaps. */
export const READERS = { CAPACITY: 2, ENTRIES: 3, FIRST_CAPACITY: 6 } as const;
export const READER = { IDENT: 0, READS: 1, WORDS: 2 } as const;

/** A condition and the records of those who wait for it; everything guarded by the condition's lock. */
export const CONDITION = { LOCK: 2, HEAD: 3, TAIL: 4, COUNT: 5, WORDS: 6 } as const;
export const WAITER = {
  /** See sync/condition.ts; the notifier writes it, under the lock. */
  STATE: 2,
  OWNER: 3,
  NEXT: 4,
  SPOT: 5,
  CONDITION: 9,
  WORDS: 10,
} as const;

/**
 * A queue: four cache lines (its size class is a multiple of 64 bytes), so that producers and consumers write to
 * different ones.
 */
export const QUEUE = {
  /** 0 unbounded; anybody. */
  MAX_SIZE: 2,
  /** 1 once shut down; under PUT_MUTEX. */
  SHUT_DOWN: 3,
  /** The ring, stack or ranking in use; replaced under all mutexes of its kind of queue. */
  ITEMS: 4,
  /** How many items are done (`taskDone`, or drained by a shutdown); atomically. */
  DONE_COUNT: 5,
  /** Woken when all are done. */
  JOIN_SPOT: 6,

  PUT_MUTEX: 16,
  /** Items ever put, modulo 2^32; stored under PUT_MUTEX: publishes the item. */
  PUT_COUNT: 17,
  /** What producers last saw of GET_COUNT and of the ring's HEAD; under PUT_MUTEX. */
  SEEN_GET_COUNT: 18,
  SEEN_HEAD: 19,
  /** In a PriorityQueue: the number of the next item put, an f64; under PUT_MUTEX. */
  NEXT_NUMBER: 20,
  /** How many of the consumers that slept when the ring was last empty no item has been put for; under PUT_MUTEX. */
  TO_WAKE: 22,
  /** When a sleeping consumer was last called for an item, in milliseconds since the epoch, an f64. */
  CALLED_AT: 24,

  GET_MUTEX: 32,
  /** Items ever taken, modulo 2^32; stored under GET_MUTEX: gives their room back. */
  GET_COUNT: 33,
  /** What consumers last saw of PUT_COUNT; under GET_MUTEX. */
  SEEN_PUT_COUNT: 34,
  /** What the taking of an item is about to make of HEAD and GET_COUNT; under GET_MUTEX, for who finds the taker dead. */
  NEXT_HEAD: 35,
  NEXT_GET_COUNT: 36,
  /** How many consumers look on awake before they sleep: nobody need be woken for as many items. */
  LOOKING: 37,

  /** Consumers park here. */
  NOT_EMPTY: 48,
  /** Producers park here. */
  NOT_FULL: 52,
  WORDS: 64,
} as const;

/**
 * A ring of records: a header word (RECORD), its payload, padded to 8 bytes, in one piece. Positions count words and
 * only grow (modulo 2^32); the place is the position modulo CAPACITY.
 */
export const RING = {
  /** Words of data, a power of two. */
  CAPACITY: 2,
  /** Behind the last record; producers, under PUT_MUTEX; read under it. */
  TAIL: 16,
  /** The first record; consumers, under GET_MUTEX. */
  HEAD: 32,
  DATA: 48,
  FIRST_CAPACITY: 64,
} as const;

/** Types of a ring's records, in the low 3 bits of the header word; for STREAM the bytes stand above. */
export const RECORD = {
  /** Nothing up to the end of the ring. */
  SKIP: 0,
  /** An integer in the next word. */
  INTEGER: 1,
  /** A double in the next but one. */
  DOUBLE: 2,
  /** A codec stream. */
  STREAM: 3,
  /** The address of a message block in the next word. */
  MESSAGE: 4,
} as const;

/** Items of a LifoQueue: slots, the oldest item in the first. How many there are, the queue's counts say. */
export const STACK = { CAPACITY: 2, SLOTS: 4, FIRST_CAPACITY: 16 } as const;
export const SLOT = {
  /** A RECORD type: INTEGER, DOUBLE or MESSAGE; 0 while the slot is free. */
  TYPE: 0,
  /** The integer, or the message's address. */
  VALUE: 1,
  /** The double, an f64. */
  DOUBLE: 2,
  WORDS: 4,
} as const;

/**
 * Items of a PriorityQueue: a heap-ordered array of the slots' numbers, then the slots. The array is a permutation: the
 * numbers behind the last item's are those of the free slots.
 */
export const RANKING = { CAPACITY: 2, ORDER: 4, FIRST_CAPACITY: 16 } as const;
export const RANKED_SLOT = {
  TYPE: 0,
  VALUE: 1,
  DOUBLE: 2,
  /** Lowest first, an f64. */
  PRIORITY: 4,
  /** Among equals: the lowest first, an f64 that only grows. */
  NUMBER: 6,
  WORDS: 8,
} as const;
