/**
 * What program 10 stands on: a lock that a thread has taken for somebody else to release stays taken when that thread
 * returns, as in Python. One whose thread dies is given up.
 */
import assert from 'node:assert/strict';
import { heap } from '../../src/memory/index.ts';
import { Lock, RLock, setExceptHook, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { isolates } from '../support/isolates.ts';
import { until } from '../support/threads.ts';

check('a thread that returned leaves its lock taken, and another one releases it', async () => {
  const lock = new Lock();
  await new Thread({ target: () => void lock.acquireSync() }).start().result();
  assert.equal(lock.locked(), true);
  assert.equal(lock.tryAcquire(), undefined);
  await new Thread({ target: () => lock.release() }).start().result();
  assert.equal(lock.locked(), false);
});

check('also when its isolate is no more', async () => {
  const [lock, rlock] = [new Lock(), new RLock()];
  const target = () => {
    lock.acquireSync();
    rlock.acquireSync();
  };
  // Limits of its own: such an isolate is not parked, it ends with the thread.
  const thread = new Thread({ target, resourceLimits: { maxOldGenerationSizeMb: 64 } }).start();
  const { nativeId } = thread;
  await thread.result();
  await until(() => isolates(heap).every((row) => row.nativeId !== nativeId));
  // The RLock is nobody's to release now.
  assert.deepEqual([lock.locked(), rlock.locked()], [true, false]);
  using guard = rlock.tryAcquire();
  assert.equal(guard?.abandoned, true);
  lock.release();
});

check('a thread that ends with an error gives its lock up', async () => {
  const lock = new Lock();
  const target = () => {
    lock.acquireSync();
    throw new Error('in the middle');
  };
  setExceptHook(() => {});
  try {
    await assert.rejects(new Thread({ target }).start().result(), { message: 'in the middle' });
  } finally {
    setExceptHook(undefined);
  }
  using guard = await lock.acquire();
  assert.equal(guard.abandoned, true);
});
