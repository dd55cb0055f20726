/**
 * What CPython promises of `threading.BoundedSemaphore`, a test a promise; what it promises of every semaphore stands in
 * semaphore.test.ts.
 *
 * A release too many throws RuntimeError, where Python has ValueError: the call's arguments are right, its moment is not.
 */
import assert from 'node:assert/strict';
import { BoundedSemaphore, RuntimeError } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { acquireIt, releaseIt } from './fixtures/barriers.ts';
import { resultsOf, startAll } from './fixtures/threads.ts';

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
