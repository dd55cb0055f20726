/**
 * How many items of a `map` travel together when the caller has not said. The times of the items are not known when they
 * go out, so it goes by their number: a chunk is never more than a small part of what one worker has had before it, or of
 * what is left for each. So the last chunk can't keep the other workers waiting for longer than that part.
 */

/** Items in a chunk at most: beyond, a task's own cost is no longer felt. */
export const MOST_ITEMS = 1024;
/** The same from an asynchronous source, which is read only so far ahead. */
export const MOST_PULLED = 64;
/** A chunk is this part of a worker's share so far: what one worker may have to wait for at the end. */
const PART = 64;

export class ChunkSizes {
  readonly #workers: number;
  readonly #fixed: number | undefined;
  readonly #most: number;
  /** How many items there are; Infinity for a source that doesn't tell. */
  readonly #items: number;
  #sent = 0;

  constructor(workers: number, fixed: number | undefined, most: number, source: unknown) {
    this.#workers = workers;
    this.#fixed = fixed;
    this.#most = Math.max(1, Math.floor(most));
    this.#items = countOf(source);
  }

  /** Whether the caller has said how many. */
  get fixed(): boolean {
    return this.#fixed !== undefined;
  }

  /** Items of the next chunk at most. */
  next(): number {
    if (this.#fixed !== undefined) return this.#fixed;
    const grown = Math.floor(this.#sent / (this.#workers * PART));
    // A source that has more than it said: one by one, then.
    const left = Math.ceil(Math.max(0, this.#items - this.#sent) / (this.#workers * 2));
    return Math.max(1, Math.min(grown, left, this.#most));
  }

  sent(items: number): void {
    this.#sent += items;
  }
}

function countOf(source: unknown): number {
  if (Array.isArray(source) || ArrayBuffer.isView(source)) return (source as unknown[]).length;
  return source instanceof Set || source instanceof Map ? source.size : Infinity;
}
