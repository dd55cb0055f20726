/** Blocking for tasks in circles: told, not waited for in silence. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { ThreadPoolExecutor } from '../../src/futures/index.ts';
import { Lock, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import * as circles from './fixtures/circles.ts';

const TOLD = /^resultSync\(\): nobody will ever run this task\. .* Await the future instead, or give the executor more/;

describe('resultSync in circles', () => {
  check('a task of one executor, which needs one of another, which needs one of the first', async () => {
    await using here = new ThreadPoolExecutor({ maxWorkers: 1 });
    await using there = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.match(await here.submit(circles.across, here, there), TOLD);
  });

  check('the same where the thread that made them blocks for the first', async () => {
    await using here = new ThreadPoolExecutor({ maxWorkers: 1 });
    await using there = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.match(here.submit(circles.across, here, there).resultSync({ timeout: 20_000 }), TOLD);
  });

  check('with a worker to spare it is none', async () => {
    await using here = new ThreadPoolExecutor({ maxWorkers: 2 });
    await using there = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await here.submit(circles.across, here, there), 'squared: 9');
  });

  check('by a thread that the task joins', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.match(await pool.submit(circles.byThread, pool), TOLD);
  });

  check('what has a time limit, or waits for a lock that another thread releases, is none', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const lock = new Lock();
    lock.acquireSync();
    assert.equal(pool.submit(circles.tryFor, lock, 1_500).resultSync(), 'fallback');
    const holder = new Thread({ target: circles.releaseLate, args: [lock] }).start();
    assert.equal(pool.submit(circles.tryFor, lock, Infinity).resultSync(), 'locked');
    await holder.join();
    await using there = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.match(await pool.submit(circles.across, pool, there, 1_500), /^The task was not done in 1500 ms/);
  });

  check('what only takes long is none', async () => {
    await using here = new ThreadPoolExecutor({ maxWorkers: 1 });
    await using there = new ThreadPoolExecutor({ maxWorkers: 1 });
    const blocked = here.submit(circles.patient, there);
    const behind = here.submit(circles.patient, there);
    assert.equal(behind.resultSync({ timeout: 20_000 }), 16);
    assert.equal(await blocked, 16);
  });
});
