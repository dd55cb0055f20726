/** The outcomes that have come, taken many under one lock. */
import type { Queue } from '../queue/index.ts';
import type { Outcome } from './worker.ts';

const MOST_AT_ONCE = 256;

export class Inbox {
  readonly #outcomes: Queue<Outcome>;
  #batch: Outcome[] = [];
  #taken = 0;

  constructor(outcomes: Queue<Outcome>) {
    this.#outcomes = outcomes;
  }

  /** From what was taken at once. Whoever is told of an outcome may block for the next: it goes on where this one stopped. */
  next(): Outcome | undefined {
    if (this.#taken === this.#batch.length) {
      this.#batch = this.#outcomes.tryGetMany(MOST_AT_ONCE);
      this.#taken = 0;
      if (this.#batch.length === 0) return undefined;
    }
    const outcome = this.#batch[this.#taken];
    // Nobody's value stays because it was taken along with others.
    this.#batch[this.#taken++] = 0;
    return outcome;
  }
}
