/**
 * A count of a block for as long as an iteration, or a `clear`, goes on; or until it is dropped halfway and collected,
 * or this thread dies.
 */
import { BLOCK, type Heap, hold, type Kind, unhold } from '../memory/index.ts';

export class Held implements Disposable {
  readonly address: number;
  readonly #slot: number;

  /** Takes over a count of the block. */
  constructor(address: number) {
    this.address = address;
    this.#slot = hold(this, address);
  }

  /** With a count of its own. */
  static of(heap: Heap, address: number): Held {
    heap.retain(address);
    return new Held(address);
  }

  /** A new record of a kind whose words may all be 0 at first; undefined when the heap has no room for it. */
  static empty(heap: Heap, kind: Kind, words: number): Held | undefined {
    let at = 0;
    try {
      at = heap.allocate(kind, words - BLOCK.PAYLOAD);
      heap.i32.fill(0, at + BLOCK.PAYLOAD, at + words);
      return new Held(at);
    } catch {
      if (at !== 0) heap.free(at);
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    unhold(this, this.#slot);
  }
}
