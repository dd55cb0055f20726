/**
 * Workers that are ended for the sake of one of their tasks. One that may run others beside it is given the time that these
 * need, as long as it says that its event loop turns; see held.ts.
 */
import { addressOf, heap, ISOLATE, TASK, THREAD, WORKER_FLAG, wake } from '../memory/index.ts';
import type { Thread } from '../threading/index.ts';
import { ALIVE, BEAT_MS, SAFE } from './held.ts';

/** How long a worker may be silent: then a task keeps its event loop from turning, and the others begin anew elsewhere. */
const SILENCE_MS = 5 * BEAT_MS;

/** The thread `ident`, a worker, is to take no more tasks. For any thread, also while the executor's own blocks. */
export function askToLeave(ident: number): void {
  const descriptor = heap.descriptorOf(ident);
  const thread = descriptor === 0 ? 0 : heap.load(descriptor + ISOLATE.THREAD);
  if (thread === 0) return;
  heap.or(thread + THREAD.FLAGS, WORKER_FLAG.LEAVING);
  wake(heap, thread + THREAD.SPOT, Infinity);
}

/** Since when it has said nothing; and the tasks for whose sake it is ended, with a count of each. */
type Leaving = { since: number; tasks: Set<number> };

export class Endings {
  /** Those that were ended: the tasks that they ran are not to blame. */
  readonly #ended = new Set<Thread>();
  /** Those that are to end when their other tasks have. */
  readonly #leaving = new Map<Thread, Leaving>();
  readonly #end: (worker: Thread) => void;
  #timer: NodeJS.Timeout | undefined;

  /** `end` is called with each worker as it is ended. */
  constructor(end: (worker: Thread) => void) {
    this.#end = end;
  }

  /** Workers that take no more tasks, and are not gone. */
  get leaving(): number {
    return this.#leaving.size + this.#ended.size;
  }

  /** This worker is to be ended for the sake of a task. */
  begin(worker: Thread, task: number): void {
    if (this.#ended.has(worker)) return;
    const { ident = 0 } = worker;
    askToLeave(ident);
    const isAlone = (heap.load(addressOf(worker) + THREAD.FLAGS) & WORKER_FLAG.SEVERAL) === 0;
    if (isAlone && runs(ident, task)) {
      this.#terminate(worker);
      return;
    }
    let leaving = this.#leaving.get(worker);
    if (leaving === undefined) {
      leaving = { since: performance.now(), tasks: new Set() };
      this.#leaving.set(worker, leaving);
    }
    if (!leaving.tasks.has(task)) {
      heap.retain(task);
      leaving.tasks.add(task);
    }
    this.#timer ??= setInterval(() => this.look(), BEAT_MS).unref();
  }

  /** Whether that is what this worker said. */
  heard(worker: Thread | undefined, value: unknown): boolean {
    if (value !== ALIVE && value !== SAFE) return false;
    const leaving = worker && this.#leaving.get(worker);
    if (leaving === undefined) return true;
    if (value === SAFE) this.#terminate(worker as Thread);
    else leaving.since = performance.now();
    return true;
  }

  /** Called by a timer, unless the thread blocks: then by whoever waits. */
  look(): void {
    for (const [worker, { since, tasks }] of this.#leaving) {
      if (performance.now() - since < SILENCE_MS) continue;
      const { ident = 0 } = worker;
      // One whose tasks in question have ended does something else for long, and will say when it has done.
      if ([...tasks].some((task) => runs(ident, task))) this.#terminate(worker);
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
    const leaving = this.#leaving.get(worker);
    if (leaving === undefined) return;
    for (const task of leaving.tasks) heap.release(task);
    this.#leaving.delete(worker);
    if (this.#leaving.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function runs(ident: number, task: number): boolean {
  return heap.load(task + TASK.STATE) === ident;
}
