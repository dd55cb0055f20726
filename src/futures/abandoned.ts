/** Tasks that run though their future is settled: by a timeout, a signal, or a cancellation by force. */
import { heap, letGo, TASK } from '../memory/index.ts';
import type { Future } from './future.ts';

export class Abandoned {
  /** Their blocks stay until their outcome has come or their worker has died: entries of the holdings. */
  readonly #tasks = new Map<number, { entry: number; future: Future<unknown> }>();

  add(task: number, entry: number, future: Future<unknown>): void {
    this.#tasks.set(task, { entry, future });
  }

  /** False when there is no such task. */
  forget(task: number): boolean {
    const known = this.#tasks.get(task);
    if (known === undefined) return false;
    this.#tasks.delete(task);
    letGo(known.entry);
    return true;
  }

  /** The worker `ident` is gone. */
  workerDied(ident: number): void {
    for (const task of [...this.#tasks.keys()]) if (heap.load(task + TASK.STATE) === ident) this.forget(task);
  }

  tasks(): Iterable<number> {
    return this.#tasks.keys();
  }

  /** The task of this future; 0 when it doesn't run any more. */
  taskOf(future: Future<unknown>): number {
    for (const [task, known] of this.#tasks) if (known.future === future) return task;
    return 0;
  }
}
