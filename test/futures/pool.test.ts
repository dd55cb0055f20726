/** The executor's life: workers, shutdown, initializers, what it leaves, what nobody looked at. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { BrokenExecutor, type Future, ThreadPoolExecutor } from '../../src/futures/index.ts';
import { heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { activeCount, Event, enumerate, Thread } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, until } from '../support/threads.ts';
import { countsOf } from './counts.ts';
import * as tasks from './fixtures/tasks.ts';

const workersOf = (prefix: string) => enumerate().filter(({ name }) => name.startsWith(`${prefix}_`));

/** The first worker may have failed before the last submit. */
function submitUntilBroken(pool: ThreadPoolExecutor): Future<number>[] {
  const futures: Future<number>[] = [];
  try {
    for (const n of [1, 2, 3, 4]) futures.push(pool.submit(tasks.square, n));
  } catch (error) {
    assert.ok(error instanceof BrokenExecutor);
  }
  return futures;
}

describe('workers', () => {
  check('come as tasks come, maxWorkers at most, with names; tasks run at the same time', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 3, threadNamePrefix: 'crew' });
    assert.equal(pool.statistics().workers, 0);
    const gate = new Event();
    const running = Array.from({ length: 3 }, () => new Event());
    const futures = running.map((event) => pool.submit(tasks.sayAndWait, event, gate));
    for (const event of running) assert.equal(await event.wait({ timeout: 10_000 }), true);
    const more = pool.submit(tasks.workerName);
    assert.deepEqual(countsOf(pool), { workers: 3, queued: 1, running: 3, done: 0, failed: 0, cancelled: 0 });
    assert.deepEqual(
      workersOf('crew').map(({ name, daemon }) => [name, daemon]),
      [
        ['crew_0', true],
        ['crew_1', true],
        ['crew_2', true],
      ],
    );
    gate.set();
    assert.match(await more, /^crew_[012]$/);
    await Promise.all(futures);
    assert.deepEqual(countsOf(pool), { workers: 3, queued: 0, running: 0, done: 4, failed: 0, cancelled: 0 });
  });

  check('idleTimeout: not while a task waits', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 2, idleTimeout: 0 });
    const gate = new Event();
    const waiting = pool.submit(tasks.waitForAsync, gate);
    await until(() => waiting.running());
    assert.equal(await pool.submit(tasks.square, 3), 9);
    gate.set();
    assert.equal(await waiting, 'went through');
  });

  check('idleTimeout: one that has nothing to do ends; the next task gets another', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2, idleTimeout: 20 });
    assert.equal(await pool.submit(tasks.square, 3), 9);
    await until(() => pool.statistics().workers === 0);
    assert.equal(await pool.submit(tasks.square, 4), 16);
    for (let n = 0; n < 30; n++) assert.equal(await pool.submit(tasks.squareLater, n), n * n);
    const never = new ThreadPoolExecutor({ maxWorkers: 1, idleTimeout: 0 });
    for (let n = 0; n < 10; n++) assert.equal(await never.submit(tasks.square, n), n * n);
    await never.shutdown();
  });

  check('maxTasksPerWorker: another takes its place, no task is lost', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2, maxTasksPerWorker: 3 });
    const idents = await pool.map(tasks.workerIdent, Array(30).fill(0)).toArray();
    const perWorker = new Map<number, number>();
    for (const ident of idents) perWorker.set(ident, (perWorker.get(ident) ?? 0) + 1);
    assert.ok([...perWorker.values()].every((count) => count <= 3));
    assert.equal(idents.length, 30);
    assert.ok(perWorker.size >= 10);
  });

  check('initializer: in each worker before its first task, also an asynchronous one', async () => {
    for (const initializer of [tasks.prepare, tasks.prepareLater]) {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2, initializer, initArgs: [{ ready: true }] });
      const seen = await pool.map(() => tasks.whatWasPrepared(), Array(10).fill(0)).toArray();
      assert.deepEqual(new Set(seen.map((value) => JSON.stringify(value))), new Set(['{"ready":true}']));
    }
  });

  check('an initializer that cannot be sent is refused where the executor is made, by name', () => {
    const table = new WeakMap();
    assert.throws(() => new ThreadPoolExecutor({ initializer: () => table.get({}) }), {
      name: 'FunctionError',
      message: /^Function initializer .*it captures 'table', and table can't be copied.*WeakMap/,
    });
    assert.throws(() => new ThreadPoolExecutor({ initializer: tasks.prepare, initArgs: [{ deep: [table] }] }), {
      name: 'CloneError',
      message: /^initArgs\[0\]\.deep\[0\] can't be copied to another thread: a WeakMap/,
    });
  });

  for (const [what, initializer, message] of [
    ['throws', () => tasks.fail('no licence'), /initializer of .*failed: no licence\. Nothing can run in it/],
    ['exits', () => tasks.exitWith(4), /died before it could work: .*process\.exit\(4\)/],
    ['exits with 0', () => tasks.exitWith(0), /died before it could work/],
  ] as const) {
    check(
      `an initializer that ${what} breaks the executor: all tasks fail with BrokenExecutor, no further ones`,
      async () => {
        const pool = new ThreadPoolExecutor({ maxWorkers: 2, initializer });
        const futures = submitUntilBroken(pool);
        for (const future of futures) {
          await assert.rejects(future.result(), { name: 'BrokenExecutor', code: 'TELAIO_BROKEN_EXECUTOR', message });
        }
        assert.throws(() => pool.submit(tasks.square, 1), BrokenExecutor);
        assert.throws(() => pool.map(tasks.square, [1]), BrokenExecutor);
        await pool.shutdown();
        // One and the same failure, seen by nobody: once, as itself.
        const silent = new ThreadPoolExecutor({ maxWorkers: 2, initializer });
        submitUntilBroken(silent);
        await assert.rejects(silent[Symbol.asyncDispose](), { name: 'BrokenExecutor', message });
      },
    );
  }
});

