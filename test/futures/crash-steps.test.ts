/** A worker's death at each step of a task's way: its future fails, exactly, and the executor goes on. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { BrokenExecutor, type Future, ThreadPoolExecutor, WorkerCrashedError } from '../../src/futures/index.ts';
import { enumerate } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { turns, until } from '../support/threads.ts';
import { never } from './fixtures/dies-on-import.ts';
import * as steps from './fixtures/steps.ts';
import { square } from './fixtures/tasks.ts';

const workersOf = (prefix: string) => enumerate().filter(({ name }) => name.startsWith(`${prefix}_`));

describe('a worker that dies', () => {
  const table: [step: string, submit: (pool: ThreadPoolExecutor) => Future<unknown>, code: number][] = [
    ['while it imports the module of the task', (pool) => pool.submit(never), 5],
    ['while it encodes a small result', (pool) => pool.submit(steps.deadlyResult, 10), 6],
    ['in the middle of a result of megabytes', (pool) => pool.submit(steps.deadlyResult, 300_000), 6],
    ['while it encodes the error', (pool) => pool.submit(steps.deadlyError), 7],
    ['while it encodes progress', (pool) => pool.submit(steps.deadlyProgress), 8],
    ['while it encodes what a promise gave', (pool) => pool.submit(steps.deadlyAwaited, 1000), 9],
  ];
  for (const [step, submit, code] of table) {
    check(`${step}: that future, with the exit code; the next ones go on`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      for (let round = 0; round < rounds(3, 100); round++) {
        const before = pool.submit(square, 2);
        const future = submit(pool);
        const behind = [3, 4].map((n) => pool.submit(square, n));
        const error = (await future.exception()) as WorkerCrashedError;
        assert.ok(error instanceof WorkerCrashedError, String(error));
        assert.equal(error.exitCode, code);
        assert.deepEqual([await before, ...(await Promise.all(behind))], [4, 9, 16]);
      }
    });
  }

  check('in its initializer: the executor is broken, and says so in each future', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 2, initializer: steps.exitAtOnce, initArgs: [4] });
    const futures = [1, 2, 3].map((n) => pool.submit(square, n));
    for (const future of futures) {
      assert.ok((await future.exception()) instanceof BrokenExecutor);
    }
    assert.throws(() => pool.submit(square, 1), BrokenExecutor);
    await pool.shutdown();
  });

  check('while the executor is shut down: what it ran fails, the rest is done, and it ends', async () => {
    for (let round = 0; round < rounds(5, 300); round++) {
      const prefix = `closing${round}`;
      const pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: prefix });
      const futures = Array.from({ length: 20 }, (_, n) => pool.submit(steps.renumber, steps.itemsOf(50), n));
      await until(() => futures.some((future) => future.done()));
      const down = pool.shutdown();
      await turns(round % 4);
      for (const worker of workersOf(prefix)) void worker.terminate();
      await down;
      assert.ok(futures.every((future) => future.done()));
      const errors = await Promise.all(futures.map((future) => future.exception()));
      assert.ok(errors.every((error) => error === undefined || error instanceof WorkerCrashedError));
      assert.ok(errors.filter((error) => error !== undefined).length <= 2, 'one task each');
      assert.equal(workersOf(prefix).length, 0);
    }
  });

  check(
    'at any moment of the way of large values: each future ends, and what arrives is whole',
    async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: 'large' });
      const items = steps.itemsOf(4_000);
      let crashed = 0;
      for (let round = 0; round < rounds(40, 3_000); round++) {
        const futures = [0, 1, 2].map((n) => pool.submit(steps.renumber, items, round + n));
        // Through decoding, running and encoding.
        await turns((round % 20) * 40);
        const victims = workersOf('large');
        if (victims.length > 0) void victims[round % victims.length].terminate();
        for (const [n, future] of futures.entries()) {
          const error = await future.exception();
          if (error !== undefined) {
            assert.ok(error instanceof WorkerCrashedError, String(error));
            crashed++;
            continue;
          }
          const value = await future;
          assert.equal(value.length, 4_000);
          assert.deepEqual(value[3_999], { id: round + n + 3_999, name: 'item 3999', tags: ['2', '6'] });
        }
      }
      assert.ok(crashed > 0);
      const { done, failed } = pool.statistics();
      assert.deepEqual([done + failed, failed], [rounds(40, 3_000) * 3, crashed]);
    },
    { timeout: 60_000 },
  );
});
