/**
 * Pages of 64 KiB, claimed and given back in runs by compare-and-swap on a bitmap: no lock that a dying thread could
 * keep. A run is claimed word by word; who loses a race takes back the bits it has set and looks further.
 *
 * The page table has a word a page, written by the run's claimer before the run's address is published:
 * `-(class + 1)` for a span of small blocks, the run's length in pages for the first page of a large block.
 */
import { HeapExhaustedError } from '../errors.ts';
import { PAGE_BYTES, PAGE_WORDS, SUPER } from './layout.ts';
import type { ThreadMemory } from './thread-memory.ts';

const LARGEST_PROPOSAL = 7 * 2 ** 30;
/** The heap has grown by a step when it takes an eighth more than ever before, and so many pages more at least. */
const GROWTH = 1 / 8;
const GROWTH_PAGES = 2 ** 20 / PAGE_BYTES;
/** Below this it is not worth anybody's time. */
const FIRST_GROWTH_PAGES = 2 ** 22 / PAGE_BYTES;

export class Pages {
  readonly #memory: ThreadMemory;
  readonly #count: number;
  readonly table: number;

  constructor(memory: ThreadMemory) {
    this.#memory = memory;
    this.#count = memory.i32[SUPER.PAGES];
    this.table = PAGE_WORDS;
  }

  /** Marks pages 0 to `count` - 1, and the bits past the end, as taken. Called once by the maker of the heap. */
  static format(memory: ThreadMemory, count: number, total: number): void {
    const words = (total + 31) >> 5;
    for (let page = 0; page < count; page++) memory.i32[SUPER.BITMAP + (page >> 5)] |= 1 << (page & 31);
    for (let page = total; page < words * 32; page++) memory.i32[SUPER.BITMAP + (page >> 5)] |= 1 << (page & 31);
    memory.i32[SUPER.PAGES_USED] = count;
    memory.i32[SUPER.NEXT_GROWTH] = count + FIRST_GROWTH_PAGES;
  }

  /** The address of `run` free pages in a row. */
  claim(run: number, note: number, purpose: string): number {
    const hint = run === 1 ? this.#memory.load(SUPER.PAGE_HINT) : 0;
    const first = this.#search(hint, run) ?? (hint > 0 ? this.#search(0, run) : undefined);
    if (first === undefined) throw this.#exhausted(run, purpose);
    if (run === 1) this.#memory.store(SUPER.PAGE_HINT, first + 1);
    this.#memory.i32[this.table + first] = note;
    const used = this.#memory.add(SUPER.PAGES_USED, run) + run;
    if (used > this.#memory.load(SUPER.NEXT_GROWTH)) this.#grown(used);
    return first * PAGE_WORDS;
  }

  release(address: number, run: number): void {
    const first = address / PAGE_WORDS;
    this.#memory.i32[this.table + first] = 0;
    this.#clear(first, run);
    this.#memory.add(SUPER.PAGES_USED, -run);
    if (first < this.#memory.load(SUPER.PAGE_HINT)) this.#memory.store(SUPER.PAGE_HINT, first);
  }

  /** Never back again: pages that were used once are the process's, and large blocks come and go. */
  #grown(used: number): void {
    this.#memory.store(SUPER.NEXT_GROWTH, used + Math.max(GROWTH_PAGES, Math.ceil(used * GROWTH)));
    this.#memory.add(SUPER.GROWTHS, 1);
  }

  #search(from: number, run: number): number | undefined {
    const { i32 } = this.#memory;
    let start = from;
    let length = 0;
    for (let page = from; page < this.#count; ) {
      const word = i32[SUPER.BITMAP + (page >> 5)];
      if (word === -1 && (page & 31) === 0) {
        page += 32;
        length = 0;
        continue;
      }
      if ((word >>> (page & 31)) & 1) {
        length = 0;
      } else {
        if (length++ === 0) start = page;
        if (length === run) {
          const taken = this.#claimBits(start, run);
          if (taken === run) return start;
          // Somebody was faster at page start + taken: go on behind it.
          page = start + taken;
          length = 0;
        }
      }
      page++;
    }
    return undefined;
  }

  /** How many of the pages were claimed; less than `run` means a race was lost there and nothing is kept. */
  #claimBits(start: number, run: number): number {
    for (let done = 0; done < run; ) {
      const page = start + done;
      const span = Math.min(32 - (page & 31), run - done);
      const bits = (span === 32 ? -1 : (1 << span) - 1) << (page & 31);
      const at = SUPER.BITMAP + (page >> 5);
      for (;;) {
        const word = this.#memory.load(at);
        if (word & bits) {
          this.#clear(start, done);
          return done;
        }
        if (this.#memory.cas(at, word, word | bits) === word) break;
      }
      done += span;
    }
    return run;
  }

  #clear(start: number, run: number): void {
    for (let done = 0; done < run; ) {
      const page = start + done;
      const span = Math.min(32 - (page & 31), run - done);
      const bits = (span === 32 ? -1 : (1 << span) - 1) << (page & 31);
      this.#memory.and(SUPER.BITMAP + (page >> 5), ~bits);
      done += span;
    }
  }

  #exhausted(run: number, purpose: string): HeapExhaustedError {
    const used = this.#memory.load(SUPER.PAGES_USED) * PAGE_BYTES;
    const total = this.#count * PAGE_BYTES;
    const wanted = run * PAGE_BYTES;
    // A power of two looks better, but the largest of them is just above what there can be.
    const larger = Math.min(Math.max(total * 2, 2 ** Math.ceil(Math.log2(used + wanted))), LARGEST_PROPOSAL);
    const mend =
      total < larger
        ? `dispose what is done, or start with a larger heap: TELAIO_HEAP=${size(larger)}.`
        : 'or dispose what is done: the heap is as large as it can be.';
    const why = used + wanted <= total ? ', but no stretch that long in one piece' : '';
    return new HeapExhaustedError(
      `The shared heap has no room for ${size(wanted)} more for ${purpose}: ${size(used)} of ${size(total)} are in use${why}. ` +
        `Bound what waits (Queue(maxSize), bufferSize), ${mend}`,
    );
  }
}

/** 1073741824 → '1GiB': the form that TELAIO_HEAP reads. */
export function size(bytes: number): string {
  for (const [unit, name] of [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const) {
    if (bytes >= unit) return `${Number.isInteger(bytes / unit) ? bytes / unit : (bytes / unit).toFixed(1)}${name}`;
  }
  return `${bytes}B`;
}
