/**
 * A count of a block for as long as an iteration, or a `clear`, goes on; or until it is dropped halfway and collected,
 * or this thread dies.
 */
import { BLOCK, type Heap, hold, type Kind, noteCounting, noteNew, unhold } from '../memory/index.ts';

export class Held implements Disposable {
  readonly address: number;
  readonly #slot: number;

  private constructor(heap: Heap, slot: number) {
    this.address = heap.i32[slot];
    this.#slot = slot;
    hold(this, slot);
  }

  /** Takes over a count of the block, which stands in an entry of the holdings. */
  static over(heap: Heap, slot: number): Held {
    return new Held(heap, slot);
  }

  /** With a count of its own. */
  static of(heap: Heap, address: number): Held {
    return new Held(heap, noteCounting(address));
  }

  /** A new record of a kind whose words may all be 0 at first; undefined when the heap has no room for it. */
  static empty(heap: Heap, kind: Kind, words: number): Held | undefined {
    let slot: number;
    try {
      slot = noteNew(kind, words - BLOCK.PAYLOAD);
    } catch {
      return undefined;
    }
    const at = heap.i32[slot];
    heap.i32.fill(0, at + BLOCK.PAYLOAD, at + words);
    heap.i32[at + BLOCK.KIND] = kind;
    return new Held(heap, slot);
  }

  [Symbol.dispose](): void {
    unhold(this, this.#slot);
  }
}
