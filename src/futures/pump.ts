/** Receives outcomes while there are tasks; its wait keeps the process alive. */
import { availableParallelism } from 'node:os';
import type { Queue } from '../queue/index.ts';
import { holdProcess, releaseProcess } from '../threading/internal.ts';
import { Stop } from './stop.ts';
import type { Outcome } from './worker.ts';

/** How long outcomes are looked for without a turn of the event loop, in milliseconds. */
const LONGEST_WITHOUT_TURN_MS = 1;

/** With as many tasks in flight a worker may want the core on which this thread looks on: then so long at most. */
const CORES = availableParallelism();
const BRIEFLY_MS = 0.01;

export class Pump {
  readonly #outcomes: Queue<Outcome>;
  readonly #drain: () => void;
  readonly #inFlight: () => number;
  #running: Stop | undefined;
  /** When the event loop has last had its turn. */
  #turned = 0;

  /** `drain` takes what has come; `inFlight` tells how many tasks there are. */
  constructor(outcomes: Queue<Outcome>, drain: () => void, inFlight: () => number) {
    this.#outcomes = outcomes;
    this.#drain = drain;
    this.#inFlight = inFlight;
  }

  /** There is a task; without effect while it runs. */
  start(): void {
    if (this.#running !== undefined) return;
    holdProcess();
    void this.#run();
  }

  /** There is none any more. */
  stop(): void {
    this.#running?.abort();
    this.#over();
  }

  #over(): void {
    if (this.#running === undefined) return;
    this.#running = undefined;
    releaseProcess();
  }

  async #run(): Promise<void> {
    const running = new Stop();
    this.#running = running;
    try {
      for (;;) {
        this.#drain();
        if (running.aborted) return;
        // First whoever waited for what has come goes on: it may submit more.
        await new Promise((resolve) => process.nextTick(resolve));
        if (running.aborted) return;
        const mayLook = performance.now() - this.#turned < LONGEST_WITHOUT_TURN_MS;
        const most = this.#inFlight() < CORES ? undefined : BRIEFLY_MS;
        if (mayLook && (await this.#outcomes.untilItemSoon(running.signal, most))) continue;
        if (!mayLook) await this.#outcomes.untilItem(running.signal);
        await new Promise((resolve) => setImmediate(resolve));
        this.#turned = performance.now();
      }
    } catch (error) {
      if (running.aborted) return;
      if (this.#running === running) this.#over();
      throw error;
    }
  }
}
