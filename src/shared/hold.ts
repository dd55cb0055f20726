/** A count of a block for as long as an iteration goes on, or until it is dropped halfway and collected. */
import { type Heap, hold, unhold } from '../memory/index.ts';

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

  [Symbol.dispose](): void {
    unhold(this, this.#slot);
  }
}