describe('shutdown', () => {
  check('waits for all tasks and workers; afterwards submit and map are refused; again is fine', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: 'closing' });
    const futures = Array.from({ length: 20 }, (_, n) => pool.submit(tasks.squareLater, n));
    const down = pool.shutdown();
    assert.throws(() => pool.submit(tasks.square, 1), {
      name: 'RuntimeError',
      message: /closing.*takes no more tasks: shutdown\(\)/,
    });
    assert.throws(() => pool.map(tasks.square, [1]), { name: 'RuntimeError' });
    await down;
    assert.ok(futures.every((future) => future.done()));
    assert.equal(workersOf('closing').length, 0);
    assert.equal(await futures[19], 361);
    await pool.shutdown();
    await pool[Symbol.asyncDispose]();
    await new ThreadPoolExecutor().shutdown();
  });

  check('wait: false returns at once, what was submitted is done', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const futures = [pool.submit(tasks.waitFor, gate), pool.submit(tasks.waitFor, gate)];
    await pool.shutdown({ wait: false });
    assert.equal(futures[1].done(), false);
    const down = pool.shutdown();
    assert.equal(await settled(down), false);
    gate.set();
    assert.deepEqual(await Promise.all(futures), ['went through', 'went through']);
    await down;
  });

  check('cancelFutures cancels what no worker has begun', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [running, gate] = [new Event(), new Event()];
    const first = pool.submit(tasks.sayAndWait, running, gate);
    const rest = Array.from({ length: 10 }, (_, n) => pool.submit(tasks.square, n));
    await running.wait();
    const down = pool.shutdown({ cancelFutures: true });
    assert.ok(rest.every((future) => future.cancelled()));
    assert.equal(first.cancelled(), false);
    gate.set();
    await down;
    assert.equal(await first, 'went through');
    const { done, cancelled } = pool.statistics();
    assert.deepEqual({ done, cancelled }, { done: 1, cancelled: 10 });
  });

  check('rounds of executors leave nothing in the shared heap, and no thread', async () => {
    const round = async (): Promise<void> => {
      const gate = new Event();
      const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const big = { text: 'x'.repeat(20_000), gate };
      const futures = Array.from({ length: 20 }, () => pool.submit(tasks.echo, big));
      const captured = { n: 1 };
      await pool.map((n: number) => n + captured.n, [1, 2, 3, 4], { chunkSize: 2 }).toArray();
      futures.at(-1)!.cancel();
      for (const future of futures.slice(0, -1)) await future;
      await pool.shutdown({ cancelFutures: true });
    };
    const collect = async (): Promise<void> => {
      for (let times = 0; times < 3; times++) {
        (globalThis as { gc?: () => void }).gc?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (let warm = 0; warm < 10; warm++) await round();
    await collect();
    const used = heap.usedBytes();
    for (let index = 0; index < rounds(30, 2_000); index++) await round();
    await collect();
    assert.ok(heap.usedBytes() - used <= 4 * 2 ** 20, `grew by ${heap.usedBytes() - used} bytes`);
    await until(() => activeCount() === 1);
  });
});

