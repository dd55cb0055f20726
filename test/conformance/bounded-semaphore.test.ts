/**
 * What CPython promises of `threading.BoundedSemaphore`, a test a promise; what it promises of every semaphore is tried
 * here too.
 *
 * A release too many throws RuntimeError, where Python has ValueError: the call's arguments are right, its moment is not.
 */
import assert from 'node:assert/strict';
import { i32, Value } from '../../src/shared/index.ts';
import { BoundedSemaphore, RuntimeError, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { acquireIt, releaseIt } from './fixtures/barriers.ts';
import { takePermit, takeTwoPermits, tryTwoPermits } from './fixtures/locks.ts';
import { isAbout, resultsOf, startAll, timed } from './fixtures/threads.ts';

check('a release above the first value is refused (BoundedSemaphoreTests.test_release_unacquired)', () => {
  const semaphore = new BoundedSemaphore();
  assert.throws(() => semaphore.release(), RuntimeError);
  semaphore.acquireSync();
  semaphore.release();
  assert.throws(() => semaphore.release(), RuntimeError);
  assert.equal(semaphore.statistics().value, 1);
});

check(
  'as many releases as acquires, from any thread, and no more (ThreadTests.test_BoundedSemaphore_limit)',
  async () => {
    for (let limit = 1; limit < 10; limit++) {
      const semaphore = new BoundedSemaphore(limit);
      await resultsOf(startAll(limit, acquireIt, [semaphore]));
      assert.equal(semaphore.tryAcquire(), undefined);
      await resultsOf(startAll(limit, releaseIt, [semaphore]));
      assert.throws(() => semaphore.release(), RuntimeError);
    }
  },
);

check('bounded: a negative number of permits is refused (BaseSemaphoreTests.test_constructor)', () => {
  for (const value of [-1, -(2 ** 31), -Infinity]) assert.throws(() => new BoundedSemaphore(value), RangeError);
});

check('bounded: dropped while taken, it neither blocks nor fails (BaseSemaphoreTests.test_acquire_destroy)', () => {
  const semaphore = new BoundedSemaphore();
  semaphore.acquireSync();
  semaphore[Symbol.dispose]();
});

for (const [title, release] of [
  [
    'bounded: never more pass than were released, one by one (BaseSemaphoreTests.test_acquire_contended)',
    (semaphore: BoundedSemaphore, n: number) => {
      for (let each = 0; each < n; each++) semaphore.release();
    },
  ],
  [
    'bounded: a release of n lets n through (BaseSemaphoreTests.test_multirelease)',
    (semaphore: BoundedSemaphore, n: number) => semaphore.release(n),
  ],
] as const) {
  check(title, async () => {
    const semaphore = new BoundedSemaphore(7);
    semaphore.acquireSync();
    const taken = new Value(i32, 0);
    const threads = startAll(10, takeTwoPermits, [semaphore, taken]);
    let passed = 0;
    for (const [given, more] of [
      [0, 6],
      [7, 7],
      [6, 6],
      [1, 1],
    ]) {
      if (given > 0) release(semaphore, given);
      passed += more;
      await until(() => taken.value === passed && semaphore.statistics().value === 0);
      await until(() => semaphore.statistics().waiting === threads.filter((thread) => thread.isAlive()).length);
      assert.equal(taken.value, passed);
      assert.equal(semaphore.tryAcquire(), undefined);
    }
    assert.deepEqual(await resultsOf(threads), Array(10).fill([true, true]));
  });
}

check('bounded: tried from five threads, there are three (BaseSemaphoreTests.test_try_acquire_contended)', async () => {
  const semaphore = new BoundedSemaphore(4);
  semaphore.acquireSync();
  const results = await resultsOf(startAll(5, tryTwoPermits, [semaphore]));
  assert.equal(results.flat().filter((got) => got).length, 3);
});

check('bounded: a wait has its time, or a permit (BaseSemaphoreTests.test_acquire_timeout)', async () => {
  const semaphore = new BoundedSemaphore(2);
  const got = (): boolean => semaphore.acquireSync({ timeout: 5 }) !== undefined;
  assert.deepEqual([got(), got(), got()], [true, true, false]);
  semaphore.release();
  assert.equal(got(), true);
  for (const wait of [() => semaphore.acquireSync({ timeout: 200 }), () => semaphore.acquire({ timeout: 200 })]) {
    const ms = await timed(async () => assert.equal(await wait(), undefined));
    assert.ok(isAbout(ms, 200), `${ms} ms`);
  }
});

check('bounded: without a number it is one permit (BaseSemaphoreTests.test_default_value)', async () => {
  const semaphore = new BoundedSemaphore();
  semaphore.acquireSync();
  const thread = new Thread({ target: takePermit, args: [semaphore] }).start();
  await until(() => semaphore.statistics().waiting === 1);
  semaphore.release();
  assert.equal(await thread.result(), true);
});
