/**
 * Workers that are ended for the sake of one of their tasks. One that may run others beside it is given the time that these
 * need, as long as it says that its event loop turns; see held.ts.
 */
import { addressOf, heap, THREAD, WORKER_FLAG, wake } from '../memory/index.ts';
import type { Thread } from '../threading/index.ts';
import { ALIVE, BEAT_MS, SAFE } from './held.ts';

/** How long a worker may be silent: then a task keeps its event loop from turning, and the others begin anew elsewhere. */
const SILENCE_MS = 5 * BEAT_MS;

export class Endings {
  /** Those that were ended: the tasks that they ran are not to blame. */
  readonly #ended = new Set<Thread>();
  /** Those that take no more tasks, and when they were last heard of. */
  readonly #leaving = new Map<Thread, number>();
  readonly #end: (worker: Thread) => void;
  #timer: NodeJS.Timeout | undefined;

  /** `end` is called with each worker as it is ended. */
  constructor(end: (worker: Thread) => void) {
    this.#end = end;
  }

  /** Workers that take no more tasks, and live. */
  get leaving(): number {
    return this.#leaving.size;
  }

  /** This worker is to be ended. True when it has tasks that are to end before. */
  begin(worker: Thread): boolean {
    const flags = addressOf(worker) + THREAD.FLAGS;
    if ((heap.load(flags) & WORKER_FLAG.SEVERAL) === 0) {
      this.#terminate(worker);
      return false;
    }
    if (this.#leaving.has(worker) || this.#ended.has(worker)) return false;
    heap.or(flags, WORKER_FLAG.LEAVING);
    this.#leaving.set(worker, performance.now());
    wake(heap, addressOf(worker) + THREAD.SPOT, Infinity);
    this.#timer ??= setInterval(() => this.look(), BEAT_MS);
    return true;
  }

  /** Whether that is what this worker said. */
  heard(worker: Thread | undefined, value: unknown): boolean {
    if (value !== ALIVE && value !== SAFE) return false;
    if (worker === undefined || !this.#leaving.has(worker)) return true;
    if (value === SAFE) this.#terminate(worker);
    else this.#leaving.set(worker, performance.now());
    return true;
  }

  /** Called by a timer, unless the thread blocks: then by whoever waits. */
  look(): void {
    for (const [worker, since] of this.#leaving) {
      if (performance.now() - since > SILENCE_MS) this.#terminate(worker);
    }
  }

  /** A worker is gone. True when it was ended here. */
  gone(worker: Thread): boolean {
    this.#forget(worker);
    return this.#ended.delete(worker);
  }

  #terminate(worker: Thread): void {
    this.#forget(worker);
    this.#ended.add(worker);
    this.#end(worker);
    void worker.terminate();
  }

  #forget(worker: Thread): void {
    if (!this.#leaving.delete(worker) || this.#leaving.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