describe('failures that nobody looked at', () => {
  check('one is thrown as itself on leaving the block, several as an AggregateError', async () => {
    await assert.rejects(
      async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
        pool.submit(tasks.fail, 'alone');
        pool.submit(tasks.square, 2);
      },
      { name: 'TypeError', message: 'alone', code: 'E_TASK' },
    );
    await assert.rejects(
      async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
        pool.submit(tasks.fail, 'first');
        pool.submit(tasks.failLater, 'second');
      },
      (error: AggregateError) => {
        assert.ok(error instanceof AggregateError);
        assert.deepEqual(error.errors.map(({ message }) => message).sort(), ['first', 'second']);
        assert.match(error.message, /2 tasks failed and nobody looked/);
        return true;
      },
    );
  });

  check('whoever looks, in whatever way, has seen it: it is not thrown again', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    await assert.rejects(pool.submit(tasks.fail, 'a').result());
    await pool.submit(tasks.fail, 'b').exception();
    assert.throws(() => pool.submit(tasks.fail, 'c').resultSync());
    await assert.rejects(async () => await pool.submit(tasks.fail, 'd'));
    const called = new Promise<void>((resolve) => pool.submit(tasks.fail, 'e').addDoneCallback(() => resolve()));
    await called;
    const late = pool.submit(tasks.fail, 'f');
    await until(() => late.done());
    await late.exception();
    // A cancelled one has no failure.
    const gates = [new Event(), new Event()];
    for (const gate of gates) pool.submit(tasks.waitFor, gate);
    assert.equal(pool.submit(tasks.fail, 'never runs').cancel(), true);
    for (const gate of gates) gate.set();
  });

  check('an error of the block itself stays the first', async () => {
    await assert.rejects(
      async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
        pool.submit(tasks.fail, 'in the task');
        throw new Error('in the block');
      },
      (error: SuppressedError) => {
        assert.equal(error.error.message, 'in the task');
        assert.equal(error.suppressed.message, 'in the block');
        return true;
      },
    );
  });
});

describe('executors in threads', () => {
  check('one that its thread forgot does its work to the end', async () => {
    const log = new Queue<number>();
    const thread = new Thread({
      target: (into: Queue<number>) => {
        const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
        for (let n = 0; n < 5; n++) pool.submit(tasks.note, into, n);
      },
      args: [log],
    }).start();
    await thread.join();
    for (let n = 0; n < 5; n++) assert.equal(await log.get({ timeout: 10_000 }), n);
  });

  check('the workers of one whose thread was terminated end too', async () => {
    const log = new Queue<number>();
    const thread = new Thread({
      target: async (into: Queue<number>) => {
        const pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: 'widowed' });
        await pool.submit(tasks.square, 2);
        into.putSync(1);
        new Event().waitSync();
      },
      args: [log],
    }).start();
    await log.get();
    assert.ok(workersOf('widowed').length > 0);
    await thread.terminate();
    await until(() => workersOf('widowed').length === 0);
  });
});
