/** Executors in other threads than their maker's, and tasks that submit to the executor that runs them. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { BrokenExecutor, CancelledError, type Future, ThreadPoolExecutor } from '../../src/futures/index.ts';
import { lookForOthers } from '../../src/futures/kept-for-others.ts';
import { Queue } from '../../src/queue/index.ts';
import { Event, enumerate, Thread } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { collected } from '../support/collected.ts';
import { until } from '../support/threads.ts';
import { deaf } from './fixtures/forced.ts';
import * as sent from './fixtures/sent.ts';
import { square } from './fixtures/tasks.ts';

const SQUARES = Array.from({ length: 50 }, (_, n) => n * n);

describe('an executor that a thread was sent', () => {
  for (const use of [sent.squares, sent.squaresSync, sent.mapped]) {
    check(`${use.name}: tasks of several threads and of its maker, each with its own results`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const target = use as (executor: ThreadPoolExecutor, count: number) => number[];
      const threads = [1, 2, 3].map(() => new Thread({ target, args: [pool, 50] }).start());
      const own = await pool.map(square, [...SQUARES.keys()]).toArray();
      for (const thread of threads) assert.deepEqual(await thread.result(), SQUARES);
      assert.deepEqual(own, SQUARES);
      assert.ok(pool.statistics().workers <= 2);
    });
  }

  check('while its maker blocks: joinSync', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const thread = new Thread({ target: sent.squaresSync, args: [pool, 50] }).start();
    assert.equal(thread.joinSync({ timeout: 15_000 }), true);
    assert.deepEqual(await thread.result(), SQUARES);
    await pool.shutdown();
  });

  describe('while its maker blocks from the first to the last', () => {
    check('workers come as they are wanted, and no more than there may be; the maker finds them', async () => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: 'met' });
      const thread = new Thread({ target: sent.meet, args: [pool] }).start();
      assert.equal(thread.joinSync({ timeout: 15_000 }), true);
      const idents = (await thread.result()) as number[];
      assert.equal(new Set(idents).size, 2);
      assert.deepEqual(
        enumerate()
          .map(({ name }) => name)
          .filter((name) => name.startsWith('met'))
          .sort(),
        ['met_0', 'met_1'],
      );
      // Of its own tasks now, and of one that kills a worker which it did not start.
      assert.deepEqual(await pool.map(square, [...SQUARES.keys()]).toArray(), SQUARES);
      assert.equal(pool.statistics().workers, 2);
      const deaths = await Promise.all([1, 2].map(() => pool.submit(sent.die).exception()));
      assert.deepEqual(
        deaths.map((error) => error?.name),
        ['WorkerCrashedError', 'WorkerCrashedError'],
      );
      assert.equal(await pool.submit(square, 5), 25);
      await pool.shutdown();
      assert.equal(
        enumerate().some(({ name }) => name.startsWith('met')),
        false,
      );
    });

    check('a worker that dies is replaced; only its task fails', async () => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const thread = new Thread({ target: sent.outcomesSync, args: [pool] }).start();
      assert.equal(thread.joinSync({ timeout: 15_000 }), true);
      assert.deepEqual(await thread.result(), ['49', 'RangeError', 'WorkerCrashedError', '64']);
      await pool.shutdown();
    });

    check('a worker ended for the sake of another thread’s task: what else it ran is run again', async () => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 2, threadNamePrefix: 'ended' });
      const [running, mine, go] = [new Event(), new Event(), new Event()];
      const thread = new Thread({ target: sent.waits, args: [pool, running, go] }).start();
      assert.equal(running.waitSync({ timeout: 15_000 }), true);
      const own: Future<unknown> = pool.submit(deaf, mine);
      assert.equal(mine.waitSync({ timeout: 15_000 }), true);
      const worker = enumerate().find(({ name }) => name.startsWith('ended')) as unknown as Thread;
      running.clear();
      assert.equal(own.cancel({ force: true }), true);
      await until(() => worker.wasTerminated());
      // Again, though this thread may never hear of the death that it has caused.
      assert.equal(running.waitSync({ timeout: 15_000 }), true);
      go.set();
      assert.equal(thread.joinSync({ timeout: 15_000 }), true);
      assert.equal(await thread.result(), 'went through');
      await pool.shutdown();
    });

    check('the same where it gives up the thread: what else it ran goes on', async () => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 2 });
      const [running, mine, go] = [new Event(), new Event(), new Event()];
      const thread = new Thread({ target: sent.waits, args: [pool, running, go] }).start();
      assert.equal(running.waitSync({ timeout: 15_000 }), true);
      const own = pool.submit(sent.waitAsync, mine, new Event());
      assert.equal(mine.waitSync({ timeout: 15_000 }), true);
      running.clear();
      assert.equal(own.cancel({ force: true }), true);
      go.set();
      assert.equal(thread.joinSync({ timeout: 15_000 }), true);
      assert.equal(await thread.result(), 'went through');
      assert.equal(running.isSet(), false);
      await pool.shutdown();
    });
  });

  check('one that nobody refers to any more goes, with its workers; not as long as another thread has it', async () => {
    const named = (): number => enumerate().filter(({ name }) => name.startsWith('unknown')).length;
    const [go, ready] = [new Event(), new Event()];
    const begin = (): { thread: Thread<unknown[], number[]>; weak: WeakRef<object> } => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: 'unknown' });
      const target = sent.squaresTwice as never;
      return {
        thread: new Thread({ target, args: [pool, ready, go] as never }).start() as never,
        weak: new WeakRef(pool),
      };
    };
    const { thread, weak } = begin();
    await ready.wait();
    const gone = (): boolean => weak.deref() === undefined;
    lookForOthers();
    assert.equal(await collected(gone, 100), false);
    go.set();
    assert.deepEqual(await thread.result(), [...SQUARES, ...SQUARES]);
    assert.equal(await collected(gone, 1e9), true);
    await until(() => named() === 0);
  });

  check('one that only its own tasks were given goes, too', async () => {
    const named = (): number => enumerate().filter(({ name }) => name.startsWith('own')).length;
    const begin = async (): Promise<void> => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'own' });
      assert.equal(await pool.submit(sent.fibonacci, pool, 4), 3);
    };
    for (let n = 0; n < 3; n++) await begin();
    assert.ok(await collected(() => named() === 0, 1e9));
  });

  check('it comes back as itself, and goes on to other threads', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const queue = new Queue<unknown>();
    queue.putSync({ pool });
    assert.equal((queue.getSync() as { pool: unknown }).pool, pool);
    assert.deepEqual(await new Thread({ target: sent.further, args: [pool] }).start().result(), [0, 1, 4, 9]);
    assert.match(
      (await new Thread({ target: (it: ThreadPoolExecutor) => String(it), args: [pool] }).start().result()) as string,
      /^<ThreadPoolExecutor .*, sent here>$/,
    );
  });

  check('errors, and workers that die: those futures, and no others', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const thread = new Thread({ target: sent.outcomes, args: [pool] }).start();
    assert.deepEqual(await thread.result(), ['49', 'RangeError', 'WorkerCrashedError']);
    assert.equal(await pool.submit(square, 5), 25);
  });

  check('cancelled there: withdrawn, or its worker ended', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const thread = new Thread({ target: sent.cancels, args: [pool, new Event(), new Event()] }).start();
    assert.deepEqual(await thread.result(), [true, true, true, true, true]);
  });

  check('after shutdown it takes no more, and what it took is done', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [running, queued, go] = [new Event(), new Event(), new Event()];
    const thread = new Thread({ target: sent.twoInARow, args: [pool, running, queued, go] }).start();
    await queued.wait();
    const over = pool.shutdown();
    assert.match(
      await new Thread({ target: sent.submitError, args: [pool] }).start().result(),
      /^RuntimeError: .* takes no more tasks: shutdown\(\) was called\.$/,
    );
    go.set();
    assert.equal(await thread.result(), 4);
    await over;
  });

  check('its maker is gone: BrokenExecutor, at once and for what is pending', async () => {
    const handed = new Queue<ThreadPoolExecutor>();
    const [up, over] = [new Event(), new Event()];
    const maker = new Thread({
      target: async (queue: Queue<ThreadPoolExecutor>, up: Event, over: Event) => {
        const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
        await queue.put(pool);
        up.set();
        await over.wait();
      },
      args: [handed, up, over],
    }).start();
    await up.wait();
    const pool = await handed.get();
    assert.equal(await pool.submit(square, 3), 9);
    const pending = pool.submit(sent.waitFor, new Event(), new Event());
    await maker.terminate();
    await assert.rejects(pending.result(), BrokenExecutor);
    assert.throws(() => pool.submit(square, 1), BrokenExecutor);
    await maker.join();
  });

  check('shutdown is its maker’s', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const thread = new Thread({ target: (it: ThreadPoolExecutor) => it.shutdown(), args: [pool] }).start();
    await assert.rejects(thread.result(), /was made by another thread: shut it down there/);
  });

  check('cancelFutures cancels what other threads have waiting, too', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [queued, go] = [new Event(), new Event()];
    const thread = new Thread({
      target: async (it: ThreadPoolExecutor, queued: Event, go: Event) => {
        const running = new Event();
        const first = it.submit(sent.waitFor, running, go);
        await running.wait();
        const second = it.submit(square, 2);
        queued.set();
        const error = await second.exception().catch((reason: Error) => reason);
        go.set();
        await first;
        return error?.name;
      },
      args: [pool, queued, go],
    }).start();
    await queued.wait();
    await pool.shutdown({ cancelFutures: true });
    assert.equal(await thread.result(), CancelledError.name);
  });

  check(
    'threads that submit are killed at random, and so are workers: the others’ tasks all end',
    async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: 'sentkill' });
      const back = new Queue<number>();
      for (let round = 0; round < rounds(8, 1000); round++) {
        const thread = new Thread({ target: sent.submitForEver, args: [pool, back] }).start();
        const other = new Thread({ target: sent.squares, args: [pool, 50] }).start();
        await back.getMany(1 + (round % 50));
        await thread.terminate();
        assert.deepEqual(await other.result(), SQUARES);
        assert.equal(await pool.submit(square, round), round * round);
      }
    },
    { timeout: 60_000 },
  );
});

describe('tasks that submit to their own executor', () => {
  for (const maxWorkers of [1, 2]) {
    check(`a tree of tasks on ${maxWorkers} worker(s), each awaiting its own`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers });
      assert.equal(await pool.submit(sent.fibonacci, pool, 8), 21);
      assert.ok(pool.statistics().workers <= maxWorkers);
      // And it is an ordinary executor again.
      assert.deepEqual(await pool.map(square, [1, 2, 3]).toArray(), [1, 4, 9]);
    });
  }

  for (const maxTasksPerWorker of [1, 2]) {
    check(`the same where a worker leaves after ${maxTasksPerWorker} tasks`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2, maxTasksPerWorker });
      assert.equal(await pool.submit(sent.fibonacci, pool, 6), 8);
    });
  }

  check('tasks of two executors that need each other', async () => {
    await using one = new ThreadPoolExecutor({ maxWorkers: 1 });
    await using other = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await one.submit(sent.throughOther, one, other, 6), 64);
  });

  check('map inside a task', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await pool.submit(sent.mapsInside, pool, [1, 2, 3, 4]), 30);
  });

  check('blocking for one’s own executor is refused at once', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    await assert.rejects(pool.submit(sent.blocksInside, pool).result(), {
      name: 'RuntimeError',
      message:
        /^resultSync\(\) in a task of the same executor, .*: its workers would wait for each other\. Await the future/,
    });
  });

  check('each knows its own currentTask() all the while', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.deepEqual(await Promise.all([1, 2].map(() => pool.submit(sent.knowsItself, pool))), [true, true]);
  });
});
