import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { RuntimeError } from '../../src/errors.ts';
import { AT, heap, KIND, LOCK } from '../../src/memory/index.ts';
import { Event, Lock } from '../../src/sync/index.ts';
import { describeAcquire } from '../support/acquire-contract.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

describeWaits({
  name: 'Lock.acquire',
  timedOut: { value: undefined },
  scene() {
    const lock = new Lock();
    lock.acquireSync();
    return {
      wait: (options) => lock.acquire(options),
      waitSync: (options) => lock.acquireSync(options),
      waiting: () => lock.statistics().waiting,
      satisfy: () => lock.release(),
      after: (guard) => {
        assert.equal(lock.locked(), true);
        // Kept: the next satisfy() releases it.
        assert.ok(guard);
      },
      blocked: () => start('acquireOnce', lock),
    };
  },
});

describeAcquire({
  name: 'Lock',
  make: () => new Lock(),
  makeEvent: () => new Event(),
  start,
  taken: (lock) => (lock as Lock).locked(),
});

check('releasing a free lock is a RuntimeError that names the lock and the mend', () => {
  const lock = new Lock();
  const expected = {
    name: 'RuntimeError',
    code: 'TELAIO_RUNTIME',
    message: /^<unlocked Lock #[0-9a-f]+> is not locked: .*using/,
  };
  assert.throws(() => lock.release(), expected);
  lock.acquireSync();
  lock.release();
  assert.throws(() => lock.release(), expected);
  assert.throws(() => lock.release(), RuntimeError);
});

check('an explicit release spends the guard', () => {
  const lock = new Lock();
  {
    using _guard = lock.acquireSync();
    lock.release();
    assert.equal(lock.locked(), false);
  }
  const guard = lock.acquireSync();
  lock.release();
  const next = lock.acquireSync();
  guard[Symbol.dispose]();
  assert.equal(lock.locked(), true, "the first guard must not release the second's acquisition");
  next.release();
});

check('any thread may release; the guard of the one that acquired is spent by it', async () => {
  const lock = new Lock();
  {
    using _guard = lock.acquireSync();
    await start('release', lock).result();
    assert.equal(lock.locked(), false);
    // Leaving the block does nothing: the lock is free, and disposing must not throw.
  }
  const first = lock.acquireSync();
  await start('release', lock).result();
  const [held, open] = [new Event(), new Event()];
  await using holder = start('holdUntil', lock, held, open);
  await held.wait();
  first[Symbol.dispose]();
  assert.equal(lock.statistics().holder, holder.ident, 'the lock that another thread holds by now stays held');
  open.set();
  await holder.result();
});

check('the error of a free lock is the same in another thread', async () => {
  const lock = new Lock();
  assert.match(
    String(await start('releaseMessage', lock).result()),
    /^RuntimeError: <unlocked Lock #[0-9a-f]+> is not/,
  );
});

check('text, inspection, statistics', async () => {
  const lock = new Lock();
  assert.match(String(lock), /^<unlocked Lock #[0-9a-f]+>$/);
  assert.deepEqual(lock.statistics(), { waiting: 0 });
  using _guard = lock.acquireSync();
  assert.match(inspect(lock), /^<locked Lock #[0-9a-f]+>$/);
  assert.deepEqual(lock.statistics(), { waiting: 0, holder: heap.ident });
  assert.equal(await start('textOf', lock).result(), `${lock} true true`);
});

check('an aborted acquire does not hold the lock, and a waiter behind it gets it', async () => {
  const lock = new Lock();
  const guard = lock.acquireSync();
  const abort = new AbortController();
  const [first, second] = [lock.acquire({ signal: abort.signal }), lock.acquire()];
  abort.abort();
  await assert.rejects(first, { name: 'AbortError' });
  guard.release();
  using _second = await second;
  assert.equal(lock.locked(), true);
});

check('a waiter that starves is handed the lock, and a hand-over to nobody does not stay', async () => {
  const lock = new Lock();
  const at = lock[AT];
  assert.equal(heap.kind(at), KIND.LOCK);
  lock.acquireSync();
  // As a waiter leaves it that gave up after it had starved.
  const abort = new AbortController();
  const wait = lock.acquire({ signal: abort.signal });
  heap.store(at + LOCK.STARVING, 1);
  lock.release();
  abort.abort();
  await wait.then(
    (guard) => guard.release(),
    () => {},
  );
  using guard = lock.tryAcquire();
  assert.ok(guard, 'free again, for anybody');
});

check('a hand-over to a thread that dies goes to the next, and to anybody when none waits', async () => {
  const lock = new Lock();
  lock.acquireSync();
  const waiter = start('holdAsync', lock, new Event());
  await until(() => lock.statistics().waiting === 1);
  heap.store(lock[AT] + LOCK.STARVING, 1);
  const dead = waiter.terminate();
  lock.release();
  await dead;
  assert.equal(lock.statistics().waiting, 0);
  using guard = lock.tryAcquire();
  assert.ok(guard);
});

check('a thread that was overtaken for more than a millisecond is handed the lock at the next release', async () => {
  // Ten thousand times what it may be made to wait.
  const last = performance.now() + 10_000;
  for (let overtaken = false; !overtaken; ) {
    const lock = new Lock();
    const [held, open] = [new Event(), new Event()];
    await using waiter = start('holdUntil', lock, held, open);
    lock.acquireSync();
    await waiter.parked();
    // Who runs takes the lock again before the one that sleeps is awake; almost always.
    for (overtaken = true; overtaken && heap.load(lock[AT] + LOCK.STARVING) === 0; ) {
      assert.ok(performance.now() < last, 'the waiter was overtaken again and again and never said that it starves');
      lock.release();
      overtaken = lock.tryAcquire() !== undefined;
    }
    if (overtaken) {
      lock.release();
      assert.equal(lock.tryAcquire(), undefined, 'handed over: nobody else gets it, however fast');
    }
    await held.wait();
    assert.equal(lock.statistics().holder, waiter.ident);
    open.set();
    assert.equal(await waiter.result(), false);
  }
});

check('two threads that hammer a lock get at least 30 % of its turns each', async () => {
  const lock = new Lock();
  const go = new Event();
  await using first = start('hammer', lock, go);
  await using second = start('hammer', lock, go);
  await first.parked();
  await second.parked();
  go.set();
  // Turns, not time, and the best of three: on a busy machine one of the two may not run at all for a while.
  const turns = rounds(200_000, 2_000_000);
  const shares: number[] = [];
  while (shares.length < 3 && !shares.some((share) => share >= 0.3)) {
    const [a, b] = [first.progress, second.progress];
    await until(() => first.progress - a + second.progress - b >= turns);
    const [more, others] = [first.progress - a, second.progress - b];
    shares.push(Math.min(more, others) / (more + others));
  }
  assert.ok(Math.max(...shares) >= 0.3, `the one with fewer had ${shares.join(', ')} of the turns`);
  first.stop();
  second.stop();
  await first.result();
  await second.result();
});

check('an asynchronous waiter comes in between threads that hammer', async () => {
  const lock = new Lock();
  const go = new Event();
  await using first = start('hammer', lock, go);
  await using second = start('hammer', lock, go);
  await first.parked();
  await second.parked();
  go.set();
  for (let round = 0; round < 20; round++) (await lock.acquire()).release();
  first.stop();
  second.stop();
  await first.result();
  await second.result();
});
