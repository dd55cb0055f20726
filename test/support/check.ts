/**
 * Tests with a deadline. One that is over it fails and prints who waits for whom; if its thread is blocked, so that no
 * timer fires, the watchdog prints it and ends the process.
 */
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { heap } from '../../src/memory/index.ts';
import { whoWaits } from './isolates.ts';

const DEADLINE_MS = 20_000;
/** How much longer the watchdog waits than the test's own timer. */
const GRACE_MS = 5_000;

/** Thousands of rounds instead of a few. */
export const STRESS = process.env.TELAIO_STRESS === '1';

/** `normal` rounds, or `stress` with TELAIO_STRESS=1. */
export function rounds(normal: number, stress: number): number {
  return STRESS ? stress : normal;
}

/** What a test that failed left running would keep the process for ever. */
let hung = false;
after(() => {
  if (hung) setTimeout(() => process.exit(1), 500);
});

const deadline = new Float64Array(new SharedArrayBuffer(8));
const name = new Uint8Array(new SharedArrayBuffer(256));
let watched = false;

export type CheckOptions = { timeout?: number; skip?: boolean | string };

/** A test that can't hang. */
export function check(title: string, body: () => void | Promise<void>, options: CheckOptions = {}): void {
  const timeout = (options.timeout ?? DEADLINE_MS) * (STRESS ? 30 : 1);
  test(title, { timeout: timeout + 2 * GRACE_MS, skip: options.skip }, async () => {
    if (!watched) startWatchdog();
    watched = true;
    const bytes = Buffer.from(title).subarray(0, 255);
    name.set(bytes, 1);
    name[0] = bytes.length;
    deadline[0] = Date.now() + timeout + GRACE_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`Not done in ${timeout} ms. Who waits for whom:\n${whoWaits(heap)}`));
      }, timeout);
    });
    try {
      await Promise.race([body(), late]);
    } catch (error) {
      // Threads that the rest of the test would have let go may wait for ever.
      hung = true;
      throw error;
    } finally {
      clearTimeout(timer);
      deadline[0] = 0;
    }
  });
}

function startWatchdog(): void {
  const worker = new Worker(new URL('./watchdog-main.ts', import.meta.url), {
    workerData: { deadline, name, telaio: 'watchdog' },
  });
  worker.unref();
}
