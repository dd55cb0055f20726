/** submit, Future, wait, asCompleted: one task at a time. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe } from 'node:test';
import {
  ALL_COMPLETED,
  asCompleted,
  CancelledError,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  Future,
  ThreadPoolExecutor,
  TimeoutError,
  wait,
} from '../../src/futures/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { turns, until } from '../support/threads.ts';
import { broken } from '../threading/fixtures/broken-elsewhere.ts';
import { countsOf } from './counts.ts';
import * as tasks from './fixtures/tasks.ts';

describe('submit', () => {
  check('a result that this thread cannot receive fails its own task, and no other', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, resourceLimits: { stackSizeMb: 16 } });
    const before = pool.submit(tasks.square, 2);
    // As deep as only the worker's larger stack can hold.
    const future = pool.submit(tasks.nested, 12_000);
    const thrown = pool.submit(tasks.throwNested, 12_000);
    const chunk = pool.map(tasks.nested, [1, 12_000], { chunkSize: 2 });
    const after = pool.submit(tasks.square, 3);
    const expected = { name: 'CloneError', message: /^This thread can't receive the task's result: .*call stack/ };
    await assert.rejects(future.result(), expected);
    await assert.rejects(thrown.result(), {
      name: 'CloneError',
      message: /^This thread can't receive what the task failed/,
    });
    await assert.rejects(chunk.toArray(), expected);
    assert.deepEqual(await Promise.all([before, after]), [4, 9]);
    assert.equal(await pool.submit(tasks.square, 4), 16);
    const { done, failed } = pool.statistics();
    assert.deepEqual({ done, failed }, { done: 3, failed: 3 });
  });

  check('also beside an item that cannot be sent, and progress that this thread cannot receive', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, resourceLimits: { stackSizeMb: 16 } });
    const message = /can't receive .*call stack/;
    await assert.rejects(pool.map(tasks.nestedThenUncopyable, [12_000, 0], { chunkSize: 2 }).toArray(), { message });
    const warned = once(process, 'warning');
    const told: unknown[] = [];
    const future = pool.submit(tasks.tellNested, 12_000);
    future.onProgress((value) => told.push(value));
    assert.deepEqual([await future, told], ['done', ['on the way']]);
    assert.match(String((await warned)[0]), /This thread can't receive a task's progress: .*call stack/);
  });

  check('gives a future of the value; arguments and values travel by copy, shared objects by reference', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    assert.equal(await pool.submit(tasks.square, 7), 49);
    assert.equal(await pool.submit(tasks.squareLater, 8), 64);
    const gate = new Event();
    const value = { a: [1, new Map([['k', new Date(5)]])], gate };
    const [back] = (await pool.submit(tasks.echo, value)) as [typeof value];
    assert.notEqual(back, value);
    assert.deepEqual(back.a, value.a);
    assert.equal(back.gate, gate);
    assert.equal(await pool.submit(() => undefined), undefined);
    assert.equal(await pool.submit(tasks.same, null), null);
  });

  check('every submit of a closure sees what its variables are at that moment', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    let captured = 0;
    const closure = (): number => captured * 10;
    const futures = [];
    for (; captured < 20; captured++) futures.push(pool.submit(closure));
    assert.deepEqual(
      await Promise.all(futures),
      [...Array(20).keys()].map((n) => n * 10),
    );
  });

  check('tasks begin in the order of submit', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const log = new Queue<unknown>();
    for (let n = 0; n < 50; n++) pool.submit(tasks.note, log, n);
    for (let n = 0; n < 50; n++) assert.equal(await log.get({ timeout: 5000 }), n);
  });

  check('an error arrives whole, with the stack of the task', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    for (const fn of [tasks.fail, tasks.failLater]) {
      const future = pool.submit(fn, 'broken widget');
      const error = (await future.exception()) as unknown as TypeError & Record<string, unknown>;
      assert.ok(error instanceof TypeError);
      assert.equal(error.message, 'broken widget');
      assert.equal(error.code, 'E_TASK');
      assert.deepEqual(error.detail, { n: 1 });
      assert.ok(error.cause instanceof RangeError);
      assert.match(error.stack!, /at (Module\.)?fail.*fixtures\/tasks\.ts:\d+:\d+/);
      await assert.rejects(future.result(), (thrown) => thrown === error);
      assert.throws(() => future.resultSync(), { message: 'broken widget' });
    }
    for (const value of ['text', 0, undefined, null]) {
      const thrown = await pool.submit(tasks.throwValue, value).then(
        () => 'no',
        (error: unknown) => ({ error }),
      );
      assert.deepEqual(thrown, { error: value });
    }
  });

  check('a result that cannot be copied is a CloneError with its path, and the worker lives', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const ident = await pool.submit(tasks.workerIdent);
    await assert.rejects(pool.submit(tasks.uncopyable).result(), {
      name: 'CloneError',
      message: /^result\.deep\[0\]\.bad can't be copied/,
    });
    assert.equal(await pool.submit(tasks.workerIdent), ident);
  });

  check(
    'what a task throws, or tells of its progress, and cannot be copied: that is said, with the path in it',
    async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const refused = {
        name: 'CloneError',
        message: /^A task threw { it: .* }, which can't be sent: thrown\.it\.bad can't be copied/,
      };
      await assert.rejects(pool.submit(tasks.throwUncopyable, 1).result(), refused);
      await assert.rejects(pool.map(tasks.throwUncopyable, [1]).toArray(), refused);
      await assert.rejects(pool.submit(tasks.tellUncopyable).result(), {
        name: 'CloneError',
        message: /^progress\.bad can't be copied/,
      });
      assert.equal(await pool.submit(tasks.square, 4), 16);
    },
  );

  check('an argument that cannot be copied is refused by submit, with its path; nothing is left', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.throws(() => pool.submit(tasks.echo, 1, { a: [Promise.resolve()] }), {
      name: 'CloneError',
      message: /^args\[1\]\.a\[0\] can't be copied.*await it first/,
    });
    assert.deepEqual(countsOf(pool), { workers: 0, queued: 0, running: 0, done: 0, failed: 0, cancelled: 0 });
  });

  check('a module that cannot be imported is the error of the task', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    await assert.rejects(pool.submit(broken).result(), { message: /not in a thread/ });
    assert.equal(await pool.submit(tasks.square, 3), 9);
  });

  check(
    'a future that a function captures, or an argument holds, is refused; so is an executor seen through options',
    async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'mine' });
      const future = pool.submit(tasks.square, 2);
      const refused =
        /belongs to the thread that (made it|submitted the task).*(send the executor itself|send its result)/;
      assert.throws(() => pool.submit(() => future.done()), refused);
      assert.throws(() => pool.submit(tasks.same, { future }), refused);
      assert.throws(() => pool.submit(tasks.same, pool.with({ retries: 1 })), refused);
      assert.equal(await future, 4);
    },
  );

  check('a value that looks like a failed chunk is a value', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    pool.submit(tasks.likeAFailure);
    await pool[Symbol.asyncDispose]();
    assert.equal(pool.statistics().done, 1);
    assert.equal(pool.statistics().failed, 0);
  });

  check('an executor inside a worker of another', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.deepEqual(await pool.submit(tasks.poolInside, 5), [1, 4, 25]);
    assert.deepEqual(await pool.submit(tasks.poolInside, 6), [1, 4, 36]);
  });
});

describe('Future', () => {
  check('running, done, cancelled through its life; it is thenable', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [running, gate] = [new Event(), new Event()];
    const future = pool.submit(tasks.sayAndWait, running, gate);
    const next = pool.submit(tasks.square, 2);
    running.waitSync();
    assert.ok(future instanceof Future);
    assert.deepEqual([future.running(), future.done(), future.cancelled()], [true, false, false]);
    assert.deepEqual([next.running(), next.done(), next.cancelled()], [false, false, false]);
    assert.match(String(future), /running/);
    assert.match(String(next), /pending/);
    assert.equal(pool.statistics().running, 1);
    assert.equal(pool.statistics().queued, 1);
    gate.set();
    assert.equal(await future.then((text) => text.length), 12);
    assert.equal(await next.finally(() => {}), 4);
    assert.deepEqual([future.running(), future.done(), future.cancelled()], [false, true, false]);
    assert.equal(await future.exception(), undefined);
    assert.equal(await pool.submit(tasks.fail, 'caught').catch((error: Error) => error.message), 'caught');
  });

  check('cancel before, while, after', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [running, gate] = [new Event(), new Event()];
    const first = pool.submit(tasks.sayAndWait, running, gate);
    const log = new Queue<unknown>();
    const second = pool.submit(tasks.note, log, 'must not run');
    const third = pool.submit(tasks.square, 3);
    running.waitSync();
    assert.equal(first.cancel(), false);
    assert.equal(second.cancel(), true);
    assert.equal(second.cancel(), true);
    assert.deepEqual([second.cancelled(), second.done(), second.running()], [true, true, false]);
    gate.set();
    assert.equal(await third, 9);
    assert.equal(third.cancel(), false);
    await assert.rejects(second.result(), CancelledError);
    await assert.rejects(second.exception(), { code: 'TELAIO_CANCELLED' });
    assert.throws(() => second.resultSync(), CancelledError);
    assert.equal(log.qsize(), 0);
    assert.equal(pool.statistics().cancelled, 1);
  });

  check('result and exception: timeout, signal, RangeError; the task goes on', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const future = pool.submit(tasks.waitFor, gate);
    await assert.rejects(future.result({ timeout: 5 }), TimeoutError);
    await assert.rejects(future.exception({ timeout: 0 }), { code: 'TELAIO_TIMEOUT', message: /5 ms|0 ms/ });
    assert.throws(() => future.resultSync({ timeout: 5 }), TimeoutError);
    const abort = new AbortController();
    const waiting = future.result({ signal: abort.signal });
    abort.abort('enough');
    await assert.rejects(waiting, (reason) => reason === 'enough');
    await assert.rejects(future.result({ signal: abort.signal }), (reason) => reason === 'enough');
    for (let round = 0; round < 2; round++) {
      for (const timeout of [-1, Number.NaN]) {
        await assert.rejects(future.result({ timeout }), RangeError);
        await assert.rejects(future.exception({ timeout }), RangeError);
        assert.throws(() => future.resultSync({ timeout }), RangeError);
      }
      gate.set();
      assert.equal(await future.result({ timeout: 5000 }), 'went through');
    }
  });

  check('resultSync while the main thread is blocked and other tasks go on', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const futures = Array.from({ length: 40 }, (_, n) => pool.submit(tasks.squareLater, n));
    assert.equal(futures[39].resultSync(), 39 * 39);
    for (const [n, future] of futures.entries()) assert.equal(future.resultSync(), n * n);
    assert.throws(() => pool.submit(tasks.fail, 'sync').resultSync(), { message: 'sync' });
    // A worker that dies is noticed, and replaced, without the event loop.
    assert.throws(() => pool.submit(tasks.exitWith, 3).resultSync(), { name: 'WorkerCrashedError' });
    assert.throws(() => pool.submit(tasks.exitWith, 3).resultSync(), { name: 'WorkerCrashedError' });
    assert.throws(() => pool.submit(tasks.exitWith, 3).resultSync(), { name: 'WorkerCrashedError' });
    assert.equal(pool.submit(tasks.square, 5).resultSync(), 25);
  });

  check('addDoneCallback: once, in order, at once when done', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const future = pool.submit(tasks.waitFor, gate);
    const log: unknown[] = [] as unknown[];
    const both = (it: unknown): void => void log.push(['both', it === future]);
    future.addDoneCallback(both);
    future.addDoneCallback(both);
    future.addDoneCallback(() => log.push('second'));
    assert.equal(log.length, 0);
    gate.set();
    await future;
    await turns();
    future.addDoneCallback(() => void log.push('late'));
    assert.deepEqual(log, [['both', true], ['both', true], 'second', 'late']);
  });
});

describe('wait and asCompleted', () => {
  check('wait: all, first, first with an error, timeout', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 4 });
    const gates = Array.from({ length: 3 }, () => new Event());
    const futures = gates.map((gate) => pool.submit(tasks.waitFor, gate));
    const late = await wait(futures, { timeout: 5 });
    assert.deepEqual([late.done.size, late.notDone.size], [0, 3]);
    gates[1].set();
    const first = await wait(futures, { returnWhen: FIRST_COMPLETED });
    assert.deepEqual([...first.done], [futures[1]]);
    assert.equal(first.notDone.size, 2);
    const failing = pool.submit(tasks.fail, 'first error');
    const exception = await wait([...futures, failing], { returnWhen: FIRST_EXCEPTION });
    assert.ok(exception.done.has(failing));
    assert.equal(exception.notDone.size, 2);
    gates[0].set();
    gates[2].set();
    const all = await wait(futures, { returnWhen: ALL_COMPLETED });
    assert.deepEqual([all.done.size, all.notDone.size], [3, 0]);
    assert.deepEqual(await wait([]), { done: new Set(), notDone: new Set() });
    await assert.rejects(async () => await wait(futures, { returnWhen: 'SOMETIME' as never }), RangeError);
    await assert.rejects(async () => await wait(futures, { timeout: -1 }), RangeError);
    // wait doesn't look at outcomes, so the failure is still to be looked at.
    await failing.exception();
  });

  check('asCompleted: in the order of completion, each once, TimeoutError', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 3 });
    const gates = Array.from({ length: 3 }, () => new Event());
    const futures = gates.map((gate) => pool.submit(tasks.waitFor, gate));
    const order: number[] = [];
    gates[2].set();
    for await (const future of asCompleted([...futures, futures[0]])) {
      order.push(futures.indexOf(future as never));
      gates[1].set();
      if (order.length === 2) gates[0].set();
    }
    assert.deepEqual(order, [2, 1, 0]);
    const gate = new Event();
    const slow = pool.submit(tasks.waitFor, gate);
    await assert.rejects(
      async () => {
        for await (const _ of asCompleted([slow, futures[0]], { timeout: 20 }));
      },
      { name: 'TimeoutError', message: /1 of 2 futures were not done in 20 ms/ },
    );
    gate.set();
    await slow;
    await until(() => pool.statistics().running === 0);
  });
});
