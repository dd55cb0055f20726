/** Threads started in number, interrupted, terminated; pools whose workers die; what is dropped with things in it. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type Future, ThreadPoolExecutor, WorkerCrashedError } from '../../src/futures/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { any, i32, Shared } from '../../src/shared/index.ts';
import { activeCount, currentThread, Event, Lock, sleepSync, Thread } from '../../src/threading/index.ts';
import type { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

export function double(value: number): number {
  return 2 * value;
}

async function manyThreads(random: Random): Promise<void> {
  const before = activeCount();
  for (let left = random.integer(1, 60); left > 0; left--) {
    const threads = Array.from({ length: random.integer(1, 6) }, (_, n) =>
      new Thread({ target: double, args: [n] }).start(),
    );
    for (const [n, thread] of threads.entries()) assert.equal(await thread.result(), 2 * n);
  }
  assert.equal(activeCount(), before);
}

export function waitForEver(event: Event): void {
  event.waitSync();
}

export async function untilInterrupted(): Promise<string> {
  const { signal } = currentThread();
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return String(signal.reason);
}

async function terminated(random: Random): Promise<void> {
  const event = new Event();
  const doomed = Array.from({ length: random.integer(1, 3) }, () =>
    new Thread({ target: waitForEver, args: [event] }).start(),
  );
  const interrupted = new Thread({ target: untilInterrupted }).start();
  await delay(random.next());
  await Promise.all(doomed.map((thread) => thread.terminate()));
  for (const thread of doomed) assert.equal(await thread.join({ timeout: 10_000 }), true);
  interrupted.interrupt('enough');
  assert.equal(await interrupted.result(), 'enough');
}

export function task(value: number, fate: 'well' | 'throw' | 'exit' | 'sleep'): number {
  if (fate === 'throw') throw new RangeError(String(value));
  if (fate === 'exit') process.exit(3);
  if (fate === 'sleep') sleepSync(1);
  return value;
}

async function pool(random: Random): Promise<void> {
  await using executor = new ThreadPoolExecutor({ maxWorkers: random.integer(1, 3) });
  const counts = { well: 0, failed: 0, crashed: 0, cancelled: 0 };
  const futures: Future<number>[] = [];
  const submitted = random.integer(1, 200);
  for (let n = 0; n < submitted; n++) {
    const fate = random.chance(0.02) ? 'exit' : random.pick(['well', 'well', 'well', 'throw', 'sleep'] as const);
    futures.push(executor.submit(task, n, fate));
    if (random.chance(0.05)) random.pick(futures).cancel();
  }
  for (const [n, future] of futures.entries()) {
    try {
      assert.equal(await future.result(), n);
      counts.well++;
    } catch (error) {
      if (future.cancelled()) counts.cancelled++;
      else if (error instanceof WorkerCrashedError) counts.crashed++;
      else if (error instanceof RangeError && error.message === String(n)) counts.failed++;
      else throw error;
    }
  }
  const { done, failed, queued, running } = executor.statistics();
  assert.deepEqual([queued, running], [0, 0]);
  assert.equal(counts.well + counts.failed + counts.crashed + counts.cancelled, submitted);
  assert.deepEqual([done, failed], [counts.well, counts.failed + counts.crashed]);
}

class Parcel extends Shared({ number: i32, lock: Lock, content: any }) {}

/** Everything made here is dropped, with things in it; the run looks at the heap now and then. */
async function dropped(random: Random): Promise<void> {
  for (let left = random.integer(100, 2000); left > 0; left--) {
    const queue = new Queue<unknown>();
    const parcel = new Parcel();
    parcel.content = { left, text: 'x'.repeat(left % 300) };
    queue.putSync({ parcel, lock: new Lock() });
    queue.putSync('y'.repeat(left % 5000));
    if (left % 64 === 0) await delay(0);
  }
}

export const threads: Scenario[] = [
  { name: 'threads in number', weight: 2, run: manyThreads },
  { name: 'threads terminated and interrupted', weight: 2, run: terminated },
  { name: 'pools whose workers die', weight: 2, run: pool },
  { name: 'objects dropped with things in them', weight: 1, run: dropped },
];
