/** The task that runs here, as its function sees it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { MessagePort, Transferable } from 'node:worker_threads';
import { CloneError, RuntimeError } from '../errors.ts';
import { heap, ISOLATE, loadValue, park, Sealed, TASK, TASK_FLAG, THREAD } from '../memory/index.ts';
import type { Queue } from '../queue/index.ts';
import { rooted } from './task.ts';
import type { Outcome } from './worker.ts';

export type CurrentTask = {
  /** Aborted when the task is cancelled while it runs, when its `timeout` has passed, and by `shutdown({ cancelFutures: true })`. */
  readonly signal: AbortSignal;
  /**
   * Names ArrayBuffers and message ports of the result that move instead of being copied; once the task has ended they are
   * detached here.
   */
  transfer(...objects: Transferable[]): void;
  /** Sends a value to the future's `onProgress`. Throws `CloneError` for what can't be copied. */
  progress(value: unknown): void;
};

/** @internal One for each task that runs. */
export class TaskHere implements CurrentTask {
  readonly #at: number;
  readonly #outcomes: Queue<Outcome>;
  #controller: AbortController | undefined;
  #over: AbortController | undefined;
  /** It has ended, whatever of it may go on. */
  ended = false;
  /** What it has submitted and is not done; see nested.ts. */
  open = 0;

  constructor(at: number, outcomes: Queue<Outcome>) {
    this.#at = at;
    this.#outcomes = outcomes;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#over = new AbortController();
      const { signal } = this.#controller;
      // A loop without awaits never gives the event loop its turn: whoever asks the signal looks into shared memory.
      const aborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')!.get as () => boolean;
      Object.defineProperty(signal, 'aborted', { get: () => this.#look() || aborted.call(signal), configurable: true });
      Object.defineProperty(signal, 'throwIfAborted', {
        value: () => {
          this.#look();
          AbortSignal.prototype.throwIfAborted.call(signal);
        },
        configurable: true,
      });
      if (!this.#look()) {
        const spot = heap.load(heap.descriptor + ISOLATE.THREAD) + THREAD.SPOT;
        const asked = (): true | undefined => this.#asked() || undefined;
        const options = { signal: this.#over.signal, hold: false };
        park(heap, spot, asked, options).then(
          () => this.#look(),
          () => {},
        );
      }
    }
    return this.#controller.signal;
  }

  /** @internal What moves with the result. */
  leaving: Transferable[] | undefined;
  /** @internal The port to the thread that submitted the task. */
  port: MessagePort | undefined;

  // Not methods, since `const { progress } = currentTask()` is what people write; and made for those who ask.
  get transfer(): (...objects: Transferable[]) => void {
    return (...objects) => {
      this.leaving ??= [];
      this.leaving.push(...objects);
    };
  }

  get progress(): (value: unknown) => void {
    return (value) => {
      if (this.ended) return;
      try {
        this.#outcomes.putSync([this.#at, null, new Sealed(value)]);
      } catch (error) {
        throw error instanceof CloneError ? rooted(error, 'value[2]', 'progress') : error;
      }
    };
  }

  /** The task has ended: nothing watches any more. */
  end(): void {
    this.ended = true;
    this.#over?.abort();
  }

  #asked(): boolean {
    return !this.ended && (heap.load(this.#at + TASK.FLAGS) & TASK_FLAG.CANCEL) !== 0;
  }

  /** Whether it is to stop; the signal knows it from then on. */
  #look(): boolean {
    if (!this.#asked()) return false;
    this.#controller?.abort(loadValue(heap, heap.i32[this.#at + TASK.REASON]));
    return true;
  }
}

/**
 * By context, so that a timer that one task has left behind isn't taken for the next. (Tempting: a variable for functions that
 * have given no promise so far, a tenth of an empty task cheaper. But the next call may give one.)
 */
const tasks = new AsyncLocalStorage<TaskHere>();

/** @internal */
export function runAsTask<R>(task: TaskHere, run: () => R): R {
  return tasks.run(task, run);
}

/** @internal The task that the calling code belongs to; undefined outside of one. */
export function taskHere(): TaskHere | undefined {
  return tasks.getStore();
}

/** The task that the calling code belongs to. Throws `RuntimeError` outside a task of an executor. */
export function currentTask(): CurrentTask {
  const task = taskHere();
  if (task === undefined) {
    throw new RuntimeError('currentTask() is for functions that an executor runs: there is no task here.');
  }
  return task;
}
