/** What a thread has submitted and waits for: in its order, however many come and go beside a few that stay. */
import assert from 'node:assert/strict';
import { type Future, ThreadPoolExecutor } from '../../src/futures/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { sayAndWait, waitForAsync } from '../support/targets.ts';
import { square } from './fixtures/tasks.ts';

check('tens of thousands end while some stay: those keep their order, and their values', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 2, tasksPerWorker: 64 });
  const gate = new Event();
  const ended: number[] = [];
  const stay = (n: number): Future<unknown> => {
    const future = pool.submit(waitForAsync, gate);
    future.addDoneCallback(() => ended.push(n));
    return future;
  };
  const staying: Future<unknown>[] = [];
  for (let n = 0; n < 20; n++) {
    staying.push(stay(n));
    const passing = Array.from({ length: rounds(1_000, 20_000) }, (_, value) => pool.submit(square, value));
    for (const [value, future] of passing.entries()) assert.equal(await future, value * value);
  }
  assert.deepEqual([pool.statistics().running, ended], [20, []]);
  gate.set();
  await Promise.all(staying);
  assert.deepEqual(new Set(ended), new Set(staying.keys()));
});

check('shutdown cancels what waits in the order in which it was submitted', async () => {
  const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  const [running, gate] = [new Event(), new Event()];
  // Many have come and gone in the same places.
  for (let n = 0; n < 3; n++) await Promise.all(Array.from({ length: 2_000 }, () => pool.submit(square, n)));
  const first = pool.submit(sayAndWait, running, gate);
  await running.wait();
  const cancelled: number[] = [];
  const waiting = Array.from({ length: 3_000 }, (_, n) => {
    const future = pool.submit(square, n);
    future.addDoneCallback(() => cancelled.push(n));
    return future;
  });
  // Every other one of the first half, so that there are holes.
  for (let n = 0; n < 1_500; n += 2) assert.equal(waiting[n].cancel(), true);
  const early = cancelled.splice(0).length;
  const over = pool.shutdown({ cancelFutures: true });
  gate.set();
  await Promise.all([over, first]);
  assert.equal(early, 750);
  const left = Array.from({ length: 3_000 }, (_, n) => n).filter((n) => n >= 1_500 || n % 2 === 1);
  assert.deepEqual(cancelled, left);
});

check('a chain of quick tasks leaves the event loop its turns', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  let turns = 0;
  const turn = (): void => {
    if (++turns < 5) setImmediate(turn);
  };
  setImmediate(turn);
  // Hangs if the loop never turns.
  while (turns < 5) await pool.submit(square, 2);
});
