/**
 * What CPython promises of every executor, a test a promise. `map` takes one source: where there are several in Python,
 * their items come in pairs here.
 *
 * differs: ExecutorTest.test_map_buffersize_without_iterable — map takes exactly one source, so that one that was forgotten is a TypeError at the call instead of no results
 */
import assert from 'node:assert/strict';
import { BrokenExecutor, ThreadPoolExecutor, TimeoutError } from '../../src/futures/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { collected } from '../support/collected.ts';
import { until } from '../support/threads.ts';
import { run } from '../threading/program.ts';
import { countFrom, zip } from './fixtures/futures.ts';
import * as tasks from './fixtures/tasks.ts';

const programs = new URL('./fixtures/executor-programs.ts', import.meta.url);
const SLOW = { timeout: 60_000 };

/** Runs a program that writes nothing on stderr and ends with 0; its lines. */
async function linesOf(name: string): Promise<string[]> {
  const { lines, stderr, code } = await run(programs, { args: [name] });
  assert.deepEqual({ stderr, code }, { stderr: '', code: 0 });
  return lines;
}

function open(): Event {
  const event = new Event();
  event.set();
  return event;
}

check('submit calls the function with the arguments (ExecutorTest.test_submit)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  assert.equal(await pool.submit(tasks.power, 2, 8).result(), 256);
});

check(
  'all arguments arrive; without a function it is refused (ExecutorTest.test_submit_keyword) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const options = { self: 1, fn: 2 };
    assert.deepEqual(await pool.submit(tasks.giveBack, 1, options, 'last'), [1, options, 'last']);
    for (const nothing of [undefined, { fn: tasks.power }]) {
      assert.throws(() => pool.submit(nothing as never, 2, 8), { name: 'TypeError', message: /give a function/ });
    }
  },
);

check('map gives the results in the order of the items (ExecutorTest.test_map) [adapted]', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  const pairs = () => zip(countFrom(0), Array(10).keys());
  const expected = [...pairs()].map(([base, exponent]) => base ** exponent);
  for (const chunkSize of [undefined, 3]) {
    assert.deepEqual(await pool.map(tasks.powerOf, pairs(), { chunkSize }).toArray(), expected);
  }
});

check(
  'a TimeoutError of the function is the item’s, not that of map (ExecutorTest.test_map_timeout_from_callable) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const results = pool.map(tasks.timeOutOnTwo, [1, 2, 3], { timeout: 60_000, chunkSize: 1 });
    assert.equal((await results.next()).value, 1);
    await assert.rejects(results.next(), (error) => error instanceof TimeoutError && error.message === 'my own');
    // An error ends the iteration, whatever it is.
    assert.equal((await results.next()).done, true);
  },
);

check('map gives what comes in time, then an error, then nothing (ExecutorTest.test_map_timeout)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  const shut = new Event();
  const start = performance.now();
  const results = pool.map(tasks.waitFor, [open(), open(), shut, open()], { timeout: 500, chunkSize: 1 });
  await until(() => pool.statistics().done === 2);
  assert.equal((await results.next()).value, 'went through');
  assert.equal((await results.next()).value, 'went through');
  // From the call of map on.
  await assert.rejects(results.next(), TimeoutError);
  const ms = performance.now() - start;
  assert.ok(ms > 450 && ms < 5_000, `${ms} ms`);
  assert.equal((await results.next()).done, true);
  await until(() => pool.statistics().cancelled === 1);
  shut.set();
});

check('return() of what map gives cancels the rest (ExecutorTest.test_map_close)', async () => {
  for (const [chunkSize, cancelled] of [
    [1, 2],
    [2, 1],
  ]) {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const shut = new Event();
    const items = [...Array.from({ length: chunkSize }, open), shut, open(), open()];
    const results = pool.map(tasks.waitFor, items, { chunkSize });
    assert.equal((await results.next()).value, 'went through');
    await until(() => pool.statistics().running === 1);
    await results.return!();
    assert.equal(pool.statistics().cancelled, cancelled);
    for (let time = 0; time < 2; time++) assert.equal((await results.next()).done, true);
    shut.set();
  }
});

check('a bufferSize below 1 is refused in the call (ExecutorTest.test_map_buffersize_value_validation)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  for (const bufferSize of [0, -1]) {
    assert.throws(() => pool.map(tasks.square, [1], { bufferSize }), {
      name: 'RangeError',
      message: `map: bufferSize is ${bufferSize}: give a whole number, 1 or more.`,
    });
  }
});

const sizes = [1, 2, 4, 8];

check('map with any bufferSize gives all results in order (ExecutorTest.test_map_buffersize)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  for (const bufferSize of sizes) {
    assert.deepEqual(await pool.map(tasks.square, [1, 2, 3, 4], { bufferSize }).toArray(), [1, 4, 9, 16]);
  }
});

check('and of pairs (ExecutorTest.test_map_buffersize_on_multiple_iterables) [adapted]', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  for (const bufferSize of sizes) {
    const results = pool.map(tasks.powerOf, zip([1, 2, 3, 4], [4, 3, 2, 1]), { bufferSize });
    assert.deepEqual(await results.toArray(), [1, 8, 9, 4]);
  }
});

check(
  'and from a source without an end (ExecutorTest.test_map_buffersize_on_multiple_infinite_iterables) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    for (const bufferSize of sizes) {
      const results = pool.map(tasks.powerOf, zip(countFrom(1), countFrom(0)), { bufferSize });
      const first: unknown[] = [];
      for (let n = 0; n < 5; n++) first.push((await results.next()).value);
      assert.deepEqual(first, [1, 2, 9, 64, 625]);
      await results.return!();
    }
  },
);

