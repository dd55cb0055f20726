/**
 * The asynchronous tasks that a worker has begun and not ended. One of them may be ended by force, and the worker with it: then
 * the worker takes no more, and says when the others have ended. As long as its event loop turns it says that, too: a
 * task that never gives up the thread would keep the others from their ends for ever.
 *
 *     thread that submitted                executor (endings.ts)         worker
 *     sets FORCE on the task,
 *     LEAVING on the worker ────────────▶ another takes its place ────▶ takes no more tasks
 *                                         waits                   ◀──── ALIVE, every so often
 *                                         ends it                 ◀──── SAFE: only such tasks are left
 *
 * The worker looks at LEAVING before each task, and who has set it looks after that whether the task in question still runs. So a
 * worker that is ended in the middle of its only task has not begun another.
 */
import { heap, ISOLATE, letGo, park, TASK, TASK_FLAG, THREAD, WORKER_FLAG } from '../memory/index.ts';
import type { Queue } from '../queue/index.ts';
import { nested } from './nested.ts';
import { Stop } from './stop.ts';
import type { Outcome } from './worker.ts';

/** What the worker says. */
export const ALIVE = 'alive';
export const SAFE = 'safe';

/** How often a worker whose executor is shut down looks whether others have left something, in milliseconds. */
const LOOK_MS = 5;

/** How often it says that its event loop turns, in milliseconds. */
export const BEAT_MS = 100;

export class Held {
  /** Entries of the holdings, each with a task's block. */
  readonly #entries = new Set<number>();
  readonly #most: number;
  readonly #outcomes: Queue<Outcome>;
  readonly #flags = heap.load(heap.descriptor + ISOLATE.THREAD) + THREAD.FLAGS;
  /** Ends the wait for more tasks. */
  readonly stop = new Stop();
  #watch: Stop | undefined;
  #beat: NodeJS.Timeout | undefined;

  /** `most`: as many at the same time. `outcomes`: the executor's own. */
  constructor(most: number, outcomes: Queue<Outcome>) {
    this.#most = most;
    this.#outcomes = outcomes;
    if (most > 1) this.#mayHoldSeveral();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether another may run beside those that do. */
  get several(): boolean {
    return this.#most > 1 || nested.waiting > 0;
  }

  /** It is to take no more tasks. */
  get leaving(): boolean {
    return (heap.load(this.#flags) & WORKER_FLAG.LEAVING) !== 0;
  }

  /** A task runs, until `running` is settled. Resolves when there is room for another; with one at a time, when it has ended. */
  async add(running: Promise<void>, entry: number): Promise<void> {
    this.#entries.add(entry);
    void running.finally(() => {
      this.#entries.delete(entry);
      letGo(entry);
      nested.tell?.();
    });
    // Tasks that wait for others of this executor must not keep this worker from them.
    while (this.size >= this.#most + nested.waiting && !this.leaving) await this.#change();
    if (nested.waiting > 0) this.#mayHoldSeveral();
  }

  /**
   * Resolves when none is left: true; or when the worker is to leave, or they have submitted others, which may need it: false.
   */
  async ended(): Promise<boolean> {
    while (this.size > 0) {
      if (this.leaving || nested.waiting > 0) return false;
      await this.#change();
    }
    return !nested.owed;
  }

  /**
   * For a worker that will get no more tasks, but for those that others leave behind: resolves with true when none is left and
   * the executor owes none to those that were; with false when it is time to look for more.
   */
  async over(): Promise<boolean> {
    if (this.size === 0 && !nested.owed) return true;
    const timer = setTimeout(() => nested.tell?.(), LOOK_MS);
    await this.#change();
    clearTimeout(timer);
    return false;
  }

  /** Until the worker is ended: says when only those are left for whose sake it is. */
  async leave(): Promise<never> {
    this.#beginToLeave();
    for (;;) {
      if ([...this.#entries].every(isForced)) this.#say(SAFE);
      await this.#change();
    }
  }

  /** The worker's thread ends. */
  [Symbol.dispose](): void {
    this.#watch?.abort();
    clearInterval(this.#beat);
  }

  /** (Tempting and wrong: `Promise.race`, which leaves something behind with each promise that isn't settled.) */
  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      nested.tell = resolve;
    });
    nested.tell = undefined;
  }

  /** From now on it heeds at any time that it is to leave, and the executor relies on that. */
  #mayHoldSeveral(): void {
    if (this.#watch !== undefined) return;
    this.#watch = new Stop();
    const thread = heap.load(heap.descriptor + ISOLATE.THREAD);
    park(heap, thread + THREAD.SPOT, () => this.leaving || undefined, { signal: this.#watch.signal, hold: false }).then(
      () => this.#beginToLeave(),
      () => {},
    );
    heap.or(this.#flags, WORKER_FLAG.SEVERAL);
  }

  #beginToLeave(): void {
    if (this.#beat !== undefined) return;
    this.#beat = setInterval(() => {
      this.#say(ALIVE);
      // There may be another by now for whose sake it is to be ended.
      nested.tell?.();
    }, BEAT_MS);
    this.#say(ALIVE);
    this.stop.abort();
    nested.tell?.();
  }

  #say(what: string): void {
    this.#outcomes.putSync([-heap.ident, null, what]);
  }
}

function isForced(entry: number): boolean {
  return (heap.load(heap.i32[entry] + TASK.FLAGS) & TASK_FLAG.FORCE) !== 0;
}
