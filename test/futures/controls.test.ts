/** What a task can be told: cancel, timeout, signal, priority, retries; and what it tells: progress, times, events. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import { describe } from 'node:test';
import {
  CancelledError,
  currentTask,
  type Future,
  ThreadPoolExecutor,
  TimeoutError,
  WorkerCrashedError,
} from '../../src/futures/index.ts';
import { heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Atomic, i32, Value } from '../../src/shared/index.ts';
import { Event, setExceptHook } from '../../src/threading/index.ts';
import { census, grown } from '../support/census.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import * as tasks from './fixtures/controlled.ts';
import { failOnThirteen, sayAndWait, square } from './fixtures/tasks.ts';

describe('cancel of a task that runs', () => {
  for (const task of [tasks.spinUntilAborted, tasks.waitUntilAborted]) {
    check(`${task.name}: its signal is aborted, and it ends as cancelled`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const running = new Event();
      const future = pool.submit(task as (event: Event) => unknown, running);
      await running.wait();
      assert.equal(future.cancel(), false);
      await assert.rejects(future.result(), CancelledError);
      assert.equal(future.cancelled(), true);
      assert.equal(await pool.submit(square, 3), 9);
      const { done, failed, cancelled } = pool.statistics();
      assert.deepEqual([done, failed, cancelled], [1, 0, 1]);
    });
  }

  check('a task that ends well all the same has a value', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const running = new Event();
    const future = pool.submit(tasks.spinUntilAskedTo, running);
    await running.wait();
    assert.equal(future.cancel(), false);
    assert.equal(await future, 'stopped by itself');
    assert.equal(future.cancelled(), false);
  });

  check('shutdown({ cancelFutures: true }) asks those that run to stop', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const running = new Event();
    const future = pool.submit(tasks.spinUntilAborted as (event: Event) => unknown, running);
    const waiting = pool.submit(square, 1);
    await running.wait();
    await pool.shutdown({ cancelFutures: true });
    assert.deepEqual([future.cancelled(), waiting.cancelled()], [true, true]);
  });
});

describe('timeout', () => {
  check('counts from the start of the task; the future fails, the signal is aborted', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const running = new Event();
    const timed = pool.with({ timeout: 60 });
    const futures: Future<unknown>[] = Array.from({ length: 3 }, () =>
      timed.submit(tasks.waitUntilAborted as (event: Event) => unknown, running),
    );
    // Each waits for those before it, for longer than its timeout in all.
    for (const future of futures) {
      await assert.rejects(future.result(), (error: Error) => {
        assert.ok(error instanceof TimeoutError);
        assert.equal(error.message, 'The task ran for longer than its timeout of 60 ms.');
        return true;
      });
    }
    assert.equal(await timed.submit(square, 2), 4);
  });

  check('while this thread is blocked', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const future = pool.with({ timeout: 30 }).submit(tasks.spinUntilAborted as (event: Event) => unknown, new Event());
    assert.throws(() => future.resultSync({ timeout: 10_000 }), TimeoutError);
  });
});

describe('signal', () => {
  check('one listener for all tasks of a signal, and none once they are done', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const { signal } = new AbortController();
    const view = pool.with({ signal });
    for (let round = 0; round < 2; round++) {
      const futures = Array.from({ length: 50 }, (_, n) => view.submit(square, n));
      assert.equal(getEventListeners(signal, 'abort').length, 1);
      await Promise.all(futures);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    }
  });

  check('withdraws what waits, stops what runs, and rejects with its reason', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const controller = new AbortController();
    const view = pool.with({ signal: controller.signal });
    const running = new Event();
    const first = view.submit(tasks.spinUntilAborted as (event: Event) => unknown, running);
    const second = view.submit(square, 2);
    await running.wait();
    controller.abort(new RangeError('enough'));
    for (const future of [first, second]) {
      await assert.rejects(future.result(), { name: 'RangeError', message: 'enough' });
    }
    assert.throws(() => view.submit(square, 2), { message: 'enough' });
    assert.equal(await pool.submit(square, 6), 36);
  });
});

describe('priority and retries', () => {
  check('the lowest number first, equals in their order, those without a priority as 0', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [running, gate] = [new Event(), new Event()];
    const order = new Value(i32, 0);
    const holding = pool.submit(
      (one: Event, two: Event) => {
        one.set();
        two.waitSync();
      },
      running,
      gate,
    );
    await running.wait();
    const all = [
      pool.submit(tasks.note, order, 3),
      pool.submit(tasks.note, order, 4),
      pool.with({ priority: 5 }).submit(tasks.note, order, 5),
      pool.with({ priority: -1 }).submit(tasks.note, order, 2),
      pool.with({ priority: -2 }).submit(tasks.note, order, 1),
    ];
    gate.set();
    await Promise.all([holding, ...all]);
    assert.equal(order.value, 12_345);
  });

  check('a task that fails is run again, so often', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const calls = new Value(i32, 0);
    assert.equal(await pool.with({ retries: 2 }).submit(tasks.failUntil, calls, 3), 3);
    calls.value = 0;
    await assert.rejects(pool.with({ retries: 1 }).submit(tasks.failUntil, calls, 3).result(), { message: 'call 2' });
    const { done, failed } = pool.statistics();
    assert.deepEqual([done, failed], [1, 1]);
  });

  check('also when its worker died', async () => {
    setExceptHook(() => {});
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const calls = new Value(i32, 0);
    assert.equal(await pool.with({ retries: 3 }).submit(tasks.dieUntil, calls, 3), 3);
    calls.value = 0;
    await assert.rejects(pool.with({ retries: 1 }).submit(tasks.dieUntil, calls, 3).result(), WorkerCrashedError);
    setExceptHook(undefined);
  });

  check('map through a view', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    assert.deepEqual(await pool.with({ priority: 1, retries: 1 }).map(square, [1, 2, 3]).toArray(), [1, 4, 9]);
  });
});

describe('what a task tells', () => {
  check('progress, in order, before the result', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const steps: unknown[] = [];
    const future = pool.submit(tasks.count, 10);
    future.onProgress((value) => steps.push((value as { step: number }).step));
    assert.equal(await future, 'counted');
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  check('times: how long tasks waited and ran', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.deepEqual(pool.statistics().run, { p50: 0, p99: 0 });
    const tasks = [1, 2, 3].map(() => [new Event(), new Event()]);
    const futures = tasks.map(([running, gate]) => pool.submit(sayAndWait, running, gate));
    for (const [running, gate] of tasks) {
      await running.wait();
      const started = performance.now();
      await until(() => performance.now() - started > 5);
      gate.set();
    }
    await Promise.all(futures);
    const { wait, run } = pool.statistics();
    assert.ok(run.p50 >= 4 && run.p50 < 1000, `${run.p50} ms`);
    assert.ok(run.p99 >= run.p50 && wait.p99 > run.p50, `${wait.p99} ms`);
  });

  check('events on diagnostics channels', async () => {
    setExceptHook(() => {});
    const heard: string[] = [];
    const names = ['telaio:task:submit', 'telaio:task:end', 'telaio:task:fail', 'telaio:worker:crash'];
    const errors: unknown[] = [];
    const listeners = names.map((name) => {
      const listener = (message: unknown): void => {
        heard.push(name.slice('telaio:'.length));
        if (name === 'telaio:task:fail') errors.push((message as { error: unknown }).error);
      };
      return [name, listener] as const;
    });
    for (const [name, listener] of listeners) subscribe(name, listener);
    {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      await pool.submit(square, 1);
      const failed = [
        await pool.submit(tasks.dieUntil, new Value(i32, 0), 9).exception(),
        await pool
          .map(failOnThirteen, [13])
          .toArray()
          .catch((error) => error),
      ];
      // Of an item of `map` its own error, not the outcome of its chunk.
      assert.deepEqual(errors, failed);
    }
    for (const [name, listener] of listeners) unsubscribe(name, listener);
    const each = [
      ['task:submit', 'task:end'],
      ['task:submit', 'worker:crash', 'task:fail'],
      ['task:submit', 'task:fail'],
    ];
    assert.deepEqual(heard, each.flat());
    setExceptHook(undefined);
  });

  check('the start of a task is told in its worker', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const seen: number[] = [];
    for (let n = 0; n < 4; n++) seen.push(await pool.submit(tasks.starts));
    assert.deepEqual(seen, [0, 1, 2, 3]);
  });

  check('one who hears of a task may cancel it before it is in', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const cancel = (message: unknown): void => void (message as { future: Future<unknown> }).future.cancel();
    const [running, gate] = [new Event(), new Event()];
    await pool.submit(square, 0);
    const first = pool.submit(sayAndWait, running, gate);
    await running.wait();
    const before = census(heap);
    subscribe('telaio:task:submit', cancel);
    const futures = Array.from({ length: 100 }, (_, n) => pool.submit(square, n));
    unsubscribe('telaio:task:submit', cancel);
    assert.ok(futures.every((future) => future.cancelled()));
    const after = census(heap);
    gate.set();
    await first;
    // None of their blocks is held by the ring, and free as well.
    assert.deepEqual(grown(before, after), {});
    const values = Array.from({ length: 300 }, (_, n) => pool.submit(square, n));
    for (const [n, value] of values.entries()) assert.equal(await value, n * n);
    const { cancelled, done, queued } = pool.statistics();
    assert.deepEqual([cancelled, done, queued], [100, 302, 0]);
  });

  check('a timer that a task has left behind is not taken for the next task', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const said = new Queue<string>();
    for (const awaits of [false, true, false, true]) {
      // Often enough for the worker to know the function.
      for (let round = 0; round < 3; round++) {
        await pool.submit(tasks.leavesTimer, said, awaits);
        const word = await pool.submit(tasks.goesOn, said);
        assert.ok(word === 'own' || word === 'none', `${awaits}, ${round}: ${word}`);
      }
    }
  });

  check('a function that gives a promise only at times is in its task all the while', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const heard: unknown[] = [];
    for (const how of ['sync', 'sync', 'timer', 'wait', 'sync', 'fork'] as const) {
      const future = pool.submit(tasks.sometimes, pool, how);
      future.onProgress((value) => heard.push(value));
      assert.equal(await future, true, how);
    }
    assert.deepEqual(heard, []);
  });

  check('progress that is told after the end is not heard', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const done = new Event();
    const heard: unknown[] = [];
    const future = pool.submit(tasks.tellsLate, done);
    future.onProgress((value) => heard.push(value));
    assert.equal(await future, 'ended');
    await done.wait();
    await pool.submit(square, 2);
    assert.deepEqual(heard, ['in time']);
  });

  check('outside a task there is none', () => {
    assert.throws(() => currentTask(), { name: 'RuntimeError', message: /currentTask\(\) is for functions/ });
  });
});

describe('several asynchronous tasks on one worker', () => {
  check('run at the same time, each with its own currentTask', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 2 });
    const [one, other] = [new Event(), new Event()];
    const idents = await Promise.all([pool.submit(tasks.meet, one, other), pool.submit(tasks.meet, other, one)]);
    assert.equal(idents[0], idents[1]);
  });

  check('never more than was said, and all get done', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2, tasksPerWorker: 4 });
    const [running, most, gate] = [new Atomic(i32), new Atomic(i32), new Event()];
    const futures = Array.from({ length: 80 }, () => pool.submit(tasks.beside, running, most, gate));
    await until(() => running.load() === 8);
    gate.set();
    await Promise.all(futures);
    assert.deepEqual([running.load(), most.load()], [0, 8]);
  });
});

describe('options that are wrong', () => {
  const rows: [object, RegExp][] = [
    [{ timout: 1 }, /^timout is no option of with\(\); did you mean timeout\?$/],
    [{ timeout: -1 }, /timeout is -1: give milliseconds/],
    [{ priority: Number.NaN }, /priority is NaN/],
    [{ retries: 0.5 }, /retries is 0\.5: give a whole number/],
    [{ signal: {} }, /signal is no AbortSignal/],
    [{ force: 1 }, /force is 1/],
  ];
  for (const [options, message] of rows) {
    check(`with(${Object.keys(options)})`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      assert.throws(() => pool.with(options), { message });
    });
  }
});

void until;