check('and of nothing nothing (ExecutorTest.test_map_buffersize_on_empty_iterable)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  for (const bufferSize of sizes) {
    assert.equal((await pool.map(tasks.square, [], { bufferSize }).next()).done, true);
  }
});

check(
  'shutdown right after map, with one task more than workers (ExecutorTest.test_shutdown_race_issue12456)',
  async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 3 });
    const results = pool.map(tasks.square, [1, 2, 3, 4], { chunkSize: 1 });
    await pool.shutdown();
    assert.deepEqual(await results.toArray(), [1, 4, 9, 16]);
  },
);

check('after a task nothing keeps what it was given (ExecutorTest.test_no_stale_references) [adapted]', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  function submit(): WeakRef<object>[] {
    const [given, captured] = [{ n: 1 }, { n: 2 }];
    const add = tasks.adderOf(captured);
    return [given, captured, add, pool.submit(add, given)].map((object) => new WeakRef(object));
  }
  const refs = submit();
  await until(() => pool.statistics().done === 1);
  for (const [index, ref] of refs.entries()) {
    assert.ok(
      await collected(() => ref.deref() === undefined, 50),
      ['argument', 'captured', 'function', 'future'][index],
    );
  }
});

check('without a worker it is refused (ExecutorTest.test_max_workers_negative)', () => {
  for (const maxWorkers of [0, -1]) {
    assert.throws(() => new ThreadPoolExecutor({ maxWorkers }), {
      name: 'RangeError',
      message: `maxWorkers is ${maxWorkers}: give a whole number, 1 or more.`,
    });
  }
});

check(
  'an error that counts as false is thrown all the same (ExecutorTest.test_swallows_falsey_exceptions)',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    for (const value of [false, 0, '', null, undefined]) {
      const thrown = (error: unknown): boolean => error === value;
      const future = pool.submit(tasks.throwValue, value);
      await assert.rejects(future.result(), thrown);
      assert.throws(() => future.resultSync(), thrown);
      await assert.rejects(pool.map(tasks.throwValue, [value]).toArray(), thrown);
    }
    const empty = Object.assign(new Error('empty'), { length: 0 });
    await assert.rejects(pool.submit(tasks.throwValue, empty).result(), { message: 'empty', length: 0 });
  },
);

check('after shutdown nothing can be submitted (ExecutorShutdownTest.test_run_after_shutdown)', async () => {
  const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  await pool.shutdown();
  assert.throws(() => pool.submit(tasks.power, 2, 5), { name: 'RuntimeError' });
});

check(
  'a program that ends without shutdown does its tasks first (ExecutorShutdownTest.test_interpreter_shutdown) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('neverShutDown'), ['main has ended', 'apple']);
  },
  SLOW,
);

check('shutdown waits for all that wait (ExecutorShutdownTest.test_hang_issue12364)', async () => {
  const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  const gate = new Event();
  const futures = Array.from({ length: 50 }, () => pool.submit(tasks.waitFor, gate));
  const down = pool.shutdown();
  gate.set();
  await down;
  for (const future of futures) assert.equal(future.resultSync({ timeout: 0 }), 'went through');
});

check('shutdown can cancel what has not begun (ExecutorShutdownTest.test_cancel_futures)', async () => {
  const pool = new ThreadPoolExecutor({ maxWorkers: 3 });
  const gate = new Event();
  const futures = Array.from({ length: 50 }, () => pool.submit(tasks.waitFor, gate));
  await until(() => pool.statistics().running === 3);
  const down = pool.shutdown({ cancelFutures: true });
  gate.set();
  await down;
  const cancelled = futures.filter((future) => future.cancelled());
  assert.equal(cancelled.length, 47);
  const others = futures.filter((future) => !future.cancelled());
  assert.ok(others.every((future) => future.done()));
  for (const future of others) assert.equal(await future.exception(), undefined);
});

check(
  'shutdown without waiting: the task is done before the program ends (ExecutorShutdownTest.test_hang_gh83386) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('shutDownWithoutWaiting'), ['shut down', 'apple']);
  },
  SLOW,
);

check('the initializer has run before the first task (InitializerMixin.test_initializer)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 2, initializer: tasks.prepare, initArgs: ['initialized'] });
  const futures = Array.from({ length: 4 }, () => pool.submit(tasks.whatWasPrepared));
  assert.deepEqual(await Promise.all(futures), Array(4).fill('initialized'));
});

check(
  'an initializer that throws breaks the executor (FailingInitializerMixin.test_initializer) [adapted]',
  async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 2, initializer: tasks.fail, initArgs: ['error in initializer'] });
    const futures = [pool.submit(tasks.square, 2)];
    // By now it may be broken.
    try {
      futures.push(pool.submit(tasks.square, 3));
    } catch (error) {
      assert.ok(error instanceof BrokenExecutor);
    }
    for (const future of futures) {
      // Nothing is logged: the error says it, and has the initializer's own as its cause.
      const error = await future.exception();
      assert.ok(error instanceof BrokenExecutor);
      assert.match(error.message, /initializer of .* failed: error in initializer/);
      assert.equal((error.cause as Error).name, 'RangeError');
    }
    assert.throws(() => pool.submit(tasks.square, 4), BrokenExecutor);
    await pool.shutdown();
  },
);

check(
  'and leaves nothing that would keep the program (FailingInitializerResourcesTest.test_spawn) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('failingInitializer'), ['BrokenExecutor', 'threads: 1']);
  },
  SLOW,
);
