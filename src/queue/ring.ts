/**
 * The memory of a FIFO queue: a ring of variable-length records that grows.
 *
 * One mutex for producers and one for consumers (after Michael and Scott's two-lock queue): the two sides meet only in
 * the words that publish, and each keeps what it last saw of the other's, so that a side reads the other's cache line
 * only when it seems to be out of items or of room. Numbers stand in the ring itself, small values as codec streams,
 * all else as the address of a message block.
 *
 * Who may write what: [HEAD, TAIL) belongs to consumers, the rest to producers. PUT_COUNT publishes records, HEAD gives
 * their room back; TAIL and GET_COUNT are plain, and come before and after. A thread that dies in here leaves its mutex
 * to the next. After a producer, that one counts the records between HEAD and TAIL and so finds PUT_COUNT again;
 * half-written records lie behind TAIL and never were. A consumer writes down first what HEAD and GET_COUNT are going to
 * be: if HEAD is there, GET_COUNT is too, or is made so. (Tempting and wrong: to count the records here as well. That
 * takes PUT_MUTEX, which comes before GET_MUTEX, and while the latter is free in between another consumer goes by the
 * wrong count.)
 */
import {
  blockedAt,
  copyOut,
  done,
  type Encoder,
  type Heap,
  KIND,
  letGo,
  lockMutex,
  note,
  now,
  QUEUE,
  RECORD,
  RING,
  unlockMutex,
  unpack,
  vacate,
  wake,
} from '../memory/index.ts';
import { type Item, isInteger, NOTHING, open, Parcel, prepare } from './item.ts';
import { FULL, SHUT, type Store, wakeAll } from './store.ts';

/** So many items at most under one lock: others wait. */
const MOST_AT_ONCE = 256;

/** One put in so many wakes a consumer that sleeps, whatever the counts say. */
const SPARE = 64;

