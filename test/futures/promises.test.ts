/** What docs/promises.md says of executors, where no other test shows it. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { CancelledError, type Future, ThreadPoolExecutor, TimeoutError } from '../../src/futures/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Atomic, i32 } from '../../src/shared/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import * as promised from './fixtures/promised.ts';
import { sayAndWait, square } from './fixtures/tasks.ts';

describe('functions', () => {
  check('a closure finds the classes, functions and constants of its module in the worker', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await pool.submit(promised.basketOf('lire'), [2, 4]), '9 lire');
    assert.deepEqual(await pool.map(promised.basketOf('€'), [[2], [1, 1]]).toArray(), ['3 €', '3 €']);
  });

  check('names and texts in any script, in modules, in closures, and in what they capture', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const straße = 'улица 路 🛤️';
    const wanted = promised.größe(straße);
    assert.equal(await pool.submit(promised.größe, straße), wanted);
    const ответ = { ключ: 'ž', 数: 42 };
    // The text before the captured names decides where they are found: it is longer in bytes than in letters.
    const функция = (добавка: string): string => `„žluťoučký kůň“ ${ответ.ключ}${добавка}${ответ.数} ${'🧵'.length}`;
    assert.equal(await pool.submit(функция, 'é'), функция('é'));
  });
});

describe('errors', () => {
  check('class, code, own properties, the cause with its code, and the stacks of both', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const error = (await pool.submit(promised.failDeep, 7).exception()) as Error & Record<string, unknown>;
    assert.ok(error instanceof TypeError);
    assert.deepEqual([error.message, error.code, error.order], ['order 7', 'E_ORDER', { id: 7 }]);
    const cause = error.cause as Error & { code: string };
    assert.ok(cause instanceof RangeError);
    assert.deepEqual([cause.message, cause.code], ['the disk is full', 'ENOSPC']);
    for (const { stack } of [error, cause]) {
      assert.match(stack!, /at failDeeper \(.*promised\.ts:\d+:\d+\)\n.*at (Module\.)?failDeep \(.*promised\.ts/);
    }
  });
});

describe('stopping', () => {
  for (const force of [false, true]) {
    check(`a task that is stopped${force ? ' by force' : ''} takes no other with it`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const events = [new Event(), new Event()];
      const gate = new Event();
      const neighbour = pool.submit(promised.identAfter, events[0], gate);
      await events[0].wait();
      const abort = new AbortController();
      const stopped = pool.with({ signal: abort.signal, force }).submit(promised.goOn, events[1], !force);
      const waiting = [1, 2, 3].map((n) => pool.submit(square, n));
      await events[1].wait();
      const reason = new Error('not wanted any more');
      abort.abort(reason);
      await assert.rejects(stopped.result(), (error) => error === reason);
      assert.deepEqual(await Promise.all(waiting), [1, 4, 9]);
      assert.equal(neighbour.running(), true);
      gate.set();
      assert.equal(typeof (await neighbour), 'number');
      const { done, failed, cancelled } = pool.statistics();
      assert.deepEqual({ done, failed, cancelled }, { done: 4, failed: 0, cancelled: 1 });
    });
  }

  check('a timeout begins with the task, not with the worker that has yet to come up', async () => {
    const [starting, gate] = [new Event(), new Event()];
    const initializer = sayAndWait;
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, initializer, initArgs: [starting, gate] });
    const timeout = 500;
    const submitted = performance.now();
    const future = pool.with({ timeout }).submit(square, 5);
    await starting.wait();
    await until(() => performance.now() - submitted > 1.5 * timeout);
    assert.equal(future.done(), false);
    gate.set();
    assert.equal(await future, 25);
  });

  check('after timeouts each answer is that of its own question', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    for (let round = 0; round < 5; round++) {
      const gate = new Event();
      const slow: Future<string> = pool.submit(promised.echoAfter<string>, gate, `slow ${round}`);
      await assert.rejects(slow.result({ timeout: 1 }), TimeoutError);
      assert.throws(() => slow.resultSync({ timeout: 1 }), TimeoutError);
      const next = pool.submit(promised.echoAfter<string>, gate, `next ${round}`);
      await assert.rejects(next.result({ timeout: 1 }), TimeoutError);
      const late = new Event();
      const stopped = pool.with({ timeout: 1 }).submit(promised.goOn, late, true);
      gate.set();
      assert.equal(await pool.submit(promised.echoAfter<string>, gate, `last ${round}`), `last ${round}`);
      await assert.rejects(stopped.result(), TimeoutError);
      assert.deepEqual([await next, await slow], [`next ${round}`, `slow ${round}`]);
    }
  });

  check('a task that computes is told to stop, and its worker takes the next one', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const running = new Event();
    const future = pool.submit(promised.goOn, running, true);
    await running.wait();
    future.cancel();
    await assert.rejects(future.result(), CancelledError);
    assert.equal(await pool.submit(square, 6), 36);
  });
});

describe('what workers keep and are told', () => {
  check('what a module makes at its first call is made once in a worker, and stays', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const made = new Atomic(i32, 0);
    const calls = Array.from({ length: 40 }, (_, n) => n);
    const seen = await Promise.all(calls.map((n) => pool.submit(promised.lookUp, made, n)));
    assert.deepEqual(
      seen.map(({ value }) => value),
      calls.map((n) => n / 2),
    );
    assert.equal(made.load(), new Set(seen.map(({ ident }) => ident)).size);
  });

  check('maxTasksPerWorker counts what a worker ran, not what was cancelled before', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, maxTasksPerWorker: 3 });
    const [running, gate, open] = [new Event(), new Event(), new Event()];
    open.set();
    const first = pool.submit(promised.identAfter, running, gate);
    await running.wait();
    for (let n = 0; n < 10; n++) assert.equal(pool.submit(square, n).cancel(), true);
    const others = Array.from({ length: 3 }, () => pool.submit(promised.identAfter, new Event(), open));
    gate.set();
    const [one, two, three, four] = await Promise.all([first, ...others]);
    assert.deepEqual([two, three], [one, one]);
    assert.notEqual(four, one);
  });

  check('a task asks back through one queue and is answered through another', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [questions, answers] = [new Queue<string>(), new Queue<number>()];
    const future = pool.submit(promised.converse, questions, answers);
    const sizes: Record<string, number> = { width: 1, height: 20, depth: 300 };
    for (let asked = 0; asked < 3; asked++) await answers.put(sizes[await questions.get()]);
    assert.equal(await future, 321);
  });

  check('values of 100 KB and more: arguments, results, captures, many at once', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    for (const length of [100_000, 1_000_000, 5_000_000]) {
      const text = 'ž'.repeat(length);
      assert.equal(await pool.submit(promised.lengthOf, text), length);
      const captured = { text, numbers: new Float64Array(length / 10).fill(length) };
      const back = await pool.submit((add: string) => ({ ...captured, text: captured.text + add }), '!');
      assert.equal(back.text, `${text}!`);
      assert.deepEqual([back.numbers.length, back.numbers[length / 10 - 1]], [length / 10, length]);
    }
    const texts = Array.from({ length: 40 }, (_, n) => String.fromCharCode(97 + (n % 26)).repeat(100_000 + n));
    const back = await Promise.all(texts.map((text) => pool.submit((it: string) => it, text)));
    assert.deepEqual(back, texts);
  });

  check('a main thread that computes does not keep the workers from the tasks that are in', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    await pool.submit(square, 1);
    const counter = new Atomic(i32);
    const futures = Array.from({ length: 200 }, () => pool.submit(promised.count, counter));
    // No turn of the event loop: whoever needs one would wait for ever.
    while (counter.load() < 200);
    await Promise.all(futures);
  });
});
