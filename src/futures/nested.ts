/**
 * Tasks that submit to the executor that runs them, or to another that was sent to them, whose tasks may submit to the first. One
 * that awaits such futures must not keep its worker from what they need: for each task that has some open, the worker takes
 * one more. One that would block it instead is refused.
 */
import { RuntimeError } from '../errors.ts';
import { addressOf, type SharedObject } from '../memory/index.ts';
import { servesRing } from './circles.ts';
import { type TaskHere, taskHere } from './current-task.ts';
import type { Future } from './future.ts';
import type { Unobserved } from './unobserved.ts';

class Nested {
  /** The ring that this worker serves. */
  #serving: SharedObject | undefined;
  /** Tasks that run here and have submitted others, which are not done. */
  #waiting = 0;
  /** Others that are not done, of those that the executor whose worker this is runs. */
  #own = 0;
  /** How those failed at which nobody has looked. */
  #unobserved: Unobserved | undefined;
  /** Called when `waiting` grows: by whoever waits for room. */
  tell: (() => void) | undefined;

  /** In a worker's thread, while it runs: which ring it takes its tasks from. */
  serve(tasks: SharedObject | undefined): void {
    this.#serving = tasks;
    servesRing(tasks);
    this.#waiting = 0;
    this.#own = 0;
    this.#unobserved = undefined;
  }

  /** Whether this thread is a worker of the executor. */
  serves(tasks: SharedObject): boolean {
    return this.#serving !== undefined && addressOf(this.#serving) === addressOf(tasks);
  }

  /** A task has submitted another, here if this is a worker; to which ring, and who knows how it failed. */
  began(future: Future<unknown>, tasks: SharedObject, unobserved: Unobserved): void {
    if (this.#serving === undefined) return;
    const isOwn = this.serves(tasks);
    if (isOwn) {
      this.#own++;
      this.#unobserved = unobserved;
    }
    const task = taskHere();
    if (task !== undefined && !task.ended && task.open++ === 0) {
      this.#waiting++;
      this.tell?.();
    }
    future.onDone(() => {
      if (task !== undefined && !task.ended && --task.open === 0) this.#waiting--;
      if (isOwn && --this.#own === 0) this.tell?.();
    });
  }

  /** A task has ended, whatever it has submitted. */
  ended(task: TaskHere): void {
    if (!task.ended && task.open > 0) this.#waiting--;
  }

  /** Whether the executor whose worker this is has yet to do what was submitted to it from here. */
  get owed(): boolean {
    return this.#own > 0;
  }

  /** The errors of what was, at which nobody has looked: the caller answers for them now. */
  takeUnobserved(): unknown[] {
    return this.#unobserved?.take() ?? [];
  }

  /** How many tasks of this worker may wait for others, which may need it. */
  get waiting(): number {
    return this.#waiting;
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
