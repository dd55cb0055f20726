/**
 * The allocator over one shared memory, and the counts that keep blocks alive.
 *
 * Small blocks (up to 32 KiB) come from spans of one size class. Each isolate keeps free blocks of its own in lists
 * that stand in its descriptor, so that allocating and freeing touch no shared word; a full cache hands a batch to the
 * class's stack, an empty one takes a batch from there. Class stacks are lock-free with a tagged 64-bit head. Larger
 * blocks are runs of whole pages. A thread that dies in here loses at most the one block or page it had just claimed; its
 * caches, and what it was passing on, are passed on by the reaper.
 *
 * A block is alive while its count is positive: every wrapper, queue slot, field and message holds one. What drops the
 * last one runs the kind's destructor, which drops what the block itself holds.
 */

import {
  BLOCK,
  CLASS_COUNT,
  FREE_BLOCK,
  ISOLATE,
  ISOLATE_BITS,
  ISOLATE_STATE,
  KIND,
  type Kind,
  LAYOUT_VERSION,
  MAGIC,
  MAX_ISOLATES,
  PAGE_BYTES,
  PAGE_WORDS,
  SMALL_LIMIT_BYTES,
  SUPER,
  WORD_BYTES,
} from './layout.ts';
import { Pages } from './pages.ts';
import { BATCH, CLASS_BYTES, classOf } from './size-class.ts';
import { ThreadMemory } from './thread-memory.ts';

/** Drops what a block of one kind holds; called once, by whoever dropped the last count. */
export type Destructor = (heap: Heap, address: number) => void;

/** Of a destructor that may be run again when who ran it was killed: it leaves 0 where it has dropped something. */
export const RESUMABLE = true;

const destructors: ({ run: Destructor; resumable: boolean } | undefined)[] = [];
export const kindNames: string[] = Object.keys(KIND).map((name) => name.toLowerCase());

export function defineDestructor(kind: Kind, run: Destructor, resumable = false): void {
  destructors[kind] = { run, resumable };
}

/** The kinds that hold something; in every isolate the same, or who gives back the last count would leave it. */
export function kindsThatHold(): number[] {
  return Object.keys(destructors).map(Number);
}

const TAG_STEP = 1n << 32n;
const LOW = 0xffffffffn;
const ISOLATE_PAGES = (MAX_ISOLATES * ISOLATE.WORDS) / PAGE_WORDS;

export class Heap extends ThreadMemory {
  readonly pages: Pages;
  /** Where the isolate table starts. */
  readonly isolates: number;
  /** This isolate's descriptor and its ident; both change only in `enter` and when a parked isolate is given a thread. */
  descriptor = 0;
  ident = 0;

  constructor(buffer: SharedArrayBuffer) {
    super(buffer);
    this.pages = new Pages(this);
    const tablePages = Math.ceil(this.i32[SUPER.PAGES] / PAGE_WORDS);
    this.isolates = (1 + tablePages) * PAGE_WORDS;
  }

  /** A new heap of `bytes`, rounded up to whole pages. */
  static create(bytes: number): Heap {
    const total = Math.ceil(bytes / PAGE_BYTES);
    const memory = new ThreadMemory(new SharedArrayBuffer(total * PAGE_BYTES));
    memory.i32[SUPER.VERSION] = LAYOUT_VERSION;
    memory.i32[SUPER.PAGES] = total;
    memory.i32[SUPER.NEXT_GENERATION] = 1;
    Pages.format(memory, 1 + Math.ceil(total / PAGE_WORDS) + ISOLATE_PAGES, total);
    memory.store(SUPER.MAGIC, MAGIC);
    return new Heap(memory.buffer);
  }

