/**
 * The tasks that wait, for all workers: a ring of their addresses. From the first task with a priority on, tasks lie in a
 * ranked queue beside it, and each has a token in the ring. Each appearance has a count of the task's block.
 */
import { heap } from '../memory/index.ts';
import { PriorityQueue, Queue } from '../queue/index.ts';

/** Stands in the ring for the first task of the ranked queue. */
export const RANKED = -1;

export class TaskRing {
  readonly tasks = new Queue<number>();
  readonly ranked = new PriorityQueue<number>();
  #ranking = false;

  put(task: number, priority: number): void {
    heap.retain(task);
    if (priority !== 0 && !this.#ranking) this.#rank();
    if (!this.#ranking) {
      this.tasks.putSync(task);
      return;
    }
    this.ranked.putSync(task, { priority });
    this.tasks.putSync(RANKED);
  }

  /** Takes out what nobody has taken. */
  empty(): void {
    for (let task = this.tasks.tryGet(); task !== undefined; task = this.tasks.tryGet()) {
      if (task !== RANKED) heap.release(task);
    }
    for (let task = this.ranked.tryGet(); task !== undefined; task = this.ranked.tryGet()) heap.release(task);
  }

  /** Lets the workers go. */
  close(): void {
    this.empty();
    this.tasks.shutdown();
  }

  /** The first task with a priority: those that wait in the ring would all be before it. */
  #rank(): void {
    this.#ranking = true;
    const waiting: number[] = [];
    for (let task = this.tasks.tryGet(); task !== undefined; task = this.tasks.tryGet()) waiting.push(task);
    for (const task of waiting) {
      this.ranked.putSync(task, { priority: 0 });
      this.tasks.putSync(RANKED);
    }
  }
}
