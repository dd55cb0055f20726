/**
 * Who waits for what, read from the isolate table: the raw view, in addresses and idents.
 *
 * Everything here is written by others while it is read. A blocking wait is the same wait as long as its sequence number
 * is; a thread that has PARKED.ASLEEP has not looked at what it waits for since, so it can't have got it. The order is
 * what makes a snapshot true: first who holds what is read, *then* that they all still sleep. Tempting and wrong: the
 * other way round. A thread that has just been given its lock, and not left its wait yet, would seem to wait for itself.
 */
import type { Heap } from './heap.ts';
import {
  ASYNC_WAITS,
  BLOCK,
  CONDITION,
  DEFINITION,
  HOLDINGS,
  ISOLATE,
  ISOLATE_STATE,
  KIND,
  type Kind,
  MAX_ISOLATES,
  MESSAGE,
  PAGE_WORDS,
  PARKED,
  STRUCT,
  WAITER,
} from './layout.ts';
import { ownerOf } from './mutex.ts';

/** The ident of the thread that must act before a waiter at this record can go on; 0 when there is no single one. */
export type Holder = (heap: Heap, address: number) => number;

const holders: (Holder | undefined)[] = [];

/** Says who holds a record of one kind: for reports of waits and deadlocks. */
export function defineHolder(kind: Kind, holder: Holder): void {
  holders[kind] = holder;
}

/** Whom a waiter at this record waits for, 0 when nobody knows. */
export function holderOf(heap: Heap, address: number): number {
  return address === 0 ? 0 : (holders[heap.kind(address)]?.(heap, address) ?? 0);
}

/** A thread that blocks. */
export type BlockingWait = {
  descriptor: number;
  ident: number;
  /** The thread's record, 0 in an isolate without one. */
  record: number;
  object: number;
  /** The mutex in the object that it waits for, which only its holder can give; 0 when it is a spot. */
  mutex: number;
  sequence: number;
  flags: number;
  /** Milliseconds since the epoch. */
  since: number;
  holder: number;
};

/** The descriptors of all isolates that use the heap now. */
export function* liveIsolates(heap: Heap): Generator<number> {
  for (let slot = 0; slot < MAX_ISOLATES; slot++) {
    const descriptor = heap.isolates + slot * ISOLATE.WORDS;
    if (heap.load(descriptor + ISOLATE.STATE) === ISOLATE_STATE.LIVE) yield descriptor;
  }
}

/** Every thread that blocks now; those that were about to go on while this looked are left out. */
export function blockingWaits(heap: Heap): BlockingWait[] {
  const { i32 } = heap;
  const found: BlockingWait[] = [];
  for (const descriptor of liveIsolates(heap)) {
    const mutex = wantedMutex(heap, descriptor);
    if (mutex === 0 && heap.load(descriptor + ISOLATE.PARKED_SPOT) === 0) continue;
    const object = i32[descriptor + ISOLATE.PARKED_OBJECT];
    found.push({
      descriptor,
      object,
      mutex,
      ident: heap.load(descriptor + ISOLATE.IDENT),
      record: heap.load(descriptor + ISOLATE.THREAD),
      sequence: heap.load(descriptor + ISOLATE.PARKED_SEQUENCE),
      flags: i32[descriptor + ISOLATE.PARKED_FLAGS],
      since: heap.f64[(descriptor + ISOLATE.PARKED_SINCE) >> 1],
      holder: holderFor(heap, { object, mutex }),
    });
  }
  return found.filter((wait) => stillWaits(heap, wait));
}

/** Whom a thread that blocks waits for now. */
export function holderFor(heap: Heap, { object, mutex }: Pick<BlockingWait, 'object' | 'mutex'>): number {
  return mutex === 0 ? holderOf(heap, object) : ownerOf(heap, mutex);
}

/** The mutex that an isolate waits for; in the middle of a wait at a spot it is that one that counts. */
function wantedMutex(heap: Heap, descriptor: number): number {
  return heap.load(descriptor + ISOLATE.PARKED_SPOT) === 0 ? heap.load(descriptor + ISOLATE.WANTED_MUTEX) : 0;
}

/** Whether this very wait goes on, and its thread has not got what it waits for. */
export function stillWaits(heap: Heap, { descriptor, ident, sequence, object, mutex }: BlockingWait): boolean {
  return (
    (heap.load(descriptor + ISOLATE.PARKED_FLAGS) & PARKED.ASLEEP) !== 0 &&
    heap.load(descriptor + ISOLATE.PARKED_SEQUENCE) === sequence &&
    (mutex === 0 ? heap.load(descriptor + ISOLATE.PARKED_SPOT) !== 0 : wantedMutex(heap, descriptor) === mutex) &&
    heap.i32[descriptor + ISOLATE.PARKED_OBJECT] === object &&
    heap.load(descriptor + ISOLATE.IDENT) === ident &&
    heap.load(descriptor + ISOLATE.STATE) === ISOLATE_STATE.LIVE
  );
}

/** What an isolate's event loop waits for at one spot. */
export type AsyncWait = {
  descriptor: number;
  ident: number;
  record: number;
  spot: number;
  /** The record that the spot is in, 0 when the isolate doesn't hold it. */
  object: number;
  /** How many of its tasks. */
  count: number;
  /** When the first of them began, in milliseconds since the epoch. */
  since: number;
};

/** No chain is longer; one that seems to be is being taken apart by the reaper. */
const MOST_CHUNKS = 2 ** 16;

