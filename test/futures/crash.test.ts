/** Workers that die, at every step: exactly their task fails, they are replaced, nothing hangs. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { BrokenExecutor, type Future, ThreadPoolExecutor, WorkerCrashedError } from '../../src/futures/index.ts';
import { addressOf, BLOCK, heap } from '../../src/memory/index.ts';
import { Event, enumerate, Lock, setExceptHook } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { turns, until } from '../support/threads.ts';
import { dieLater, failOnceSet, sayAndAwait } from './fixtures/dying.ts';
import * as tasks from './fixtures/tasks.ts';

const workersOf = (prefix: string) => enumerate().filter(({ name }) => name.startsWith(`${prefix}_`));
const limits = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 };

describe('a task that kills its worker', () => {
  const ways: [string, (...args: never[]) => unknown, unknown[], RegExp][] = [
    ['process.exit(3)', tasks.exitWith, [3], /process\.exit\(3\)/],
    ['process.exit(0)', tasks.exitWith, [0], /process\.exit\(0\) ended it in the middle of the task/],
    ['the end of its memory', tasks.eatMemory, [], /ran out of memory: raise resourceLimits\.maxOldGenerationSizeMb/],
    ['an error in a timer', tasks.throwFromTimer, [], /from a timer/],
    ['a rejection that nobody handles', tasks.rejectUnhandled, [], /nobody handles me/],
    ['its own terminate()', tasks.terminateMyself, [], /was terminated/],
  ];
  for (const [what, fn, args, message] of ways) {
    check(`${what}: WorkerCrashedError at once; its neighbours are untouched; it is replaced`, async () => {
      setExceptHook(() => {});
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2, resourceLimits: limits, threadNamePrefix: 'doomed' });
      const [running, gate] = [new Event(), new Event()];
      const neighbour = pool.submit(tasks.sayAndWait, running, gate);
      await running.wait();
      const future = pool.submit(fn as (...args: unknown[]) => unknown, ...args);
      const after = [1, 2, 3].map((n) => pool.submit(tasks.square, n));
      const error = (await future.exception()) as Error;
      assert.ok(error instanceof WorkerCrashedError, String(error));
      assert.match(error.message, /^The task's worker doomed_\d+ died/);
      assert.match(error.message, message);
      assert.deepEqual(await Promise.all(after), [1, 4, 9]);
      assert.equal(neighbour.running(), true);
      gate.set();
      assert.equal(await neighbour, 'went through');
      const { done, failed } = pool.statistics();
      assert.deepEqual({ done, failed }, { done: 4, failed: 1 });
      setExceptHook(undefined);
    });
  }

  check('the error has the exit code, and no lines where nothing was written', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    for (const code of [0, 3]) {
      const error = (await pool.submit(tasks.exitWith, code).exception()) as WorkerCrashedError;
      assert.deepEqual([error.exitCode, error.lastLines], [code, []]);
      assert.doesNotMatch(error.message, /wrote/);
    }
    const error = (await pool.submit(tasks.terminateMyself).exception()) as WorkerCrashedError;
    assert.equal('exitCode' in error, false);
  });

  check('endless recursion is a RangeError of the task, and the worker lives', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const ident = await pool.submit(tasks.workerIdent);
    await assert.rejects(pool.submit(tasks.recurse, 0).result(), { name: 'RangeError', message: /call stack/ });
    assert.equal(await pool.submit(tasks.workerIdent), ident);
  });

  check('what it held is abandoned', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const lock = new Lock();
    await assert.rejects(pool.submit(tasks.holdAndExit, lock).result(), WorkerCrashedError);
    assert.equal(lock.acquireSync({ timeout: 5000 })?.abandoned, true);
  });

  check('many in a row, and all workers at once', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    for (let round = 0; round < 5; round++) {
      const deadly = [1, 2, 3].map((code) => pool.submit(tasks.exitWith, code));
      const good = pool.submit(tasks.square, round);
      for (const future of deadly) assert.ok((await future.exception()) instanceof WorkerCrashedError);
      assert.equal(await good, round * round);
    }
  });
});

describe('terminated from outside', () => {
  check('a worker that has nothing to do: nobody notices', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'idle' });
    assert.equal(await pool.submit(tasks.square, 2), 4);
    await workersOf('idle')[0].terminate();
    assert.equal(await pool.submit(tasks.square, 3), 9);
  });

  check('a worker that has not come up yet is replaced, and its executor is not broken', async () => {
    const [starting, gate] = [new Event(), new Event()];
    const initializer = tasks.sayAndWait;
    const initArgs = [starting, gate];
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'early', initializer, initArgs });
    const future = pool.submit(tasks.square, 2);
    await starting.wait();
    await workersOf('early')[0].terminate();
    gate.set();
    assert.equal(await future, 4);
  });

  check('one that runs a task: that task only', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'busy' });
    const running = new Event();
    const future = pool.submit(tasks.sayAndWait, running, new Event());
    const next = pool.submit(tasks.square, 5);
    await running.wait();
    await workersOf('busy')[0].terminate();
    await assert.rejects(future.result(), {
      name: 'WorkerCrashedError',
      message: /busy_0 died: busy_0 was terminated/,
    });
    assert.equal(await next, 25);
  });

  check('a cancelled task in the ring does not hide one that its worker took and never began', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'hidden' });
    for (let round = 0; round < rounds(6, 200); round++) {
      const futures = Array.from({ length: 6 }, (_, n) => pool.submit(tasks.square, n));
      futures[5].cancel();
      const victim = workersOf('hidden')[0];
      if (victim) await victim.terminate();
      const outcomes = await Promise.allSettled(futures.map((future) => future.result({ timeout: 10_000 })));
      assert.ok(
        outcomes.every((outcome) => outcome.status === 'fulfilled' || outcome.reason.code !== 'TELAIO_TIMEOUT'),
      );
    }
  });

  check(
    'random kills while tasks stream through: every future settles exactly once, no value is wrong',
    async () => {
      const kills = rounds(200, 2_000);
      const pool = new ThreadPoolExecutor({ maxWorkers: 3, threadNamePrefix: 'target' });
      let [killed, submitted, settledCount, crashed, seed] = [0, 0, 0, 0, 12345];
      const random = (below: number): number => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return Math.floor((seed / 2 ** 32) * below);
      };
      const inFlight = new Set<Future<unknown>>();
      const submitOne = (): void => {
        const n = submitted++;
        const future: Future<unknown> = n % 3 === 0 ? pool.submit(tasks.squareLater, n) : pool.submit(tasks.square, n);
        inFlight.add(future);
        let calls = 0;
        future.addDoneCallback(() => {
          assert.equal(++calls, 1);
          assert.ok(inFlight.delete(future));
          settledCount++;
          if (future.failed) {
            assert.ok(future.error instanceof WorkerCrashedError, String(future.error));
            crashed++;
          } else {
            assert.equal(future.value, n * n);
          }
        });
      };
      while (killed < kills) {
        while (inFlight.size < 30) submitOne();
        const workers = workersOf('target');
        if (workers.length > 0) {
          const victims = random(4) === 0 ? workers : [workers[random(workers.length)]];
          for (const victim of victims) {
            void victim.terminate();
            killed++;
          }
        }
        const before = settledCount;
        const pause = random(3);
        if (pause === 0) await turns(1 + random(5));
        else await until(() => settledCount > before + random(10));
      }
      await pool.shutdown();
      assert.equal(settledCount, submitted);
      assert.equal(inFlight.size, 0);
      const { done, failed } = pool.statistics();
      assert.deepEqual({ done, failed }, { done: submitted - crashed, failed: crashed });
      await pool[Symbol.asyncDispose]();
    },
    { timeout: 60_000 },
  );

  check('kills leave nothing in the shared heap', async () => {
    const big = { text: 'x'.repeat(100_000) };
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'leaky' });
    const round = async (): Promise<void> => {
      const running = new Event();
      const future = pool.submit(
        (_big: object, it: Event) => {
          it.set();
          new Event().waitSync();
        },
        big,
        running,
      );
      await running.wait();
      await workersOf('leaky')[0].terminate();
      assert.ok((await future.exception()) instanceof WorkerCrashedError);
    };
    for (let warm = 0; warm < 3; warm++) await round();
    const used = heap.usedBytes();
    for (let index = 0; index < rounds(6, 300); index++) await round();
    assert.ok(heap.usedBytes() - used <= 2 ** 20, `grew by ${heap.usedBytes() - used} bytes`);
  });
});

describe('a worker that dies with a task in hand, of which it has not begun', () => {
  // It takes a task, and gives the event loop its turn before it begins it: so often, or oftener, when it has had none.
  const WITHOUT_TURN = 256;
  for (const how of ['exit 1', 'exit 0', 'throw'] as const) {
    for (const locks of [0, 500]) {
      check(`${how}, holding ${locks} locks: another runs the task`, async () => {
        setExceptHook(() => {});
        await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
        for (let round = 0; round < rounds(8, 200); round++) {
          const gate = new Event();
          const last = pool.submit(dieLater, how, locks, gate);
          const others = Array.from({ length: WITHOUT_TURN + 1 }, (_, n) => pool.submit(tasks.square, n));
          gate.set();
          assert.equal(await last.exception(), undefined);
          const ends = await Promise.all(others.map((other) => other.exception({ timeout: 10_000 })));
          const failed = ends.filter((error) => error !== undefined);
          // What is thrown is reported before the worker ends: in the middle of the next task, which then fails.
          assert.ok(failed.length <= (how === 'throw' ? 1 : 0), String(failed));
          for (const error of failed) assert.ok(error instanceof WorkerCrashedError);
        }
      });
    }
  }
});

check('a callback that aborts another task while both are failed: each ends once', async () => {
  const broken = new Event();
  const pool = new ThreadPoolExecutor({
    maxWorkers: 3,
    tasksPerWorker: 2,
    initializer: failOnceSet,
    initArgs: [broken],
  });
  const [controller, gate, running] = [new AbortController(), new Event(), new Event()];
  const first = pool.submit(sayAndAwait, running, gate);
  const second = pool.with({ signal: controller.signal }).submit(sayAndAwait, new Event(), gate);
  await running.wait();
  await until(() => second.running());
  first.addDoneCallback(() => controller.abort(new RangeError('with the other')));
  broken.set();
  // Wants a third worker, which breaks the executor; one of the others may be fast enough to run it all the same.
  const third = pool.submit(tasks.square, 3);
  assert.ok((await first.exception()) instanceof BrokenExecutor);
  await assert.rejects(second.result(), /with the other/);
  const lost = (await third.exception()) === undefined ? 0 : 1;
  gate.set();
  const { done, failed, cancelled, queued, running: still } = pool.statistics();
  assert.deepEqual([done, failed, cancelled, queued, still], [1 - lost, 1 + lost, 1, 0, 0]);
  await pool.shutdown();
  // No entry of the holdings was given back twice: then two of these would share one.
  const events = Array.from({ length: 600 }, () => new Event());
  for (const event of events.splice(0, 300)) event[Symbol.dispose]();
  for (const event of events) assert.equal(heap.load(addressOf(event) + BLOCK.COUNT), 1);
});
