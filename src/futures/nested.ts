/**
 * Tasks that submit to the executor that runs them, or to another that was sent to them, whose tasks may submit to the first. One
 * that awaits such futures must not keep its worker from what they need: while a worker has some open, it takes more tasks.
 * One that would block it instead is refused.
 */
import { RuntimeError } from '../errors.ts';
import { addressOf, type SharedObject } from '../memory/index.ts';
import { sharesWorker } from './current-task.ts';
import type { Future } from './future.ts';

class Nested {
  /** The ring that this worker serves. */
  #serving: SharedObject | undefined;
  #open = 0;
  /** Called when `waiting` becomes true: by whoever waits for room. */
  tell: (() => void) | undefined;

  /** In a worker's thread, while it runs: which ring it takes its tasks from. */
  serve(tasks: SharedObject | undefined): void {
    this.#serving = tasks;
    this.#open = 0;
  }

  /** Whether this thread is a worker of the executor. */
  serves(tasks: SharedObject): boolean {
    return this.#serving !== undefined && addressOf(this.#serving) === addressOf(tasks);
  }

  /** A task has submitted another, here if this is a worker. */
  began(future: Future<unknown>): void {
    if (this.#serving === undefined) return;
    sharesWorker();
    this.#open++;
    this.tell?.();
    future.onDone(() => this.#open--);
  }

  /** Whether tasks of this worker may wait for others that need it. */
  get waiting(): boolean {
    return this.#open > 0;
  }

  /** Blocking here would keep a worker of the executor from the task that is waited for. */
  mustNotBlock(tasks: SharedObject, executor: object): void {
    if (!this.serves(tasks)) return;
    throw new RuntimeError(
      `resultSync() in a task of the same executor, ${String(executor)}: its workers would wait for each other. Await the future instead.`,
    );
  }
}

export const nested = new Nested();
