/** What CPython promises of `threading.Semaphore`, a test a promise; also what it promises of both kinds. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { i32, Value } from '../../src/shared/index.ts';
import { BoundedSemaphore, Semaphore, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { takePermit, takeTwoPermits, tryTwoPermits } from './fixtures/locks.ts';
import { isAbout, resultsOf, startAll, timed } from './fixtures/threads.ts';

/** Ten threads take two permits each, of seven; `release` gives n back. */
async function contend(semaphore: Semaphore, release: (n: number) => void): Promise<void> {
  semaphore.acquireSync();
  const taken = new Value(i32, 0);
  const threads = startAll(10, takeTwoPermits, [semaphore, taken]);
  let passed = 0;
  async function expect(more: number): Promise<void> {
    passed += more;
    // Exactly as many: the permits are gone, and whoever has not ended waits.
    await until(() => taken.value === passed && semaphore.statistics().value === 0);
    await until(() => semaphore.statistics().waiting === threads.filter((thread) => thread.isAlive()).length);
    assert.equal(taken.value, passed);
    assert.equal(semaphore.tryAcquire(), undefined);
  }
  await expect(6);
  release(7);
  await expect(7);
  release(6);
  await expect(6);
  release(1);
  await expect(1);
  assert.deepEqual(await resultsOf(threads), Array(10).fill([true, true]));
  assert.deepEqual(semaphore.statistics(), { waiting: 0, value: 0 });
}

for (const Kind of [Semaphore, BoundedSemaphore]) {
  const { name } = Kind;

  check(`${name}: a negative number of permits is refused (BaseSemaphoreTests.test_constructor)`, () => {
    for (const value of [-1, -(2 ** 31), -Infinity]) assert.throws(() => new Kind(value), RangeError);
    assert.equal(new Kind(0).tryAcquire(), undefined);
  });

  check(`${name}: dropped while taken, it neither blocks nor fails (BaseSemaphoreTests.test_acquire_destroy)`, () => {
    const semaphore = new Kind();
    semaphore.acquireSync();
    semaphore[Symbol.dispose]();
    assert.throws(() => semaphore.release(), { name: 'DisposedError' });
  });

  check(`${name}: never more pass than were released, one by one (BaseSemaphoreTests.test_acquire_contended)`, () => {
    const semaphore = new Kind(7);
    return contend(semaphore, (n) => {
      for (let each = 0; each < n; each++) semaphore.release();
    });
  });

  check(`${name}: a release of n lets n through (BaseSemaphoreTests.test_multirelease)`, () => {
    const semaphore = new Kind(7);
    return contend(semaphore, (n) => semaphore.release(n));
  });

  check(
    `${name}: tried from five threads, there are three (BaseSemaphoreTests.test_try_acquire_contended)`,
    async () => {
      const semaphore = new Kind(4);
      semaphore.acquireSync();
      const results = await resultsOf(startAll(5, tryTwoPermits, [semaphore]));
      assert.equal(results.flat().filter((got) => got).length, 3);
      assert.equal(results.flat().length, 10);
    },
  );

  check(
    `${name}: a wait has its time, and ends with a permit if one comes (BaseSemaphoreTests.test_acquire_timeout)`,
    async () => {
      const semaphore = new Kind(2);
      const got = (): boolean => semaphore.acquireSync({ timeout: 5 }) !== undefined;
      assert.deepEqual([got(), got(), got()], [true, true, false]);
      semaphore.release();
      assert.equal(got(), true);
      for (const wait of [() => semaphore.acquireSync({ timeout: 200 }), () => semaphore.acquire({ timeout: 200 })]) {
        const ms = await timed(async () => assert.equal(await wait(), undefined));
        assert.ok(isAbout(ms, 200), `${ms} ms`);
      }
    },
  );

  check(`${name}: without a number it is one permit (BaseSemaphoreTests.test_default_value)`, async () => {
    const semaphore = new Kind();
    semaphore.acquireSync();
    const thread = new Thread({ target: takePermit, args: [semaphore] }).start();
    await until(() => semaphore.statistics().waiting === 1);
    assert.equal(thread.isAlive(), true);
    semaphore.release();
    assert.equal(await thread.result(), true);
  });
}

check('a release without an acquire makes one more (SemaphoreTests.test_release_unacquired)', () => {
  const semaphore = new Semaphore(1);
  semaphore.release();
  assert.ok(semaphore.tryAcquire());
  assert.ok(semaphore.tryAcquire());
  assert.equal(semaphore.tryAcquire(), undefined);
});

check('its text shows the value (SemaphoreTests.test_repr) [adapted]', () => {
  const semaphore = new Semaphore(3);
  assert.match(String(semaphore), /^<Semaphore #[0-9a-f]+ value=3>$/);
  semaphore.acquireSync();
  assert.match(inspect(semaphore), /value=2>$/);
  semaphore.release();
  semaphore.release();
  assert.match(String(semaphore), /value=4>$/);
});