export const ring: Store = {
  kind: KIND.QUEUE,

  create(heap, at) {
    heap.i32[at + QUEUE.ITEMS] = createRing(heap, RING.FIRST_CAPACITY);
  },

  prepare,

  place(heap, at, item) {
    let sleepers: number;
    lockPutMutex(heap, at);
    try {
      if (heap.i32[at + QUEUE.SHUT_DOWN] !== 0) return SHUT;
      const count = heap.i32[at + QUEUE.PUT_COUNT];
      if (isFull(heap, at, count)) return FULL;
      append(heap, at, item);
      heap.store(at + QUEUE.PUT_COUNT, count + 1);
      sleepers = sleepersFor(heap, at, count, 1);
    } finally {
      unlockMutex(heap, at + QUEUE.PUT_MUTEX);
    }
    call(heap, at, sleepers);
    return 1;
  },

  placeMany(heap, at, items, from) {
    lockPutMutex(heap, at);
    const first = heap.i32[at + QUEUE.PUT_COUNT];
    let count = first;
    let sleepers = 0;
    try {
      if (heap.i32[at + QUEUE.SHUT_DOWN] !== 0) return SHUT;
      const most = Math.min(items.length - from, MOST_AT_ONCE);
      try {
        for (let index = 0; index < most && !isFull(heap, at, count); index++) {
          append(heap, at, items[from + index]);
          count = (count + 1) | 0;
        }
      } catch (error) {
        // The heap is exhausted: what is in belongs to the queue. The next call fails at once.
        if (count === first) throw error;
      }
    } finally {
      if (count !== first) {
        heap.store(at + QUEUE.PUT_COUNT, count);
        sleepers = sleepersFor(heap, at, first, (count - first) | 0);
      }
      unlockMutex(heap, at + QUEUE.PUT_MUTEX);
    }
    call(heap, at, sleepers);
    return (count - first) | 0;
  },

  take(heap, at) {
    lockGetMutex(heap, at);
    let message: number;
    let entry: number;
    try {
      const { i32 } = heap;
      const count = i32[at + QUEUE.GET_COUNT];
      if (isEmpty(heap, at, count)) return NOTHING;
      const items = i32[at + QUEUE.ITEMS];
      const head = firstRecord(heap, items);
      const index = items + RING.DATA + (head & (i32[items + RING.CAPACITY] - 1));
      const header = i32[index];
      if ((header & 7) !== RECORD.MESSAGE) {
        const value = read(heap, index, header);
        leave(heap, at, items, head + sizeOf(header), count + 1);
        return value;
      }
      message = i32[index + 1];
      entry = note(0);
      leaveWith(heap, at, items, head + 2, count + 1, message, entry);
    } finally {
      unlockMutex(heap, at + QUEUE.GET_MUTEX);
    }
    return open(heap, message, entry);
  },

  takeMany(heap, at, most, into) {
    lockGetMutex(heap, at);
    let taken = 0;
    try {
      const { i32 } = heap;
      const first = i32[at + QUEUE.GET_COUNT];
      const items = i32[at + QUEUE.ITEMS];
      const mask = i32[items + RING.CAPACITY] - 1;
      let head = i32[items + RING.HEAD];
      while (taken < most && taken < MOST_AT_ONCE && !isEmpty(heap, at, (first + taken) | 0)) {
        let index = items + RING.DATA + (head & mask);
        if (i32[index] === RECORD.SKIP) {
          head = ((head | mask) + 1) | 0;
          index = items + RING.DATA;
        }
        const header = i32[index];
        // One that changes hands is taken by itself.
        if ((header & 7) === RECORD.MESSAGE) break;
        into.push(read(heap, index, header));
        head = (head + sizeOf(header)) | 0;
        taken++;
      }
      if (taken > 0) leave(heap, at, items, head, first + taken);
    } catch (error) {
      into.length -= taken;
      throw error;
    } finally {
      unlockMutex(heap, at + QUEUE.GET_MUTEX);
    }
    if (taken > 0) return taken;
    const item = ring.take(heap, at);
    if (item === NOTHING) return 0;
    into.push(item);
    return 1;
  },

  close(heap, at, empty) {
    lockPutMutex(heap, at);
    try {
      heap.store(at + QUEUE.SHUT_DOWN, 1);
      return empty ? drain(heap, at) : 0;
    } finally {
      unlockMutex(heap, at + QUEUE.PUT_MUTEX);
    }
  },

  mend(heap, at) {
    lockPutMutex(heap, at);
    lockGetMutex(heap, at);
    unlockMutex(heap, at + QUEUE.GET_MUTEX);
    unlockMutex(heap, at + QUEUE.PUT_MUTEX);
  },
};

function createRing(heap: Heap, capacity: number): number {
  const ring = heap.allocate(KIND.RING, RING.DATA - 2 + capacity, 'a queue');
  heap.i32[ring + RING.CAPACITY] = capacity;
  heap.i32[ring + RING.TAIL] = 0;
  heap.i32[ring + RING.HEAD] = 0;
  return ring;
}

/**
 * How many sleeping consumers to wake, `items` more having been put after the first `count`. Who sleeps has seen the ring
 * empty; so from then on it takes a wake-up for each item, and no more of them than slept: to wake one takes longer than to
 * put an item, and a burst would call for the same one at every item. And none as long as those that look on awake are as
 * many as the items: whoever stops looking is no more counted before it takes one. Under PUT_MUTEX, once PUT_COUNT says so.
 */
function sleepersFor(heap: Heap, at: number, count: number, items: number): number {
  const asleep = blockedAt(heap, at + QUEUE.NOT_EMPTY);
  if (asleep === 0) return 0;
  const { i32 } = heap;
  const before = (count - heap.load(at + QUEUE.GET_COUNT)) | 0;
  // Some of them may be on their way, or gone: then it is a wake-up too many. Those that come have this item to see.
  if (before <= 0) i32[at + QUEUE.TO_WAKE] = asleep;
  if (before + items <= heap.load(at + QUEUE.LOOKING)) return 0;
  const woken = Math.min(items, i32[at + QUEUE.TO_WAKE]);
  i32[at + QUEUE.TO_WAKE] -= woken;
  // Now and then one too many: a producer may have died between putting its item and waking somebody for it.
  return woken === 0 && (count & (SPARE - 1)) + items >= SPARE ? 1 : woken;
}

