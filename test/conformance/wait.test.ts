/**
 * What CPython promises of `concurrent.futures.wait`, a test a promise. A future that was cancelled is done at once:
 * there is no state between, in which no worker has heard of it.
 */
import assert from 'node:assert/strict';
import {
  ALL_COMPLETED,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  type Future,
  ThreadPoolExecutor,
  wait,
} from '../../src/futures/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { settled, until } from '../support/threads.ts';
import { everyState } from './fixtures/futures.ts';
import * as tasks from './fixtures/tasks.ts';
import { isAbout } from './fixtures/threads.ts';

const sets = (done: unknown[], notDone: unknown[]) => ({ done: new Set(done), notDone: new Set(notDone) });

/** By identity: futures are alike to `deepEqual`. */
function assertSets(given: { done: Set<unknown>; notDone: Set<unknown> }, done: unknown[], notDone: unknown[]): void {
  const expected = sets(done, notDone);
  assert.equal(given.done.symmetricDifference(expected.done).size, 0, 'done');
  assert.equal(given.notDone.symmetricDifference(expected.notDone).size, 0, 'notDone');
}

check('a future that is given twice counts once (WaitTests.test_20369)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  const gate = new Event();
  const future = pool.submit(tasks.waitFor, gate);
  const waiting = wait([future, future], { returnWhen: ALL_COMPLETED });
  assert.equal(await settled(waiting), false);
  gate.set();
  assertSets(await waiting, [future], []);
  assertSets(await wait([future, future]), [future], []);
});

check('FIRST_COMPLETED ends with the first, cancelled or not (WaitTests.test_first_completed) [adapted]', async () => {
  await using states = await everyState();
  const { running, pending, cancelled } = states;
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  const gate = new Event();
  const future = pool.submit(tasks.power, 21, 2);
  assertSets(await wait([future, running, pending], { returnWhen: FIRST_COMPLETED }), [future], [running, pending]);
  const next: Future<unknown> = pool.submit(tasks.waitFor, gate);
  const waiting = wait([running, next], { returnWhen: FIRST_COMPLETED });
  assert.equal(await settled(waiting), false);
  gate.set();
  assertSets(await waiting, [next], [running]);
  assertSets(await wait([running, cancelled], { returnWhen: FIRST_COMPLETED }), [cancelled], [running]);
});

check('FIRST_EXCEPTION waits for an error, not for a value (WaitTests.test_first_exception)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 3 });
  const [value, error, never] = [new Event(), new Event(), new Event()];
  const one: Future<unknown> = pool.submit(tasks.giveAfter, value, 42);
  const two: Future<unknown> = pool.submit(tasks.failAfter, error, 'second');
  const three: Future<unknown> = pool.submit(tasks.waitFor, never);
  const waiting = wait([one, two, three], { returnWhen: FIRST_EXCEPTION });
  value.set();
  await until(() => one.done());
  assert.equal(await settled(waiting), false);
  error.set();
  assertSets(await waiting, [one, two], [three]);
  never.set();
  assert.equal((await two.exception())?.message, 'second');
});

check(
  'nor for what is done or cancelled already (WaitTests.test_first_exception_some_already_complete) [adapted]',
  async () => {
    await using states = await everyState();
    const { successful, cancelled, running, pending } = states;
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const before: Future<unknown> = pool.submit(tasks.waitFor, gate);
    const failing: Future<unknown> = pool.submit(tasks.divide, 1n, 0n);
    const all: Future<unknown>[] = [successful, cancelled, before, failing, running, pending];
    const waiting = wait(all, { returnWhen: FIRST_EXCEPTION });
    // One that is cancelled meanwhile is no error either.
    pending.cancel();
    assert.equal(await settled(waiting), false);
    gate.set();
    assertSets(await waiting, [successful, cancelled, pending, before, failing], [running]);
    assert.match((await failing.exception())!.message, /zero/);
  },
);

check(
  'FIRST_EXCEPTION ends at once when there is one (WaitTests.test_first_exception_one_already_failed)',
  async () => {
    await using states = await everyState();
    const waiting = wait<Future<unknown>>([states.failed, states.running], { returnWhen: FIRST_EXCEPTION });
    assert.equal(await settled(waiting), true);
    assertSets(await waiting, [states.failed], [states.running]);
  },
);

check('with a timeout it ends without an error (WaitTests.test_timeout)', async () => {
  await using states = await everyState();
  const { successful, failed, cancelled, running } = states;
  const start = performance.now();
  const all: Future<unknown>[] = [successful, failed, cancelled, running];
  assertSets(await wait(all, { timeout: 200, returnWhen: ALL_COMPLETED }), [successful, failed, cancelled], [running]);
  const ms = performance.now() - start;
  assert.ok(isAbout(ms, 200), `${ms} ms`);
});

check('a hundred that are let go together are all counted (ThreadPoolWaitTests.test_pending_calls_race)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 4 });
  const gate = new Event();
  const futures = Array.from({ length: 100 }, () => pool.submit(tasks.waitFor, gate));
  await until(() => pool.statistics().running === 4);
  gate.set();
  assertSets(await wait(futures, { returnWhen: ALL_COMPLETED }), futures, []);
});