export function asyncWaits(heap: Heap): AsyncWait[] {
  const { i32 } = heap;
  const found: AsyncWait[] = [];
  for (const descriptor of liveIsolates(heap)) {
    const own: AsyncWait[] = [];
    let chunk = heap.load(descriptor + ISOLATE.ASYNC_WAITS);
    for (let left = MOST_CHUNKS; chunk !== 0 && left > 0; left--, chunk = i32[chunk + ASYNC_WAITS.NEXT]) {
      for (let index = 0; index < ASYNC_WAITS.PER_CHUNK; index++) {
        const entry = chunk + ASYNC_WAITS.ENTRIES + index * ASYNC_WAITS.ENTRY_WORDS;
        const spot = i32[entry + ASYNC_WAITS.SPOT];
        const count = i32[entry + ASYNC_WAITS.COUNT];
        if (spot === 0 || count <= 0) continue;
        const since = heap.f64[(entry + ASYNC_WAITS.SINCE) >> 1];
        own.push({ descriptor, ident: 0, record: 0, spot, object: 0, count, since });
      }
    }
    if (own.length === 0) continue;
    nameObjects(heap, own, descriptor);
    const ident = heap.load(descriptor + ISOLATE.IDENT);
    const record = heap.load(descriptor + ISOLATE.THREAD);
    for (const wait of own) found.push(Object.assign(wait, { ident, record }));
  }
  return found;
}

/** A spot is a few words behind the start of its record. */
const FARTHEST_SPOT = 256;

/** Finds the records that spots are in: who waits at one holds it. */
function nameObjects(heap: Heap, waits: AsyncWait[], descriptor: number): void {
  for (const address of holdings(heap, descriptor)) {
    for (const wait of waits) {
      if (address < wait.spot && address > wait.object && wait.spot - address < FARTHEST_SPOT) wait.object = address;
    }
  }
  for (const wait of waits) {
    if (wait.object !== 0 && heap.kind(wait.object) === KIND.WAITER) {
      wait.object = heap.i32[wait.object + WAITER.CONDITION];
    }
  }
}

function* holdings(heap: Heap, descriptor: number): Generator<number> {
  let chunk = heap.load(descriptor + ISOLATE.HOLDINGS);
  for (let left = MOST_CHUNKS; chunk !== 0 && left > 0; left--, chunk = heap.i32[chunk + HOLDINGS.NEXT]) {
    for (let entry = 0; entry < HOLDINGS.PER_CHUNK; entry++) {
      const address = heap.i32[chunk + HOLDINGS.ENTRIES + entry];
      if (address !== 0) yield address;
    }
  }
}

/**
 * Takes a count of a record that may be gone at any moment; false when it is. Only of small ones, whose place stays a
 * block's for as long as the heap lives: at worst it is another record by now, which the caller tells by looking again.
 * A large one's pages may be anything by now.
 */
export function tryRetain(heap: Heap, address: number): boolean {
  if (address <= 0 || heap.i32[heap.pages.table + Math.trunc(address / PAGE_WORDS)] >= 0) return false;
  const word = address + BLOCK.COUNT;
  for (;;) {
    const count = heap.load(word);
    if (count <= 0) return false;
    if (heap.cas(word, count, count + 1) === count) return true;
  }
}

/**
 * Whether nobody but these isolates can reach a record: all its counts are in their holdings, or in records that nobody
 * but they can reach. What can't be followed (items in queues, arguments under way) counts as reachable by others.
 */
export class Reach {
  readonly #heap: Heap;
  /** How often each record stands in the holdings of the isolates. */
  readonly #held = new Map<number, number>();
  /** Which records hold a record, once for each time they do. */
  readonly #inside = new Map<number, number[]>();

  constructor(heap: Heap, descriptors: Iterable<number>) {
    this.#heap = heap;
    for (const descriptor of descriptors) {
      for (const address of holdings(heap, descriptor)) {
        this.#held.set(address, (this.#held.get(address) ?? 0) + 1);
      }
    }
    const expanded = new Set<number>();
    const open = [...this.#held.keys()];
    for (let address = open.pop(); address !== undefined; address = open.pop()) {
      if (expanded.has(address)) continue;
      expanded.add(address);
      // What stands in an exchangeable field may be dropped by others meanwhile.
      if (!tryRetain(heap, address)) continue;
      for (const content of contentsOf(heap, address)) {
        const around = this.#inside.get(content);
        if (around) around.push(address);
        else this.#inside.set(content, [address]);
        open.push(content);
      }
      heap.release(address);
    }
  }

  /** Whether only they can reach it. */
  only(address: number, above: ReadonlySet<number> = new Set()): boolean {
    // In a circle of records: what is asked for above can't be the reason here.
    if (above.has(address)) return false;
    const path = new Set(above).add(address);
    let known = this.#held.get(address) ?? 0;
    for (const around of this.#inside.get(address) ?? []) if (this.only(around, path)) known++;
    return known >= this.#heap.load(address + BLOCK.COUNT);
  }
}

/** The records that a record holds, as far as this floor can tell. */
function contentsOf(heap: Heap, address: number): number[] {
  const { i32 } = heap;
  switch (heap.kind(address)) {
    case KIND.CONDITION:
      return [i32[address + CONDITION.LOCK]];
    case KIND.STRUCT:
    case KIND.VALUE: {
      const definition = i32[address + STRUCT.TYPE];
      const count = i32[definition + DEFINITION.HANDLES];
      const words = Array.from({ length: count }, (_, index) => i32[definition + DEFINITION.FIRST_HANDLE + index]);
      return words.map((word) => i32[address + word]).filter((content) => content !== 0);
    }
    case KIND.MESSAGE: {
      const refs = address + MESSAGE.STREAM + ((i32[address + MESSAGE.BYTES] + 3) >> 2);
      return Array.from({ length: i32[address + MESSAGE.REFS] }, (_, index) => i32[refs + index]);
    }
    default:
      return [];
  }
}