function call(heap: Heap, at: number, sleepers: number): void {
  if (sleepers > 0) heap.f64[(at + QUEUE.CALLED_AT) >> 1] = now();
  wake(heap, at + QUEUE.NOT_EMPTY, sleepers);
}

/** Whether `count` items ever put are as many as the bound allows. Under PUT_MUTEX. */
function isFull(heap: Heap, at: number, count: number): boolean {
  const { i32 } = heap;
  const max = i32[at + QUEUE.MAX_SIZE];
  if (max === 0 || ((count - i32[at + QUEUE.SEEN_GET_COUNT]) | 0) < max) return false;
  const seen = heap.load(at + QUEUE.GET_COUNT);
  i32[at + QUEUE.SEEN_GET_COUNT] = seen;
  return ((count - seen) | 0) >= heap.load(at + QUEUE.MAX_SIZE);
}

/** Whether no more than `count` items were ever put. Under GET_MUTEX. */
function isEmpty(heap: Heap, at: number, count: number): boolean {
  const { i32 } = heap;
  if (count !== i32[at + QUEUE.SEEN_PUT_COUNT]) return false;
  const seen = heap.load(at + QUEUE.PUT_COUNT);
  i32[at + QUEUE.SEEN_PUT_COUNT] = seen;
  return count === seen;
}

/** Writes an item as the last record. Its encoder is given back, its message the queue's. Under PUT_MUTEX. */
function append(heap: Heap, at: number, item: Item): void {
  const { i32 } = heap;
  if (typeof item === 'number') {
    if (isInteger(item)) {
      const index = room(heap, at, 2);
      i32[index] = RECORD.INTEGER;
      i32[index + 1] = item;
      i32[i32[at + QUEUE.ITEMS] + RING.TAIL] += 2;
    } else {
      const index = room(heap, at, 4);
      i32[index] = RECORD.DOUBLE;
      heap.f64[(index + 2) >> 1] = item;
      i32[i32[at + QUEUE.ITEMS] + RING.TAIL] += 4;
    }
  } else if (item instanceof Parcel) {
    const { message, entry } = item;
    const index = room(heap, at, 2);
    const tail = i32[at + QUEUE.ITEMS] + RING.TAIL;
    i32[index] = RECORD.MESSAGE;
    i32[index + 1] = message;
    // From one hand into the other; see item.ts.
    i32[tail] += 2;
    i32[entry] = 0;
    vacate(entry);
  } else {
    const encoder = item as Encoder;
    const words = (1 + ((encoder.length + 3) >> 2) + 1) & ~1;
    const index = room(heap, at, words);
    i32[index] = RECORD.STREAM | (encoder.length << 3);
    copyOut(heap, encoder, index + 1);
    i32[i32[at + QUEUE.ITEMS] + RING.TAIL] += words;
    done(encoder);
  }
}

/** Where the first record starts. There is one. Under GET_MUTEX. */
function firstRecord(heap: Heap, ring: number): number {
  const { i32 } = heap;
  const mask = i32[ring + RING.CAPACITY] - 1;
  const head = i32[ring + RING.HEAD];
  return i32[ring + RING.DATA + (head & mask)] === RECORD.SKIP ? ((head | mask) + 1) | 0 : head;
}

/** The value of a record that is no message. */
function read(heap: Heap, index: number, header: number): unknown {
  switch (header & 7) {
    case RECORD.INTEGER:
      return heap.i32[index + 1];
    case RECORD.DOUBLE:
      return heap.f64[(index + 2) >> 1];
    default:
      return unpack(heap, index + 1, 0);
  }
}

