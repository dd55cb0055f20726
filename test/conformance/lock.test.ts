/**
 * What CPython promises of `threading.Lock`, a test a promise; where RLock makes the same promise it is tried too.
 *
 * differs: ThreadTests.test_lock_no_subclass — subclassing is a feature here: a subclass of Lock crosses to other threads as that subclass
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { heap, storeValue } from '../../src/memory/index.ts';
import { i32, Value } from '../../src/shared/index.ts';
import { activeCount, enumerate, Lock, RLock, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { collected } from '../support/collected.ts';
import { until } from '../support/threads.ts';
import { passOnce, takeTwice } from './fixtures/locks.ts';
import { startAll } from './fixtures/threads.ts';

for (const Kind of [Lock, RLock]) {
  const { name } = Kind;

  check(`${name}: one that is made and dropped does nothing (BaseLockTests.test_constructor)`, () => {
    assert.equal(new Kind().locked(), false);
    new Kind()[Symbol.dispose]();
  });

  check(`${name}: a free one says so in its text (BaseLockTests.test_repr) [adapted]`, () => {
    assert.match(String(new Kind()), new RegExp(`^<unlocked ${name} #[0-9a-f]+`));
  });

  check(`${name}: dropped while held, it neither blocks nor fails (BaseLockTests.test_acquire_destroy)`, () => {
    const lock = new Kind();
    lock.acquireSync();
    lock[Symbol.dispose]();
    assert.throws(() => lock.locked(), { name: 'DisposedError' });
  });

  check(`${name}: taken and given back without blocking (BaseLockTests.test_acquire_release)`, async () => {
    const lock = new Kind();
    lock.acquireSync();
    lock.release();
    await lock.acquire();
    lock.release();
    assert.equal(lock.locked(), false);
  });

  check(`${name}: a free one is had without waiting (BaseLockTests.test_try_acquire)`, () => {
    const lock = new Kind();
    assert.ok(lock.tryAcquire());
    lock.release();
  });

  check(`${name}: five wait for one holder, and hand it on (BaseLockTests.test_acquire_contended)`, async () => {
    const lock = new Kind();
    const passed = new Value(i32, 0);
    lock.acquireSync();
    const threads = startAll(5, passOnce, [lock, passed]);
    await until(() => lock.statistics().waiting === 5);
    assert.equal(passed.value, 0);
    lock.release();
    for (const thread of threads) assert.equal(await thread.join(), true);
    assert.equal(passed.value, 5);
  });

  check(`${name}: a block releases, also one that throws (BaseLockTests.test_with)`, async () => {
    const lock = new Kind();
    const passed = new Value(i32, 0);
    {
      using _guard = lock.acquireSync();
      assert.equal(lock.locked(), true);
    }
    await new Thread({ target: passOnce, args: [lock, passed] }).start().result();
    assert.throws(() => {
      using _guard = lock.acquireSync();
      throw new TypeError('inside');
    }, TypeError);
    await assert.rejects(
      lock.run(() => {
        throw new TypeError('inside');
      }),
      TypeError,
    );
    await new Thread({ target: passOnce, args: [lock, passed] }).start().result();
    assert.equal(passed.value, 2);
  });

  check(`${name}: threads of another make leave no Thread (BaseLockTests.test_thread_leak) [adapted]`, async () => {
    const lock = new Kind();
    const passed = new Value(i32, 0);
    const before = enumerate();
    const message = storeValue([lock, passed]);
    const file = new URL('./fixtures/raw-worker.ts', import.meta.url);
    lock.acquireSync();
    const ends = Array.from({ length: 15 }, () =>
      once(new Worker(file, { workerData: { what: 'lock', message } }), 'exit'),
    );
    lock.release();
    await Promise.all(ends);
    heap.release(message);
    assert.equal(passed.value, 15);
    assert.equal(activeCount(), before.length);
    assert.deepEqual(enumerate(), before);
  });

  check(`${name}: a weak reference finds a live one (BaseLockTests.test_weakref_exists) [adapted]`, () => {
    const lock = new Kind();
    const reference = new WeakRef(lock);
    assert.equal(reference.deref(), lock);
  });

  check(`${name}: nothing keeps a dropped one (BaseLockTests.test_weakref_deleted) [adapted]`, async () => {
    const reference = (() => new WeakRef(new Kind()))();
    assert.equal(await collected(() => reference.deref() === undefined), true);
  });
}

check('a second acquire blocks until another thread releases (LockTests.test_reacquire)', async () => {
  const lock = new Lock();
  const steps = new Value(i32, 0);
  const thread = new Thread({ target: takeTwice, args: [lock, steps] }).start();
  await until(() => lock.statistics().waiting === 1);
  assert.equal(steps.value, 1);
  lock.release();
  assert.equal(await thread.join(), true);
  assert.equal(steps.value, 2);
  lock.release();
});

check('a wait that timed out leaves no trace (LockTests.test_state_after_timeout)', async () => {
  const lock = new Lock();
  lock.acquireSync();
  assert.equal(lock.acquireSync({ timeout: 10 }), undefined);
  assert.equal(await lock.acquire({ timeout: 10 }), undefined);
  lock.release();
  assert.equal(lock.locked(), false);
  assert.deepEqual(lock.statistics(), { waiting: 0 });
  assert.ok(lock.tryAcquire());
});

check('arguments to a lock are a TypeError (ThreadTests.test_lock_no_args)', () => {
  const Any = Lock as unknown as new (...args: unknown[]) => Lock;
  for (const args of [[1], ['x'], [undefined], [{ name: 'x' }], [1, 2]])
    assert.throws(() => new Any(...args), TypeError);
});
