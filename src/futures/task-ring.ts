/**
 * The tasks that wait, for all workers: a ring of their addresses. From the first task with a priority on, tasks lie in a
 * ranked queue beside it, and each has a token in the ring. Each appearance has a count of the task's block.
 */
import { addressOf, heap, QUEUE } from '../memory/index.ts';
import { PriorityQueue, Queue } from '../queue/index.ts';

/** Stands in the ring for the first task of the ranked queue. */
export const RANKED = -1;

export class TaskRing {
  readonly tasks: Queue<number>;
  readonly ranked: PriorityQueue<number>;

  constructor(tasks = new Queue<number>(), ranked = new PriorityQueue<number>()) {
    this.tasks = tasks;
    this.ranked = ranked;
  }

  put(task: number, priority: number): void {
    heap.retain(task);
    try {
      if (priority !== 0 && !this.#isRanking()) this.#rank();
      if (this.#isRanking() || priority !== 0) this.#putRanked(task, priority);
      else this.tasks.putSync(task);
    } catch (error) {
      heap.release(task);
      throw error;
    }
  }

  /** Takes out what nobody has taken. */
  empty(): void {
    for (let task = this.tasks.tryGet(); task !== undefined; task = this.tasks.tryGet()) {
      if (task !== RANKED) heap.release(task);
    }
    for (let task = this.ranked.tryGet(); task !== undefined; task = this.ranked.tryGet()) heap.release(task);
  }

  /**
   * A worker that died may have taken a token and left the task that it stood for: then the last task to come would wait
   * for a token for ever. One too many does no harm.
   */
  addToken(): void {
    if (this.#isRanking()) this.tasks.putSync(RANKED);
  }

  /** Lets the workers go, once they have done what is in. */
  close(): void {
    this.tasks.shutdown();
  }

  /** Whether any thread has ever put a task with a priority in. */
  #isRanking(): boolean {
    return heap.load(addressOf(this.ranked) + QUEUE.PUT_COUNT) !== 0;
  }

  #putRanked(task: number, priority: number): void {
    this.ranked.putSync(task, { priority });
    this.tasks.putSync(RANKED);
  }

  /** The first task with a priority: those that wait in the ring would all be before it. */
  #rank(): void {
    const waiting: number[] = [];
    for (let task = this.tasks.tryGet(); task !== undefined; task = this.tasks.tryGet()) waiting.push(task);
    for (const task of waiting) {
      if (task === RANKED) this.tasks.putSync(RANKED);
      else this.#putRanked(task, 0);
    }
  }
}