/** Gives up the records before `head`. The order is what `lockGetMutex` relies on. */
function leave(heap: Heap, at: number, ring: number, head: number, count: number): void {
  heap.i32[at + QUEUE.NEXT_HEAD] = head;
  heap.i32[at + QUEUE.NEXT_GET_COUNT] = count;
  heap.store(ring + RING.HEAD, head);
  heap.i32[at + QUEUE.GET_COUNT] = count;
}

/** The same, and takes the message of the last of them in hand. */
function leaveWith(
  heap: Heap,
  at: number,
  ring: number,
  head: number,
  count: number,
  message: number,
  entry: number,
): void {
  const { i32 } = heap;
  i32[at + QUEUE.NEXT_HEAD] = head;
  i32[at + QUEUE.NEXT_GET_COUNT] = count;
  heap.store(ring + RING.HEAD, head);
  // From one hand into the other; see item.ts.
  i32[entry] = message;
  i32[at + QUEUE.GET_COUNT] = count;
}

/** Throws all items away without decoding them; returns how many. Under PUT_MUTEX. */
function drain(heap: Heap, at: number): number {
  const { i32 } = heap;
  lockGetMutex(heap, at);
  try {
    const entry = note(0);
    const ring = i32[at + QUEUE.ITEMS];
    const last = i32[at + QUEUE.PUT_COUNT];
    const first = i32[at + QUEUE.GET_COUNT];
    // Or a consumer would take what was last seen for more than there is, and read what lies behind the tail.
    i32[at + QUEUE.SEEN_PUT_COUNT] = last;
    for (let count = first; count !== last; ) {
      const head = firstRecord(heap, ring);
      const index = ring + RING.DATA + (head & (i32[ring + RING.CAPACITY] - 1));
      const header = i32[index];
      count = (count + 1) | 0;
      if ((header & 7) === RECORD.MESSAGE) {
        const message = i32[index + 1];
        leaveWith(heap, at, ring, head + 2, count, message, entry);
        i32[entry] = 0;
        heap.release(message);
      } else {
        leave(heap, at, ring, head + sizeOf(header), count);
      }
    }
    vacate(entry);
    return (last - first) | 0;
  } finally {
    unlockMutex(heap, at + QUEUE.GET_MUTEX);
  }
}

/** For the last holder of a queue: drops the counts that the items of its ring hold, and the ring. */
export function destroyRing(heap: Heap, at: number): void {
  const ring = heap.i32[at + QUEUE.ITEMS];
  for (const index of records(heap, ring)) {
    if ((heap.i32[index] & 7) === RECORD.MESSAGE) heap.release(heap.i32[index + 1]);
  }
  heap.release(ring);
}

function* records(heap: Heap, ring: number): Generator<number> {
  const { i32 } = heap;
  const mask = i32[ring + RING.CAPACITY] - 1;
  const tail = i32[ring + RING.TAIL];
  for (let position = i32[ring + RING.HEAD]; position !== tail; ) {
    const index = ring + RING.DATA + (position & mask);
    if (i32[index] === RECORD.SKIP) {
      position = ((position | mask) + 1) | 0;
      continue;
    }
    yield index;
    position = (position + sizeOf(i32[index])) | 0;
  }
}

/** Words of a record, from its header. */
function sizeOf(header: number): number {
  switch (header & 7) {
    case RECORD.DOUBLE:
      return 4;
    case RECORD.STREAM:
      return (1 + (((header >>> 3) + 3) >> 2) + 1) & ~1;
    default:
      return 2;
  }
}

