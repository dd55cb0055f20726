/**
 * The queue's memory: a ring of variable-length records that grows.
 *
 * One mutex for producers and one for consumers (after Michael and Scott's two-lock queue): the two sides meet only in
 * the counts that publish, and each keeps what it last saw of the other's, so that a side reads the other's cache line
 * only when it seems to be out of items or of room. Numbers stand in the ring itself, small values as codec streams,
 * all else as the address of a message block.
 *
 * Who may write what: [HEAD, TAIL) belongs to consumers, the rest to producers. A thread that dies in here leaves its
 * mutex to the next. After a producer, that one counts the records between HEAD and TAIL and so finds PUT_COUNT again;
 * half-written records lie behind TAIL and never were. A consumer writes down first what HEAD and GET_COUNT are going to
 * be: if HEAD is there, GET_COUNT is too, or is made so. (Tempting and wrong: to count the records here as well. That
 * takes PUT_MUTEX, which comes before GET_MUTEX, and while the latter is free in between another consumer goes by the
 * wrong count.)
 */
import {
  copyOut,
  discard,
  done,
  type Encoder,
  type Heap,
  KIND,
  loadValue,
  lockMutex,
  pack,
  QUEUE,
  RECORD,
  RING,
  store,
  unlockMutex,
  unpack,
} from '../memory/index.ts';

/** A stream longer than this goes into a block of its own, as does one with references. */
const INLINE_BYTES = 1024;

export const NOTHING: unique symbol = Symbol('nothing');

/** An encoded item, ready to be placed. */
export type Item = number | Encoder;

/** Encodes what isn't a number; place it, or `drop` it. */
export function prepare(value: unknown): Item {
  return typeof value === 'number' ? value : pack(value);
}

export function drop(item: Item): void {
  if (typeof item !== 'number') discard(item);
}

export function createRing(heap: Heap, capacity: number): number {
  const ring = heap.allocate(KIND.RING, RING.DATA - 2 + capacity, 'a queue');
  heap.i32[ring + RING.CAPACITY] = capacity;
  heap.i32[ring + RING.TAIL] = 0;
  heap.i32[ring + RING.HEAD] = 0;
  return ring;
}

export type Placed = 'placed' | 'full' | 'shut down';

/** Puts an item in, and gives its encoder back, if there is room for one more. */
export function place(heap: Heap, at: number, item: Item): Placed {
  const { i32 } = heap;
  if (lockMutex(heap, at + QUEUE.PUT_MUTEX)) repairFromPut(heap, at);
  try {
    if (i32[at + QUEUE.SHUT_DOWN] !== 0) return 'shut down';
    const count = i32[at + QUEUE.PUT_COUNT];
    const max = heap.load(at + QUEUE.MAX_SIZE);
    if (max > 0 && ((count - i32[at + QUEUE.SEEN_GET_COUNT]) | 0) >= max) {
      const seen = heap.load(at + QUEUE.GET_COUNT);
      i32[at + QUEUE.SEEN_GET_COUNT] = seen;
      if (((count - seen) | 0) >= max) return 'full';
    }
    if (typeof item === 'number') {
      if ((item | 0) === item && (item !== 0 || 1 / item > 0)) {
        const [ring, index] = room(heap, at, 2);
        i32[index] = RECORD.INTEGER;
        i32[index + 1] = item;
        advance(heap, at, ring, 2);
      } else {
        const [ring, index] = room(heap, at, 4);
        i32[index] = RECORD.DOUBLE;
        heap.f64[(index + 2) >> 1] = item;
        advance(heap, at, ring, 4);
      }
    } else if (item.refs.length === 0 && item.length <= INLINE_BYTES && item.functions.length === 0) {
      const words = (1 + ((item.length + 3) >> 2) + 1) & ~1;
      const [ring, index] = room(heap, at, words);
      i32[index] = RECORD.STREAM | (item.length << 3);
      copyOut(heap, item, index + 1);
      advance(heap, at, ring, words);
      done(item);
    } else {
      // Room first: once the block is made it must be placed.
      const [ring, index] = room(heap, at, 2);
      i32[index + 1] = store(heap, item);
      i32[index] = RECORD.MESSAGE;
      advance(heap, at, ring, 2);
    }
    return 'placed';
  } finally {
    unlockMutex(heap, at + QUEUE.PUT_MUTEX);
  }
}

/** Takes the first item out, or `NOTHING`. */
export function take(heap: Heap, at: number): unknown {
  const { i32 } = heap;
  lockGetMutex(heap, at);
  let message: number;
  try {
    const count = i32[at + QUEUE.GET_COUNT];
    if (count === i32[at + QUEUE.SEEN_PUT_COUNT]) {
      const seen = heap.load(at + QUEUE.PUT_COUNT);
      i32[at + QUEUE.SEEN_PUT_COUNT] = seen;
      if (count === seen) return NOTHING;
    }
    const ring = i32[at + QUEUE.RING];
    const mask = i32[ring + RING.CAPACITY] - 1;
    let head = i32[ring + RING.HEAD];
    if (i32[ring + RING.DATA + (head & mask)] === RECORD.SKIP) head = (head | mask) + 1;
    const index = ring + RING.DATA + (head & mask);
    const header = i32[index];
    switch (header & 7) {
      case RECORD.INTEGER: {
        const value = i32[index + 1];
        leave(heap, at, ring, head + 2, count + 1);
        return value;
      }
      case RECORD.DOUBLE: {
        const value = heap.f64[(index + 2) >> 1];
        leave(heap, at, ring, head + 4, count + 1);
        return value;
      }
      case RECORD.STREAM: {
        const value = unpack(heap, index + 1, 0);
        leave(heap, at, ring, head + sizeOf(header), count + 1);
        return value;
      }
      default:
        message = i32[index + 1];
        leave(heap, at, ring, head + 2, count + 1);
    }
  } finally {
    unlockMutex(heap, at + QUEUE.GET_MUTEX);
  }
  // Outside: decoding may import the user's modules.
  try {
    return loadValue(heap, message);
  } finally {
    heap.release(message);
  }
}

