import assert from 'node:assert/strict';
import { Event, type Guard, RLock } from '../../src/sync/index.ts';
import { describeAcquire } from '../support/acquire-contract.ts';
import { check } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

describeWaits({
  name: 'RLock.acquire',
  timedOut: { value: undefined },
  async scene() {
    const lock = new RLock();
    // Held by another task, whose `run` is not the waiters'.
    let open = (): void => {};
    const holder = lock.run(() => new Promise<void>((resolve) => (open = resolve)));
    await until(() => lock.locked());
    return {
      wait: (options) => lock.acquire(options),
      waitSync: (options) => lock.acquireSync(options),
      waiting: () => lock.statistics().waiting,
      async satisfy() {
        open();
        await holder;
      },
      blocked: () => start('acquireOnce', lock),
    };
  },
});

describeAcquire({
  name: 'RLock',
  make: () => new RLock(),
  makeEvent: () => new Event(),
  start,
  taken: (lock) => (lock as RLock).locked(),
});

check('its owner takes it again, in every form, and it is free after the last release', async () => {
  const lock = new RLock();
  const guards = [lock.acquireSync(), await lock.acquire(), lock.tryAcquire()!, lock.acquireSync({ timeout: 0 })!];
  assert.match(String(lock), /^<locked RLock #[0-9a-f]+ owner=[1-9]\d* count=4>$/);
  for (const guard of guards.reverse()) {
    assert.equal(lock.locked(), true);
    guard.release();
  }
  assert.match(String(lock), /^<unlocked RLock #[0-9a-f]+ owner=0 count=0>$/);
});

check('explicit releases spend the guards from the innermost out', () => {
  const lock = new RLock();
  {
    using _outer = lock.acquireSync();
    {
      using _inner = lock.acquireSync();
      lock.release();
      assert.equal(lock.locked(), true);
    }
    assert.equal(lock.locked(), true);
    lock.release();
    assert.equal(lock.locked(), false);
  }
  assert.equal(lock.locked(), false);
});

check('who does not own it may not release it: nobody, another thread, another task', async () => {
  const lock = new RLock();
  const expected = { name: 'RuntimeError', message: /can't be released here: only its owner/ };
  assert.throws(() => lock.release(), expected);
  {
    using _guard = lock.acquireSync();
    const said = String(await start('releaseMessage', lock).result());
    assert.match(said, /^RuntimeError: <locked RLock #[0-9a-f]+ owner=\d+ count=1> can't be released here/);
    assert.equal(lock.locked(), true);
  }
  await lock.run(async () => {
    assert.equal(lock.locked(), true);
  });
  let open = (): void => {};
  const task = lock.run(() => new Promise<void>((resolve) => (open = resolve)));
  await until(() => lock.locked());
  assert.throws(() => lock.release(), expected);
  open();
  await task;
  assert.throws(() => lock.release(), expected);
});

check('run nests in run, across awaits and with the other forms inside', async () => {
  const lock = new RLock();
  const result = await lock.run(async () => {
    await new Promise(setImmediate);
    return await lock.run(async () => {
      await new Promise(setImmediate);
      using _sync = lock.acquireSync();
      using _async = await lock.acquire();
      assert.match(String(lock), /count=4/);
      return await lock.run(() => 'inside');
    });
  });
  assert.equal(result, 'inside');
  assert.equal(lock.locked(), false);
});

check('two tasks of one thread exclude each other', async () => {
  const lock = new RLock();
  let inside = 0;
  const task = async (): Promise<void> => {
    for (let round = 0; round < 50; round++) {
      await lock.run(async () => {
        assert.equal(++inside, 1);
        await new Promise(setImmediate);
        await lock.run(() => assert.equal(inside, 1));
        inside--;
      });
    }
  };
  await Promise.all([task(), task(), task()]);
  assert.equal(lock.locked(), false);
});

check('a task inside run of one lock does not own another', async () => {
  const [outer, inner] = [new RLock(), new RLock()];
  let open = (): void => {};
  const holder = inner.run(() => new Promise<void>((resolve) => (open = resolve)));
  await until(() => inner.locked());
  const nested = outer.run(() => inner.run(() => outer.run(() => 'both')));
  assert.equal(await settled(nested), false);
  open();
  await holder;
  assert.equal(await nested, 'both');
});

check('a task started inside run owns the lock while run lasts, as what it is nested in does', async () => {
  const lock = new RLock();
  await lock.run(async () => {
    await Promise.all([lock.run(() => {}), lock.run(() => {})]);
  });
  let late: Promise<Guard> | undefined;
  let open = (): void => {};
  const other = new Promise<void>((resolve) => (open = resolve));
  await lock.run(() => {
    late = new Promise(setImmediate).then(() => lock.acquire());
  });
  // The run is over: what it left running has to acquire like anybody.
  const holder = lock.run(() => other);
  assert.equal(await settled(late!), false);
  open();
  await holder;
  await late;
});
