/**
 * Raw workers for the tests of the floors below `Thread`: each runs one exported function (a role) of a fixture module
 * with arguments that may be, or contain, shared objects. A worker that has ended is reaped, as the floor above does.
 */
import { Worker } from 'node:worker_threads';
import { heap, ISOLATE, reap, storeValue } from '../../src/memory/index.ts';

/** Words of the cell in which a worker says where it lives. */
export const CELL = { DESCRIPTOR: 0, IDENT: 1, EPOCH: 2, READY: 3, PROGRESS: 4, STOP: 5, WORDS: 8 } as const;

export type Outcome = { value: unknown } | { error: Error };

export class TestThread implements AsyncDisposable {
  readonly worker: Worker;
  readonly cell: Int32Array<SharedArrayBuffer>;
  readonly ended: Promise<void>;
  #outcome: Outcome | undefined;
  #message: number;

  constructor(fixture: URL, role: string, args: unknown[]) {
    this.cell = new Int32Array(new SharedArrayBuffer(CELL.WORDS * 4));
    this.#message = storeValue(args);
    this.worker = new Worker(new URL('./thread-main.ts', import.meta.url), {
      workerData: { fixture: fixture.href, role, message: this.#message, cell: this.cell },
    });
    this.worker.once('message', (outcome: Outcome & { own?: object }) => {
      this.#outcome = outcome;
      if ('error' in outcome) Object.assign(outcome.error, outcome.own);
    });
    this.worker.once('error', (error) => {
      this.#outcome = { error: error as Error };
    });
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', () => {
        this.#reap();
        resolve();
      });
    });
  }

  #reap(): void {
    const { cell } = this;
    if (cell[CELL.READY] === 1) reap(heap, cell[CELL.DESCRIPTOR], cell[CELL.EPOCH]);
    heap.release(this.#message);
  }

  /** The ident of the worker's thread; 0 before it runs. */
  get ident(): number {
    return this.cell[CELL.IDENT];
  }

  get progress(): number {
    return this.cell[CELL.PROGRESS];
  }

  /** Asks a role that loops to come to its end. */
  stop(): void {
    this.cell[CELL.STOP] = 1;
  }

  /** Whether the worker blocks at a spot now. */
  isParked(): boolean {
    return this.cell[CELL.READY] === 1 && heap.load(this.cell[CELL.DESCRIPTOR] + ISOLATE.PARKED_SPOT) !== 0;
  }

  /** Waits until the role runs. */
  async running(): Promise<this> {
    await until(() => this.cell[CELL.READY] === 1 || this.#outcome !== undefined);
    if (this.#outcome && 'error' in this.#outcome) throw this.#outcome.error;
    return this;
  }

  /** Waits until the worker blocks. */
  async parked(): Promise<this> {
    await this.running();
    await until(() => this.isParked() || this.#outcome !== undefined);
    if (this.#outcome && 'error' in this.#outcome) throw this.#outcome.error;
    return this;
  }

  /** What the role returned; throws what it threw. */
  async result(): Promise<unknown> {
    await this.ended;
    if (this.#outcome === undefined) throw new Error('The worker ended without an outcome.');
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }

  /** Ends the worker in the middle of whatever it does, and reaps it. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
  }
}

/** Starts roles of one fixture module: `const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url))`. */
export function threadsOf(fixture: URL): (role: string, ...args: unknown[]) => TestThread {
  return (role, ...args) => new TestThread(fixture, role, args);
}

/** Turns the event loop until `condition` holds; the test's deadline ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Lets every other task of the event loop take its turn, a few times over. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Whether a promise is settled by now. */
export async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const note = (): void => {
    done = true;
  };
  promise.then(note, note);
  await turns();
  return done;
}