/**
 * Lets nothing more in. Under the producers' mutex: one that is past its look at SHUT_DOWN would otherwise put an item in
 * after the last consumer has found the queue empty and gone.
 */
export function close(heap: Heap, at: number): void {
  if (lockMutex(heap, at + QUEUE.PUT_MUTEX)) repairFromPut(heap, at);
  heap.store(at + QUEUE.SHUT_DOWN, 1);
  unlockMutex(heap, at + QUEUE.PUT_MUTEX);
}

/** Throws all items away without decoding them; returns how many. */
export function drain(heap: Heap, at: number): number {
  if (lockMutex(heap, at + QUEUE.PUT_MUTEX)) repairFromPut(heap, at);
  lockGetMutex(heap, at);
  const ring = heap.i32[at + QUEUE.RING];
  const items = releaseItems(heap, ring);
  // Or the next consumer would take what it last saw for more than there is, and read what lies behind the tail.
  heap.i32[at + QUEUE.SEEN_PUT_COUNT] = heap.i32[at + QUEUE.PUT_COUNT];
  leave(heap, at, ring, heap.i32[ring + RING.TAIL], heap.i32[at + QUEUE.PUT_COUNT]);
  unlockMutex(heap, at + QUEUE.GET_MUTEX);
  unlockMutex(heap, at + QUEUE.PUT_MUTEX);
  return items;
}

/** Drops the counts that the items of a ring hold; returns how many there are. */
export function releaseItems(heap: Heap, ring: number): number {
  let items = 0;
  for (const index of records(heap, ring)) {
    items++;
    if ((heap.i32[index] & 7) === RECORD.MESSAGE) heap.release(heap.i32[index + 1]);
  }
  return items;
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

const found: [ring: number, index: number] = [0, 0];

/** The ring, grown if need be, and where in the heap a record of so many words goes. Under PUT_MUTEX. */
function room(heap: Heap, at: number, words: number): [ring: number, index: number] {
  const { i32 } = heap;
  let ring = i32[at + QUEUE.RING];
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
    found[0] = ring;
    found[1] = ring + RING.DATA + (skipped > 0 ? 0 : offset);
    return found;
  }
}

/** Makes what stands behind the ring's tail its last record. */
function advance(heap: Heap, at: number, ring: number, words: number): void {
  heap.store(ring + RING.TAIL, heap.i32[ring + RING.TAIL] + words);
  heap.store(at + QUEUE.PUT_COUNT, heap.i32[at + QUEUE.PUT_COUNT] + 1);
}

/** Gives up the records before `head`. The order is what `lockGetMutex` relies on. */
function leave(heap: Heap, at: number, ring: number, head: number, count: number): void {
  heap.i32[at + QUEUE.NEXT_HEAD] = head;
  heap.i32[at + QUEUE.NEXT_GET_COUNT] = count;
  heap.store(ring + RING.HEAD, head);
  heap.store(at + QUEUE.GET_COUNT, count);
}

/** Ends what a consumer that died in here had begun. */
function lockGetMutex(heap: Heap, at: number): void {
  if (!lockMutex(heap, at + QUEUE.GET_MUTEX)) return;
  const { i32 } = heap;
  const done = i32[i32[at + QUEUE.RING] + RING.HEAD] === i32[at + QUEUE.NEXT_HEAD];
  if (done) heap.store(at + QUEUE.GET_COUNT, i32[at + QUEUE.NEXT_GET_COUNT]);
  else i32[at + QUEUE.NEXT_GET_COUNT] = i32[at + QUEUE.GET_COUNT];
}

/** A ring of at least twice the size with the same records. Under PUT_MUTEX; takes the consumers' for the while. */
function grow(heap: Heap, at: number, old: number, words: number): number {
  const { i32 } = heap;
  let capacity = i32[old + RING.CAPACITY] * 2;
  while (capacity < words * 2) capacity *= 2;
  const ring = createRing(heap, capacity);
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
    heap.store(at + QUEUE.RING, ring);
  } finally {
    unlockMutex(heap, at + QUEUE.GET_MUTEX);
  }
  heap.release(old);
  return ring;
}

/** After a death under PUT_MUTEX, which the caller holds now. The order is always put, then get. */
function repairFromPut(heap: Heap, at: number): void {
  lockGetMutex(heap, at);
  recount(heap, at);
  unlockMutex(heap, at + QUEUE.GET_MUTEX);
}

/** The records between HEAD and TAIL are what is in; the counts may be one off. */
function recount(heap: Heap, at: number): void {
  const { i32 } = heap;
  const ring = i32[at + QUEUE.RING];
  let items = 0;
  for (const _ of records(heap, ring)) items++;
  heap.store(at + QUEUE.PUT_COUNT, i32[at + QUEUE.GET_COUNT] + items);
  i32[at + QUEUE.SEEN_PUT_COUNT] = i32[at + QUEUE.PUT_COUNT];
  i32[at + QUEUE.SEEN_GET_COUNT] = i32[at + QUEUE.GET_COUNT];
  i32[at + QUEUE.SEEN_HEAD] = i32[ring + RING.HEAD];
}
