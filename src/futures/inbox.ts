/** The outcomes that have come, taken many under one lock. */
import { CloneError } from '../errors.ts';
import { Sealed } from '../memory/index.ts';
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

/**
 * What came back, with its value. One that can't be made again here fails its task, and says so; progress is told while the
 * task goes on, which may end well: that is left out, with a warning.
 */
export function opened([task, ok, value]: Exclude<Outcome, number>): Exclude<Outcome, number> | undefined {
  if (!(value instanceof Sealed)) return [task, ok, value];
  if (value.failed === undefined) return [task, ok, value.value];
  const { error: cause } = value.failed;
  const who = task <= 0 ? "a worker's initializer" : 'the task';
  const what = ok === null ? "a task's progress" : ok ? "the task's result" : `what ${who} failed with`;
  const text = `This thread can't receive ${what}: ${(cause as Error).message}`;
  if (ok !== null) return [task, false, new CloneError(text, undefined, { cause })];
  process.emitWarning(text);
  return undefined;
}
