/**
 * What CPython promises of `concurrent.futures.ThreadPoolExecutor` beside what holds for every executor, a test a promise.
 *
 * differs: ThreadPoolExecutorTest.test_default_workers — as many workers as the machine runs at once, not min(32, n + 4): work that waits needs no threads in Node
 */
import assert from 'node:assert/strict';
import { type Future, ThreadPoolExecutor } from '../../src/futures/index.ts';
import { Event, enumerate } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { collected } from '../support/collected.ts';
import { until } from '../support/threads.ts';
import { run } from '../threading/program.ts';
import * as tasks from './fixtures/tasks.ts';

const workersOf = (prefix: string) => enumerate().filter(({ name }) => name.startsWith(`${prefix}_`));
const namesOf = (prefix: string) =>
  workersOf(prefix)
    .map(({ name }) => name)
    .sort();

check('sixty tasks that block have four threads, no more (ThreadPoolExecutorTest.test_saturation)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 4, threadNamePrefix: 'saturated' });
  const gate = new Event();
  const futures = Array.from({ length: 60 }, () => pool.submit(tasks.waitFor, gate));
  await until(() => pool.statistics().running === 4);
  assert.equal(pool.statistics().workers, 4);
  assert.equal(workersOf('saturated').length, 4);
  gate.set();
  await Promise.all(futures);
  assert.equal(pool.statistics().workers, 4);
});

check('tasks one after the other have one thread (ThreadPoolExecutorTest.test_idle_thread_reuse)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 4 });
  for (const n of [21, 6, 3]) assert.equal(await pool.submit(tasks.square, n), n * n);
  assert.equal(pool.statistics().workers, 1);
});

check('shutdown ends the threads, which can be joined (ThreadPoolShutdownTest.test_threads_terminate)', async () => {
  const pool = new ThreadPoolExecutor({ maxWorkers: 8, threadNamePrefix: 'ending' });
  const gate = new Event();
  for (let n = 0; n < 3; n++) pool.submit(tasks.waitFor, gate);
  await until(() => pool.statistics().running === 3);
  const threads = workersOf('ending');
  assert.equal(threads.length, 3);
  gate.set();
  await pool.shutdown();
  for (const thread of threads) {
    assert.equal(await thread.join({ timeout: 10_000 }), true);
    assert.equal(thread.isAlive(), false);
  }
});

check('leaving the block shuts down and waits (ThreadPoolShutdownTest.test_context_manager_shutdown)', async () => {
  let left: ThreadPoolExecutor;
  {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 5, threadNamePrefix: 'block' });
    left = pool;
    assert.deepEqual(await pool.map(tasks.square, [-5, -4, 0, 3]).toArray(), [25, 16, 0, 9]);
  }
  assert.equal(left.statistics().workers, 0);
  assert.deepEqual(workersOf('block'), []);
  assert.throws(() => left.submit(tasks.square, 1), { name: 'RuntimeError' });
});

check(
  'dropped without a shutdown it does its work, and its threads end (ThreadPoolShutdownTest.test_del_shutdown) [adapted]',
  async () => {
    function drop(gate: Event): Future<string>[] {
      const pool = new ThreadPoolExecutor({ maxWorkers: 5, threadNamePrefix: 'dropped' });
      return Array.from({ length: 10 }, () => pool.submit(tasks.waitFor, gate));
    }
    async function results(): Promise<string[]> {
      const gate = new Event();
      const futures = drop(gate);
      gate.set();
      return await Promise.all(futures);
    }
    assert.deepEqual(await results(), Array(10).fill('went through'));
    // The futures hold the executor. Without them, it goes with a collection.
    assert.ok(await collected(() => workersOf('dropped').length === 0));
  },
);

/** The names of five workers, with each at a task of its own. */
async function fiveNames(pool: ThreadPoolExecutor): Promise<string[]> {
  const gate = new Event();
  for (let n = 0; n < 5; n++) pool.submit(tasks.waitFor, gate);
  const own = Array.from({ length: 5 }, () => pool.submit(tasks.nameOfWorker));
  await until(() => pool.statistics().running === 5);
  const [prefix] = (/(\S+): 5 of 5 workers/.exec(String(pool)) ?? []).slice(1);
  const names = namesOf(prefix);
  gate.set();
  // A thread calls itself the same.
  for (const name of await Promise.all(own)) assert.ok(names.includes(name), name);
  return names;
}

check('threads are named by the prefix (ThreadPoolShutdownTest.test_thread_names_assigned)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 5, threadNamePrefix: 'SpecialPool' });
  assert.deepEqual(
    await fiveNames(pool),
    [0, 1, 2, 3, 4].map((n) => `SpecialPool_${n}`),
  );
});

check('or by the executor’s number (ThreadPoolShutdownTest.test_thread_names_default)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 5 });
  const names = await fiveNames(pool);
  const [, prefix] = /^(ThreadPoolExecutor-\d+)_0$/.exec(names[0])!;
  assert.deepEqual(
    names,
    [0, 1, 2, 3, 4].map((n) => `${prefix}_${n}`),
  );
});

check(
  'a shutdown that cancels and does not wait ends well (ThreadPoolShutdownTest.test_cancel_futures_wait_false) [adapted]',
  async () => {
    const programs = new URL('./fixtures/executor-programs.ts', import.meta.url);
    const { lines, stderr, code } = await run(programs, { args: ['cancelWithoutWaiting'] });
    assert.deepEqual({ stderr, code }, { stderr: '', code: 0 });
    assert.match(lines.sort().join(), /^(cancelled|apple,runs)$/);
  },
  { timeout: 60_000 },
);
