/** The table of who reads a readers-writer lock. Everything here is called under the lock's mutex. */
import { type Heap, KIND, READER, READERS, RWLOCK } from '../memory/index.ts';

/** Where a thread's entry stands, 0 for one that doesn't read. */
export function entryOf(heap: Heap, at: number, ident: number): number {
  const { i32 } = heap;
  const first = i32[at + RWLOCK.TABLE] + READERS.ENTRIES;
  for (let index = i32[at + RWLOCK.READING] - 1; index >= 0; index--) {
    const entry = first + index * READER.WORDS;
    if (i32[entry + READER.IDENT] === ident) return entry;
  }
  return 0;
}

/** One read more of this thread. */
export function enter(heap: Heap, at: number, ident: number): void {
  const { i32 } = heap;
  const known = entryOf(heap, at, ident);
  if (known !== 0) {
    i32[known + READER.READS]++;
    return;
  }
  const table = i32[at + RWLOCK.TABLE];
  if (table === 0 || i32[at + RWLOCK.READING] === i32[table + READERS.CAPACITY]) grow(heap, at);
  const entry = i32[at + RWLOCK.TABLE] + READERS.ENTRIES + i32[at + RWLOCK.READING] * READER.WORDS;
  // The entry before the number that makes it count; no call in between in which the thread could be killed.
  i32[entry + READER.IDENT] = ident;
  i32[entry + READER.READS] = 1;
  i32[at + RWLOCK.READING]++;
}

/** `reads` reads less of a thread, or all of them; how many it had. */
export function leave(heap: Heap, at: number, ident: number, reads: number): number {
  const { i32 } = heap;
  const entry = entryOf(heap, at, ident);
  if (entry === 0) return 0;
  const before = i32[entry + READER.READS];
  if (before > reads) {
    i32[entry + READER.READS] = before - reads;
    return before;
  }
  const last = i32[at + RWLOCK.TABLE] + READERS.ENTRIES + (i32[at + RWLOCK.READING] - 1) * READER.WORDS;
  i32[entry + READER.IDENT] = i32[last + READER.IDENT];
  i32[entry + READER.READS] = i32[last + READER.READS];
  i32[at + RWLOCK.READING]--;
  return before;
}

/** How many reads there are, of all threads. */
export function readsOf(heap: Heap, at: number): number {
  const { i32 } = heap;
  const first = i32[at + RWLOCK.TABLE] + READERS.ENTRIES;
  let reads = 0;
  for (let index = i32[at + RWLOCK.READING] - 1; index >= 0; index--) {
    reads += i32[first + index * READER.WORDS + READER.READS];
  }
  return reads;
}

function grow(heap: Heap, at: number): void {
  const { i32 } = heap;
  const old = i32[at + RWLOCK.TABLE];
  const count = i32[at + RWLOCK.READING];
  const capacity = old === 0 ? READERS.FIRST_CAPACITY : 2 * i32[old + READERS.CAPACITY];
  const table = heap.allocate(KIND.READERS, READERS.ENTRIES - 2 + capacity * READER.WORDS);
  i32[table + READERS.CAPACITY] = capacity;
  if (old !== 0) {
    const from = old + READERS.ENTRIES;
    i32.copyWithin(table + READERS.ENTRIES, from, from + count * READER.WORDS);
  }
  i32[at + RWLOCK.TABLE] = table;
  if (old !== 0) heap.release(old);
}
