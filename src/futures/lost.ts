/**
 * Tasks that a worker had taken when it died, and had not begun. What is neither in the ring nor in anybody's hands is
 * lost: each of those has a count of the task's block, and what a dead isolate held is given back by the reaper.
 * (Tempting: to put in again all that nobody has begun, since each runs once only. With many tasks and many deaths the
 * ring then fills with them.)
 */
import { BLOCK, heap, ISOLATE, TASK, TASK_STATE } from '../memory/index.ts';
import type { Pending } from './pending.ts';
import type { Pool } from './pool.ts';

/** One that has told of its own end is not gone at once: when it is looked for again, in milliseconds. */
const AGAIN_MS = 1;

export class LostTasks {
  readonly #pending: Pending;
  readonly #pool: Pool;
  /** Workers that have died, until what their isolates held is given back. */
  readonly #leaving = new Set<number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(pending: Pending, pool: Pool) {
    this.#pending = pending;
    this.#pool = pool;
  }

  /** The worker `ident` is gone, or about to go. */
  leftBy(ident: number): void {
    this.#leaving.add(ident);
    this.look();
  }

  /** Called by a timer, unless the thread blocks: then by whoever waits. */
  look(): void {
    // Isolates stay while their timers run: two that wait for each other's ends would stay for ever.
    if (this.#pending.size === 0) this.#leaving.clear();
    if (this.#leaving.size === 0) return;
    let gone = false;
    for (const ident of this.#leaving) {
      if (hasLeft(ident)) gone = this.#leaving.delete(ident);
    }
    if (this.#leaving.size > 0) this.#timer ??= setTimeout(() => this.#again(), AGAIN_MS);
    if (gone) this.find();
  }

  /** Looks through all that is pending. */
  find(): void {
    for (const future of this.#pending.all()) {
      const { task } = future;
      if (heap.load(task + TASK.STATE) !== TASK_STATE.PENDING || heap.load(task + BLOCK.COUNT) > 1) continue;
      this.#pool.putAgain(task, future.options.priority ?? 0);
    }
  }

  #again(): void {
    this.#timer = undefined;
    this.look();
  }
}

/** Whether nothing is in this thread's hands any more. */
function hasLeft(ident: number): boolean {
  if (heap.isReaped(ident)) return true;
  const descriptor = heap.descriptorOf(ident);
  // It has ended in order, and its isolate goes on with what it left in its event loop.
  return descriptor !== 0 && heap.load(descriptor + ISOLATE.THREAD) === 0;
}
