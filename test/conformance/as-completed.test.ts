/** What CPython promises of `concurrent.futures.as_completed`, a test a promise. */
import assert from 'node:assert/strict';
import { asCompleted, type Future, ThreadPoolExecutor, TimeoutError } from '../../src/futures/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { collected } from '../support/collected.ts';
import { until } from '../support/threads.ts';
import { everyState } from './fixtures/futures.ts';
import * as tasks from './fixtures/tasks.ts';

check('each future comes once, those that are done first (AsCompletedTests.test_no_timeout)', async () => {
  await using states = await everyState();
  const { cancelled, failed, successful, running, pending, gate } = states;
  const all: Future<unknown>[] = [cancelled, failed, successful, running, pending];
  const seen: unknown[] = [];
  for await (const future of asCompleted(all)) {
    seen.push(future);
    assert.equal(future.done(), true);
    if (seen.length === 3) gate.set();
  }
  assert.equal(seen.length, all.length);
  for (const future of all) assert.ok(seen.includes(future));
  assert.deepEqual(new Set(seen.slice(3)), new Set([running, pending]));
});

check('with a timeout of 0: what is done, then the error (AsCompletedTests.test_zero_timeout)', async () => {
  await using states = await everyState();
  const { cancelled, failed, successful, running } = states;
  const done: Future<unknown>[] = [cancelled, failed, successful];
  const seen: unknown[] = [];
  await assert.rejects(
    async () => {
      for await (const future of asCompleted([...done, running], { timeout: 0 })) seen.push(future);
    },
    (error) => error instanceof TimeoutError && /\b1 of 4\b/.test(error.message),
  );
  assert.equal(seen.length, 3);
  for (const future of done) assert.ok(seen.includes(future));
});

check('a future that is given three times comes once (AsCompletedTests.test_duplicate_futures)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  const gate = new Event();
  const future = pool.submit(tasks.waitFor, gate);
  function* thrice(): Generator<Future<string>> {
    for (let time = 0; time < 3; time++) yield future;
  }
  for (const futures of [[future, future, future], thrice()]) {
    const seen: unknown[] = [];
    const iterator = asCompleted(futures);
    gate.set();
    for await (const each of iterator) seen.push(each);
    assert.equal(seen.length, 1);
    assert.equal(seen[0], future);
  }
});

/** Reads one and keeps nothing of it. */
async function takeOne(iterator: AsyncIterator<unknown>): Promise<boolean | undefined> {
  return (await iterator.next()).done;
}

check(
  'a future that was given is not kept (AsCompletedTests.test_free_reference_yielded_future) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const refs: WeakRef<Future<unknown>>[] = [];
    function make(): AsyncIterableIterator<unknown> {
      const futures: Future<unknown>[] = [1, 2, 3].map((n) => pool.submit(tasks.square, n));
      futures.push(pool.submit(tasks.waitFor, gate));
      for (const future of futures) refs.push(new WeakRef(future));
      return asCompleted(futures, { timeout: 2_000 });
    }
    const gone = (ref: WeakRef<Future<unknown>>): Promise<boolean> => collected(() => ref.deref() === undefined, 50);
    const iterator = make();
    try {
      await until(() => pool.statistics().done === 3);
      for (const ref of refs.slice(0, 3)) {
        assert.equal(await takeOne(iterator), false);
        assert.ok(await gone(ref), 'the iterator keeps what it has given');
      }
      await assert.rejects(takeOne(iterator), TimeoutError);
    } finally {
      gate.set();
    }
    await until(() => pool.statistics().done === 4);
    assert.ok(await gone(refs[3]), 'it keeps what it has given up');
    assert.equal(await takeOne(iterator), true);
  },
);
