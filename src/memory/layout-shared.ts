/**
 * The part of the table of shared records (layout.ts, which exports it) that belongs to src/shared: structs, arrays, maps
 * and lists. Offsets are in words from the record's address.
 */

/**
 * What the records of a shared class look like. There is one for each different definition, for as long as the heap
 * lives, so that equal definitions have equal addresses. Written before it is published in the list.
 */
export const DEFINITION = {
  NEXT: 2,
  /** The definition in canonical JSON, UTF-8. */
  BYTES: 3,
  /** How many fields of a record hold an address; the words of those fields, counted from the record, follow. */
  HANDLES: 4,
  /** Where the text starts, counted from the definition: after the handles. */
  TEXT: 5,
  FIRST_HANDLE: 6,
} as const;

/** An instance of a shared class, or a Value: its fields stand where its definition says. */
export const STRUCT = {
  /** The address of its definition; its maker, once. */
  TYPE: 2,
  /** Guards texts and exchangeable addresses: a reader must not count what a writer frees. */
  MUTEX: 3,
  FIELDS: 4,
} as const;

/** A SharedArray: numbers of one type, 8-byte aligned. */
export const ARRAY = {
  /** Which scalar, as SCALARS counts them; its maker, once, as LENGTH. */
  TYPE: 2,
  /** Elements. */
  LENGTH: 3,
  DATA: 4,
} as const;

/** An Atomic: one number or flag, 8-byte aligned. */
export const ATOMIC = { /** Which scalar, as SCALARS counts them. */ TYPE: 2, VALUE: 4, WORDS: 6 } as const;

/** A SharedMap: stripes, each a hash table of its own on a cache line of its own. See shared/stripe.ts. */
export const MAP = { STRIPES: 16, WORDS: 272 } as const;
export const STRIPES_OF_A_MAP = 16;
export const STRIPE = {
  MUTEX: 0,
  /** Counts up whenever something that a reader may be looking at is about to be freed; under MUTEX. */
  SEQUENCE: 1,
  /** The table's address, 0 before the first entry; under MUTEX. */
  TABLE: 2,
  /** Live entries, and slots of the table that are not empty (entries and graves); under MUTEX. */
  COUNT: 3,
  USED: 4,
  /** 1 while the stripe is being changed: who finds it so has come after a death; under MUTEX. */
  BUSY: 5,
  WORDS: 16,
} as const;
/** Open addressing. */
export const MAP_TABLE = {
  /** Slots less one; their number is a power of two. */
  MASK: 2,
  SLOTS: 4,
  FIRST_CAPACITY: 8,
} as const;
/** An entry's address (0 empty, GRAVE removed) and its key's hash. */
export const MAP_SLOT = { ADDRESS: 0, HASH: 1, WORDS: 2 } as const;
export const GRAVE = -1;
/** A key and its value; never changed once it is published. */
export const MAP_ENTRY = {
  /** The key's type, and above it the value's; see shared/key.ts and shared/entry.ts. */
  SHAPE: 2,
  /** Characters of a key that is a text. */
  KEY_LENGTH: 3,
  /** Bytes of the value's stream, and how many addresses it holds. */
  BYTES: 4,
  REFS: 5,
  /** The key's words, the value's words, the addresses. */
  KEY: 6,
} as const;
/** What an iteration holds of a stripe: addresses of entries, 0 for none. */
export const MAP_PORTION = { COUNT: 2, ENTRIES: 4 } as const;

/** A SharedList: chunks of 16, 32, 64 … slots. See shared/chunks.ts. */
export const LIST = {
  MUTEX: 2,
  /** Odd while a slot is being overwritten; counts up whenever something that a reader may look at is freed. */
  SEQUENCE: 3,
  LENGTH: 4,
  /** Addresses of the chunks, 0 where there is none; under MUTEX. */
  CHUNKS: 8,
  WORDS: 32,
} as const;
export const CHUNKS_OF_A_LIST = 24;
export const LIST_CHUNK = { SLOTS: 2, FIRST_CAPACITY: 16 } as const;
/** A number's 64 bits, or a mark in HIGH that no number has, and what it is about in LOW. */
export const LIST_SLOT = { LOW: 0, HIGH: 1, WORDS: 2 } as const;
