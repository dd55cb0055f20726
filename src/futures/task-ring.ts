/**
 * The tasks that wait, for all workers: a ring of their blocks. From the first task with a priority on, tasks lie in a
 * ranked queue beside it, and each has a token in the ring. Each appearance has a count of the task's block; who takes one
 * gets the entry of the holdings in which it then stands.
 */
import { ShutDown } from '../errors.ts';
import { addressOf, heap, letGo, noteCounting, QUEUE } from '../memory/index.ts';
import { PriorityQueue, Queue } from '../queue/index.ts';

/** Stands in the ring for the first task of the ranked queue. */
export const RANKED = -1;

export class TaskRing {
  readonly tasks: Queue<number>;
  readonly ranked: PriorityQueue<number>;
  readonly #rankedAt: number;

  constructor(tasks = new Queue<number>(), ranked = new PriorityQueue<number>()) {
    this.tasks = tasks;
    this.ranked = ranked;
    this.#rankedAt = addressOf(ranked);
  }

  /** How many wait; a few more, maybe. */
  get size(): number {
    return Math.max(this.tasks.qsize(), this.ranked.qsize());
  }

  /** Throws `ShutDown`. */
  put(task: number, priority: number): void {
    if (priority !== 0 && !this.#isRanking()) this.#rank();
    if (!this.#isRanking() && priority === 0) this.tasks.putBlock(noteCounting(task));
    else {
      this.ranked.putBlock(noteCounting(task), priority);
      this.tasks.putSync(RANKED);
    }
  }

  /** Takes out what nobody has taken. */
  empty(): void {
    for (let entry = this.tasks.tryGet(); entry !== undefined; entry = this.tasks.tryGet()) {
      if (entry !== RANKED) letGo(entry);
    }
    for (let entry = this.ranked.tryGet(); entry !== undefined; entry = this.ranked.tryGet()) letGo(entry);
  }

  /** Puts a task in again: also after `close`, since it was in before. */
  putAgain(task: number, priority: number): void {
    if (!this.#isRanking()) {
      try {
        this.tasks.putBlock(noteCounting(task));
        return;
      } catch (error) {
        if (!(error instanceof ShutDown)) throw error;
      }
    }
    this.ranked.putBlock(noteCounting(task), priority);
    this.addToken();
  }

  /**
   * A worker that died may have taken a token and left the task that it stood for: then the last task to come would wait
   * for a token for ever. One too many does no harm, and after `close` workers look for themselves.
   */
  addToken(): void {
    if (!this.#isRanking()) return;
    try {
      this.tasks.putSync(RANKED);
    } catch (error) {
      if (!(error instanceof ShutDown)) throw error;
    }
  }

  /** Lets the workers go, once they have done what is in. */
  close(): void {
    this.tasks.shutdown();
  }

  /** Whether any thread has ever put a task with a priority in. */
  #isRanking(): boolean {
    return heap.load(this.#rankedAt + QUEUE.PUT_COUNT) !== 0;
  }

  /** The first task with a priority: those that wait in the ring would all be before it. */
  #rank(): void {
    const waiting: number[] = [];
    let tokens = 0;
    try {
      for (let entry = this.tasks.tryGet(); entry !== undefined; entry = this.tasks.tryGet()) {
        tokens++;
        if (entry !== RANKED) waiting.push(entry);
      }
    } catch (error) {
      if (!(error instanceof ShutDown)) throw error;
    }
    let failure: unknown;
    for (const [index, entry] of waiting.entries()) {
      const kept = noteCounting(heap.i32[entry]);
      try {
        this.ranked.putBlock(entry, 0);
        letGo(kept);
      } catch (error) {
        // No room in the heap; but there is in the ring, where they were.
        failure = error;
        const rest = [kept, ...waiting.slice(index + 1)];
        for (const one of rest) this.tasks.putBlock(one);
        tokens -= rest.length;
        break;
      }
    }
    // When it is shut down in between, workers find what has no token before they leave.
    for (; tokens > 0; tokens--) this.tasks.putSync(RANKED);
    if (failure !== undefined) throw failure;
  }
}
