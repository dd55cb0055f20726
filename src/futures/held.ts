/**
 * The asynchronous tasks that a worker has begun and not ended. One of them may be ended by force, and the worker with it: then
 * the worker takes no more, and says when the others have ended. As long as its event loop turns it says that, too: a
 * task that never gives up the thread would keep the others from their ends for ever.
 *
 *     thread that submitted      executor (endings.ts)            worker
 *     sets FORCE on the task ──▶ sets LEAVING on the worker ────▶ takes no more tasks
 *                                waits                      ◀──── ALIVE, every so often
 *                                ends it                    ◀──── SAFE: only such tasks are left
 */
import { heap, ISOLATE, letGo, park, TASK, TASK_FLAG, THREAD, WORKER_FLAG } from '../memory/index.ts';
import type { Queue } from '../queue/index.ts';
import { nested } from './nested.ts';
import { Stop } from './stop.ts';
import type { Outcome } from './worker.ts';

/** What the worker says. */
export const ALIVE = 'alive';
export const SAFE = 'safe';

/** How often it says that its event loop turns, in milliseconds. */
export const BEAT_MS = 100;

export class Held {
  /** Entries of the holdings, each with a task's block. */
  readonly #entries = new Set<number>();
  readonly #most: number;
  readonly #outcomes: Queue<Outcome>;
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
    return this.#most > 1 || nested.waiting;
  }

  /** It is to take no more tasks. */
  get leaving(): boolean {
    return this.stop.aborted;
  }

  /** A task runs, until `running` is settled. Resolves when there is room for another; with one at a time, when it has ended. */
  async add(running: Promise<void>, entry: number): Promise<void> {
    this.#entries.add(entry);
    void running.finally(() => {
      this.#entries.delete(entry);
      letGo(entry);
      nested.tell?.();
    });
    // A task that waits for others of this executor must not keep this worker from them.
    while (this.size >= this.#most && !nested.waiting && !this.leaving) await this.#change();
    if (nested.waiting) this.#mayHoldSeveral();
  }

  /**
   * Resolves when none is left: true; or when the worker is to leave: false. With `unlessWaiting` also when one of them waits
   * for others, which may need this worker: false. With `owed` what they have submitted to the same executor is to end, too.
   */
  async ended(unlessWaiting = false, owed = false): Promise<boolean> {
    while (this.size > 0 || (owed && nested.owed)) {
      if (this.leaving || (unlessWaiting && nested.waiting)) return false;
      await this.#change();
    }
    return true;
  }

  /** Resolves when none is left at all; says before when only those are left for whose sake the worker is ended. */
  async left(): Promise<void> {
    let said = false;
    while (this.size > 0) {
      if (!said && [...this.#entries].every(isForced)) {
        this.#say(SAFE);
        said = true;
      }
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

  /** From now on it heeds that one of them is to be ended by force, and the executor relies on that. */
  #mayHoldSeveral(): void {
    if (this.#watch !== undefined) return;
    this.#watch = new Stop();
    const thread = heap.load(heap.descriptor + ISOLATE.THREAD);
    const asked = (): true | undefined => [...this.#entries].some(isForced) || undefined;
    park(heap, thread + THREAD.SPOT, asked, { signal: this.#watch.signal, hold: false }).then(
      () => this.#leave(),
      () => {},
    );
    heap.or(thread + THREAD.FLAGS, WORKER_FLAG.SEVERAL);
  }

  #leave(): void {
    this.stop.abort();
    this.#say(ALIVE);
    this.#beat = setInterval(() => {
      this.#say(ALIVE);
      // There may be another by now for whose sake it is to be ended.
      nested.tell?.();
    }, BEAT_MS);
    nested.tell?.();
  }

  #say(what: string): void {
    this.#outcomes.putSync([-heap.ident, null, what]);
  }
}

function isForced(entry: number): boolean {
  return (heap.load(heap.i32[entry] + TASK.FLAGS) & TASK_FLAG.FORCE) !== 0;
}