/** Where in the heap a record of so many words goes; the ring may have grown for it. Under PUT_MUTEX. */
function room(heap: Heap, at: number, words: number): number {
  const { i32 } = heap;
  let ring = i32[at + QUEUE.ITEMS];
  for (;;) {
    const capacity = i32[ring + RING.CAPACITY];
    const tail = i32[ring + RING.TAIL];
    const offset = tail & (capacity - 1);
    const skipped = offset + words > capacity ? capacity - offset : 0;
    const needed = skipped + words;
    if (((tail - i32[at + QUEUE.SEEN_HEAD]) | 0) + needed > capacity) {
      const seen = heap.load(ring + RING.HEAD);
      i32[at + QUEUE.SEEN_HEAD] = seen;
      if (((tail - seen) | 0) + needed > capacity) {
        ring = grow(heap, at, ring, words);
        continue;
      }
    }
    if (skipped > 0) {
      i32[ring + RING.DATA + offset] = RECORD.SKIP;
      // Not yet visible: consumers go by the counts.
      i32[ring + RING.TAIL] = (tail + skipped) | 0;
    }
    return ring + RING.DATA + (skipped > 0 ? 0 : offset);
  }
}

/** Ends what a consumer that died in here had begun. */
function lockGetMutex(heap: Heap, at: number): void {
  if (!lockMutex(heap, at + QUEUE.GET_MUTEX)) return;
  const { i32 } = heap;
  const done = i32[i32[at + QUEUE.ITEMS] + RING.HEAD] === i32[at + QUEUE.NEXT_HEAD];
  if (done) heap.store(at + QUEUE.GET_COUNT, i32[at + QUEUE.NEXT_GET_COUNT]);
  else i32[at + QUEUE.NEXT_GET_COUNT] = i32[at + QUEUE.GET_COUNT];
  wakeAll(heap, at);
}

/** A ring of at least twice the size with the same records. Under PUT_MUTEX; takes the consumers' for the while. */
function grow(heap: Heap, at: number, old: number, words: number): number {
  const { i32 } = heap;
  let capacity = i32[old + RING.CAPACITY] * 2;
  while (capacity < words * 2) capacity *= 2;
  const entry = note(0);
  const ring = createRing(heap, capacity);
  i32[entry] = ring;
  lockGetMutex(heap, at);
  try {
    let tail = 0;
    for (const index of records(heap, old)) {
      const size = sizeOf(i32[index]);
      i32.copyWithin(ring + RING.DATA + tail, index, index + size);
      tail += size;
    }
    i32[ring + RING.TAIL] = tail;
    i32[at + QUEUE.SEEN_HEAD] = 0;
    // Before the ring is: HEAD is 0 in it, and must not look like something begun.
    i32[at + QUEUE.NEXT_HEAD] = 0;
    // One word, so whoever comes after a death in here finds the old ring or the new one, each whole.
    heap.store(at + QUEUE.ITEMS, ring);
    i32[entry] = old;
  } finally {
    unlockMutex(heap, at + QUEUE.GET_MUTEX);
  }
  letGo(entry);
  return ring;
}

/** Ends what a producer that died in here had begun. The order is always put, then get. */
function lockPutMutex(heap: Heap, at: number): void {
  if (!lockMutex(heap, at + QUEUE.PUT_MUTEX)) return;
  lockGetMutex(heap, at);
  recount(heap, at);
  unlockMutex(heap, at + QUEUE.GET_MUTEX);
  wakeAll(heap, at);
}

/** The records between HEAD and TAIL are what is in; the counts may be one off. */
function recount(heap: Heap, at: number): void {
  const { i32 } = heap;
  const ring = i32[at + QUEUE.ITEMS];
  let items = 0;
  for (const _ of records(heap, ring)) items++;
  heap.store(at + QUEUE.PUT_COUNT, i32[at + QUEUE.GET_COUNT] + items);
  i32[at + QUEUE.SEEN_PUT_COUNT] = i32[at + QUEUE.PUT_COUNT];
  i32[at + QUEUE.SEEN_GET_COUNT] = i32[at + QUEUE.GET_COUNT];
  i32[at + QUEUE.SEEN_HEAD] = i32[ring + RING.HEAD];
}
