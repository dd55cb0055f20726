/** Timeouts of tasks: from their own start, of no other task. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { ThreadPoolExecutor, TimeoutError } from '../../src/futures/index.ts';
import { Atomic, i32 } from '../../src/shared/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { failsTwiceAfter, spinUntilAborted } from './fixtures/controlled.ts';
import * as promised from './fixtures/promised.ts';
import { busyFor } from './fixtures/sent.ts';
import { HELD_UP, nine } from './fixtures/slow-import.ts';
import { square, waitForAsync } from './fixtures/tasks.ts';

/** What the call throws; nothing, when it doesn't. */
function caught(call: () => unknown): { name?: string } {
  try {
    call();
    return {};
  } catch (error) {
    return error as Error;
  }
}

describe('timeouts', () => {
  check('of 0, of a task that has to wait before it begins', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [running, gate] = [new Event(), new Event()];
    const first = pool.submit(promised.identAfter, running, gate);
    await running.wait();
    const stopped = pool.with({ timeout: 0, force: true }).submit(promised.goOn, new Event(), true);
    // Several of its timers.
    const start = performance.now();
    await until(() => performance.now() - start > 30);
    assert.equal(stopped.done(), false);
    gate.set();
    await first;
    await assert.rejects(stopped.result(), /longer than its timeout of 0 ms/);
  });

  check('one that a blocked thread found over strikes no other task', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 4000 });
    await pool.submit(busyFor, 1);
    for (let round = 0; round < 3; round++) {
      const gate = new Event();
      const timed = pool.with({ timeout: 20 }).submit(busyFor, 30);
      // Found over by the one or the other: its value comes soon after its time.
      const { name = 'value' } = caught(() => timed.resultSync());
      assert.ok(['value', TimeoutError.name].includes(name), name);
      // Many, so that one of them gets the block that the first one had.
      const others = Array.from({ length: 3000 }, () => pool.submit(waitForAsync, gate));
      const start = performance.now();
      await until(() => pool.statistics().running === others.length && performance.now() - start > 60);
      gate.set();
      const ends = await Promise.allSettled(others);
      assert.equal(ends.filter(({ status }) => status === 'rejected').length, 0);
    }
  });

  check('with retries: each attempt has its own time, and one that took too long is not run again', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const timed = pool.with({ timeout: 400, retries: 2 });
    const attempts = new Atomic(i32);
    // Longer than the timeout in all.
    assert.equal(await timed.submit(failsTwiceAfter, 200, attempts), 'third time');
    attempts.store(0);
    await assert.rejects(timed.submit(failsTwiceAfter, Infinity, attempts).result(), TimeoutError);
    assert.equal(await pool.submit(square, 4), 16);
    assert.equal(attempts.load(), 1);
  });

  check('AbortSignal.timeout: counts from its own start, withdraws and stops', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const signal = AbortSignal.timeout(100);
    const hurried = pool.with({ signal });
    const futures = [1, 2].map(() => hurried.submit(spinUntilAborted as (running: Event) => unknown, new Event()));
    for (const future of futures) {
      await assert.rejects(
        future.result(),
        (error) => error === signal.reason && (error as Error).name === 'TimeoutError',
      );
    }
    assert.equal(await pool.submit(square, 5), 25);
    assert.throws(() => hurried.submit(square, 6), { name: 'TimeoutError' });
  });

  check('the import of its module does not count', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await pool.submit(square, 3), 9);
    process.env[HELD_UP] = 'yes';
    try {
      const future = pool.with({ timeout: 100 }).submit(nine);
      // The worker is at the import, for longer than the task may take.
      await until(() => future.running());
      const started = performance.now();
      await until(() => performance.now() - started > 250);
      assert.equal(future.done(), false);
      delete process.env[HELD_UP];
      assert.equal(await future, 9);
    } finally {
      delete process.env[HELD_UP];
    }
  });
});