  /** Whether `buffer` is a heap that this copy of the library can share. */
  static isHeap(buffer: unknown): buffer is SharedArrayBuffer {
    if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength < PAGE_BYTES) return false;
    const words = new Int32Array(buffer, 0, 2);
    return words[SUPER.MAGIC] === MAGIC && words[SUPER.VERSION] === LAYOUT_VERSION;
  }

  /** Claims a descriptor for this isolate. */
  enter(nativeId: number): void {
    for (let slot = 0; slot < MAX_ISOLATES; slot++) {
      const at = this.isolates + slot * ISOLATE.WORDS;
      if (this.load(at + ISOLATE.STATE) !== ISOLATE_STATE.FREE) continue;
      if (this.cas(at + ISOLATE.STATE, ISOLATE_STATE.FREE, ISOLATE_STATE.LIVE) !== ISOLATE_STATE.FREE) continue;
      // The caches of the slot's last owner are inherited as they are: they are lists of free blocks.
      this.i32.fill(0, at + ISOLATE.NATIVE_ID, at + ISOLATE.CACHES);
      this.descriptor = at;
      this.i32[at + ISOLATE.NATIVE_ID] = nativeId;
      this.renew();
      this.store(at + ISOLATE.EPOCH, this.ident);
      return;
    }
    throw new RangeError(`More than ${MAX_ISOLATES} threads use one shared heap.`);
  }

  /** A fresh ident for the thread that begins to run in this isolate. Never 0, never used before in a long while. */
  renew(): number {
    const slot = (this.descriptor - this.isolates) / ISOLATE.WORDS;
    const generation = this.add(SUPER.NEXT_GENERATION, 1) & 0xfffff || this.add(SUPER.NEXT_GENERATION, 1) & 0xfffff;
    this.ident = (generation << ISOLATE_BITS) | slot;
    this.store(this.descriptor + ISOLATE.IDENT, this.ident);
    return this.ident;
  }

  /** The descriptor of the isolate in which the thread `ident` runs, or 0 when that thread is no more. */
  descriptorOf(ident: number): number {
    const at = this.isolates + (ident & (MAX_ISOLATES - 1)) * ISOLATE.WORDS;
    return this.load(at + ISOLATE.IDENT) === ident && this.load(at + ISOLATE.STATE) === ISOLATE_STATE.LIVE ? at : 0;
  }

  /**
   * Whether the isolate in which the thread `ident` ran is gone, and all that it held given back. It may outlive the ident,
   * which a thread that has told of its end has no more; a later isolate in its place has a later number.
   */
  isReaped(ident: number): boolean {
    const at = this.isolates + (ident & (MAX_ISOLATES - 1)) * ISOLATE.WORDS;
    if (this.load(at + ISOLATE.STATE) === ISOLATE_STATE.FREE) return true;
    const later = ((this.load(at + ISOLATE.EPOCH) >>> ISOLATE_BITS) - (ident >>> ISOLATE_BITS)) & 0xfffff;
    return later > 0 && later < 0x80000;
  }

  /** A block with room for `words` of payload, of count 1; its payload holds whatever was there before. */
  allocate(kind: Kind, words: number, purpose = kindNames[kind]): number {
    const bytes = (BLOCK.PAYLOAD + words) * WORD_BYTES;
    const address =
      bytes <= SMALL_LIMIT_BYTES ? this.#allocateSmall(classOf(bytes), purpose) : this.#allocateLarge(bytes, purpose);
    this.i32[address + BLOCK.KIND] = kind;
    // Plain: the address isn't public yet. Whatever publishes it (a slot's or field's atomic store) publishes this too.
    this.i32[address + BLOCK.COUNT] = 1;
    return address;
  }

  kind(address: number): number {
    return this.i32[address + BLOCK.KIND] & 0xff;
  }

  retain(address: number): void {
    this.add(address + BLOCK.COUNT, 1);
  }

  release(address: number): void {
    if (this.add(address + BLOCK.COUNT, -1) === 1) this.#destroy(address);
  }

  /**
   * As `retain`, and the address is written into a word of the holdings, from which the reaper would give the count back.
   * In one go: a thread is killed only where a function is called, or a loop turns.
   */
  retainInto(address: number, word: number): void {
    Atomics.add(this.i32, address + BLOCK.COUNT, 1);
    this.i32[word] = address;
  }

  /**
   * Gives back the count that stands in a word, which is 0 then. For words that outlive this thread, above all those of the
   * holdings: one that is killed in here leaves the word as it was, or 0, or with the address of a block of count 0; who
   * comes next does this again, and goes on where it ended.
   */
  releaseFrom(word: number): void {
    const address = this.i32[word];
    const count = address + BLOCK.COUNT;
    if (Atomics.load(this.i32, count) !== 0 && Atomics.sub(this.i32, count, 1) !== 1) {
      this.i32[word] = 0;
      return;
    }
    const destructor = destructors[this.kind(address)];
    if (destructor === undefined || destructor.resumable) {
      destructor?.run(this, address);
      this.free(address, word);
    } else {
      this.i32[word] = 0;
      destructor.run(this, address);
      this.free(address);
    }
  }

  #destroy(address: number): void {
    destructors[this.kind(address)]?.run(this, address);
    this.free(address);
  }

  /** The words of a block, with its header; what is behind them belongs to somebody else. */
  wordsOf(address: number): number {
    const note = this.i32[this.pages.table + Math.trunc(address / PAGE_WORDS)];
    return note > 0 ? note * PAGE_WORDS : CLASS_BYTES[-note - 1] / WORD_BYTES;
  }

  /**
   * Gives a block back, and writes 0 into a word in the same go. For blocks that nobody else can have seen; everything else
   * goes through `release`.
   */
  free(address: number, word = address + FREE_BLOCK.COUNT): void {
    const note = this.i32[this.pages.table + Math.trunc(address / PAGE_WORDS)];
    if (note > 0) {
      this.i32[word] = 0;
      this.i32[address + BLOCK.KIND] = KIND.FREE;
      this.pages.release(address, note);
      return;
    }
    const index = -note - 1;
    const cache = this.descriptor + ISOLATE.CACHES + index * 2;
    const { i32 } = this;
    i32[address + FREE_BLOCK.NEXT] = i32[cache];
    i32[address + FREE_BLOCK.COUNT] = 0;
    i32[cache] = address;
    i32[word] = 0;
    if (++i32[cache + 1] >= 2 * BATCH[index]) this.#handOver(index, cache);
  }

  #allocateSmall(index: number, purpose: string): number {
    const cache = this.descriptor + ISOLATE.CACHES + index * 2;
    const { i32 } = this;
    let address = i32[cache];
    if (address === 0) {
      this.#refill(index, cache, purpose);
      address = i32[cache];
    }
    i32[cache] = i32[address + FREE_BLOCK.NEXT];
    i32[cache + 1]--;
    return address;
  }

  #allocateLarge(bytes: number, purpose: string): number {
    const run = Math.ceil(bytes / PAGE_BYTES);
    return this.pages.claim(run, run, purpose);
  }

  /** Takes a batch from the class's stack, or cuts a new page. */
  #refill(index: number, cache: number, purpose: string): void {
    const { i32 } = this;
    const head = (SUPER.CLASS_STACKS >> 1) + index;
    for (;;) {
      const top = this.load64(head);
      const batch = Number(top & LOW);
      if (batch === 0) break;
      // `batch` may be taken and reused while we read: the tag, not the address, tells us that it was.
      const next = BigInt(i32[batch + FREE_BLOCK.NEXT_BATCH] >>> 0);
      const count = i32[batch + FREE_BLOCK.BATCH_SIZE];
      if (this.cas64(head, top, ((top & ~LOW) + TAG_STEP) | next) === top) {
        i32[cache] = batch;
        i32[cache + 1] = count;
        return;
      }
    }
    const page = this.pages.claim(1, -(index + 1), purpose);
    i32[this.descriptor + ISOLATE.CUTTING] = page;
    const count = this.#cut(page, index);
    // In one go: a thread is killed only where a function is called, or a loop turns.
    i32[cache] = page;
    i32[cache + 1] = count;
    i32[this.descriptor + ISOLATE.CUTTING] = 0;
  }

  /** Makes a page a list of free blocks; returns how many. */
  #cut(page: number, index: number): number {
    const { i32 } = this;
    const step = CLASS_BYTES[index] / WORD_BYTES;
    const count = Math.trunc(PAGE_WORDS / step);
    for (let block = 0; block < count; block++) {
      const at = page + block * step;
      i32[at + FREE_BLOCK.NEXT] = block + 1 < count ? at + step : 0;
      i32[at + FREE_BLOCK.COUNT] = 0;
    }
    return count;
  }

  /** Puts a batch of this cache's blocks on the class's stack. */
  #handOver(index: number, cache: number): void {
    const { i32 } = this;
    const batch = i32[cache];
    let last = batch;
    for (let taken = 1; taken < BATCH[index]; taken++) last = i32[last + FREE_BLOCK.NEXT];
    i32[cache] = i32[last + FREE_BLOCK.NEXT];
    i32[cache + 1] -= BATCH[index];
    i32[last + FREE_BLOCK.NEXT] = 0;
    i32[this.descriptor + ISOLATE.PASSING] = batch;
    this.#push(index, batch, BATCH[index]);
    // Tempting and wrong: anything in between that calls. Who dies there would have passed it on twice.
    i32[this.descriptor + ISOLATE.PASSING] = 0;
  }

  #push(index: number, batch: number, count: number): void {
    const head = (SUPER.CLASS_STACKS >> 1) + index;
    for (;;) {
      const top = this.load64(head);
      this.i32[batch + FREE_BLOCK.NEXT_BATCH] = Number(top & LOW);
      this.i32[batch + FREE_BLOCK.BATCH_SIZE] = count;
      if (this.cas64(head, top, ((top & ~LOW) + TAG_STEP) | BigInt(batch)) === top) return;
    }
  }

  /** Passes on the free blocks that a dead isolate kept. */
  adoptCaches(descriptor: number): void {
    const { i32 } = this;
    const page = i32[descriptor + ISOLATE.CUTTING];
    if (page !== 0) {
      const index = this.#classAt(page);
      this.#push(index, page, this.#cut(page, index));
    }
    const batch = i32[descriptor + ISOLATE.PASSING];
    if (batch !== 0) this.#adopt(this.#classAt(batch), batch);
    i32[descriptor + ISOLATE.CUTTING] = 0;
    i32[descriptor + ISOLATE.PASSING] = 0;
    for (let index = 0; index < CLASS_COUNT; index++) {
      const cache = descriptor + ISOLATE.CACHES + index * 2;
      const head = i32[cache];
      i32[cache] = 0;
      i32[cache + 1] = 0;
      if (head !== 0) this.#adopt(index, head);
    }
  }

  #adopt(index: number, head: number): void {
    // The list may be one longer or shorter than its count: its owner died somewhere. Count again.
    let count = 0;
    for (let at = head; at !== 0; at = this.i32[at + FREE_BLOCK.NEXT]) count++;
    this.#push(index, head, count);
  }

  #classAt(address: number): number {
    return -this.i32[this.pages.table + Math.trunc(address / PAGE_WORDS)] - 1;
  }

  /** Bytes that are claimed from the heap, whole pages, free blocks in caches included. */
  usedBytes(): number {
    return this.load(SUPER.PAGES_USED) * PAGE_BYTES;
  }
}
