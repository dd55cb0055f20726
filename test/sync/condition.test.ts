import assert from 'node:assert/strict';
import { addressOf, BLOCK, heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Condition, Lock, RLock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, threadsOf, turns, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

for (const [name, makeLock] of [
  ['Condition(Lock).wait', () => new Lock()],
  ['Condition().wait', () => undefined],
] as const) {
  describeWaits({
    name,
    timedOut: { value: false },
    scene() {
      const condition = new Condition(makeLock());
      return {
        async wait(options) {
          const guard = condition.lock.tryAcquire() ?? (await condition.acquire());
          try {
            return await condition.wait(options);
          } finally {
            guard!.release();
          }
        },
        waitSync(options) {
          using _guard = condition.acquireSync();
          return condition.waitSync(options);
        },
        waiting: () => condition.statistics().waiting,
        satisfy() {
          using _guard = condition.tryAcquire();
          condition.notify();
        },
        // A notification is for those who wait now: what comes later waits for the next.
        after: (outcome) => {
          assert.equal(outcome, true);
        },
        blocked: () => start('waitCondition', condition),
      };
    },
    remembers: false,
  });
}

check('every call but statistics needs the lock: RuntimeError with the mend', async () => {
  for (const condition of [new Condition(), new Condition(new Lock())]) {
    for (const call of ['notify', 'notifyAll', 'waitSync'] as const) {
      assert.throws(() => condition[call](), {
        name: 'RuntimeError',
        message: new RegExp(
          `^${call}\\(\\) needs the condition's lock, and this thread doesn't hold <unlocked .*: acquire it`,
        ),
      });
    }
    await assert.rejects(condition.wait(), { name: 'RuntimeError', message: /^wait\(\) needs/ });
    await assert.rejects(
      condition.waitFor(() => true),
      { name: 'RuntimeError', message: /^waitFor\(\) needs/ },
    );
    assert.throws(() => condition.waitForSync(() => true), { name: 'RuntimeError', message: /^waitForSync\(\) needs/ });
    assert.throws(() => condition.release(), { name: 'RuntimeError' });
    assert.deepEqual(condition.statistics(), { waiting: 0 });
  }
});

check('notify(n) wakes n of those who wait now, first come first served; nobody who comes later', async () => {
  const condition = new Condition(new Lock());
  const order: number[] = [];
  const wait = async (number: number): Promise<void> => {
    using _guard = await condition.acquire();
    await condition.wait();
    order.push(number);
  };
  const waits = Array.from({ length: 10 }, (_, number) => wait(number));
  await until(() => condition.statistics().waiting === 10);
  condition.acquireSync();
  condition.notify(3);
  condition.release();
  const late = wait(10);
  await Promise.all(waits.slice(0, 3));
  await turns(20);
  assert.deepEqual(order, [0, 1, 2]);
  assert.equal(condition.statistics().waiting, 8);
  condition.acquireSync();
  condition.notify(0);
  condition.notify();
  condition.release();
  await waits[3];
  condition.acquireSync();
  condition.notify(100);
  condition.release();
  await Promise.all([...waits, late]);
  assert.deepEqual(order, [...Array(11).keys()]);
  condition.acquireSync();
  condition.notifyAll();
  condition.release();
  // A notification that nobody waited for is gone.
  using _guard = condition.acquireSync();
  assert.equal(condition.waitSync({ timeout: 1 }), false);
});

check('the order holds between blocking threads', async () => {
  const condition = new Condition();
  const order = new Queue<number>();
  await using threads = new AsyncDisposableStack();
  for (let number = 0; number < 4; number++) {
    threads.use(start('waitInLine', condition, order, number));
    await until(() => condition.statistics().waiting === number + 1);
  }
  for (let number = 0; number < 4; number++) {
    using _guard = await condition.acquire();
    condition.notify();
    assert.equal(condition.statistics().waiting, 3 - number);
    _guard.release();
    assert.equal(await order.get(), number);
  }
});

check('notifyAll wakes blocking threads and asynchronous waiters', async () => {
  const condition = new Condition();
  await using threads = new AsyncDisposableStack();
  const blocked = [1, 2].map(() => threads.use(start('waitCondition', condition)));
  const local = Array.from({ length: 50 }, () => (condition.lock as RLock).run(() => condition.wait()));
  await until(() => condition.statistics().waiting === 52);
  await (condition.lock as RLock).run(() => condition.notifyAll());
  for (const thread of blocked) assert.equal(await thread.result(), true);
  assert.deepEqual(new Set(await Promise.all(local)), new Set([true]));
});

check('a waiter that timed out swallows no notification', async () => {
  const condition = new Condition(new Lock());
  const wait = async (timeout?: number): Promise<boolean> => {
    using _guard = await condition.acquire();
    return await condition.wait({ timeout });
  };
  for (let round = 0; round < rounds(20, 500); round++) {
    const [short, long] = [wait(1), wait()];
    await until(() => condition.statistics().waiting > 0);
    await until(() => condition.statistics().waiting <= 1);
    // The short one is out, or just on its way: then it counts as notified, and the long one needs another.
    let notified = 0;
    while (!(await settled(long))) {
      using _guard = await condition.acquire();
      condition.notify();
      notified++;
    }
    const got = Number(await short) + Number(await long);
    assert.ok(got <= notified && (await long), `${got} woken by ${notified}`);
  }
});

check('aborted and notified at once: the notification goes to the next', async () => {
  const condition = new Condition(new Lock());
  const wait = async (signal?: AbortSignal): Promise<boolean> => {
    using _guard = await condition.acquire();
    return await condition.wait({ signal });
  };
  const abort = new AbortController();
  const [first, second] = [wait(abort.signal), wait()];
  await until(() => condition.statistics().waiting === 2);
  {
    using _guard = condition.acquireSync();
    condition.notify();
    abort.abort('gone');
  }
  const outcome = await first.catch((reason) => reason);
  if (outcome === true) {
    // It was faster than the abort: the notification was its own.
    assert.equal(await settled(second), false);
    using _guard = condition.acquireSync();
    condition.notify();
  } else {
    assert.equal(outcome, 'gone');
  }
  assert.equal(await second, true);
});

check('the lock is held again after a wait, however it ends', async () => {
  for (const lock of [new Lock(), new RLock()]) {
    const condition = new Condition(lock);
    const guard = await condition.acquire();
    assert.equal(await condition.wait({ timeout: 1 }), false);
    assert.equal(lock.isOwned(), true);
    assert.equal(condition.waitSync({ timeout: 1 }), false);
    assert.equal(lock.isOwned(), true);
    await assert.rejects(condition.wait({ signal: AbortSignal.timeout(1) }), { name: 'TimeoutError' });
    assert.equal(lock.isOwned(), true);
    guard.release();
    assert.equal(lock.locked(), false);
  }
});

check('all levels of an RLock are given up while waiting, and taken back', async () => {
  const lock = new RLock();
  const condition = new Condition(lock);
  const waiting = lock.run(() =>
    lock.run(async () => {
      using _third = lock.acquireSync();
      assert.match(String(lock), /count=3/);
      const notified = await condition.wait();
      assert.match(String(lock), /count=3/);
      return notified;
    }),
  );
  await until(() => condition.statistics().waiting === 1);
  assert.equal(lock.locked(), false);
  await lock.run(() => condition.notify());
  assert.equal(await waiting, true);
  assert.equal(lock.locked(), false);
  {
    using _one = lock.acquireSync();
    using _two = lock.acquireSync();
    // Another thread gets the lock while this one waits: or it could not notify.
    await using _notifier = start('notifyOnce', condition);
    assert.equal(condition.waitSync(), true);
    assert.match(String(lock), /count=2/);
  }
  assert.equal(lock.locked(), false);
});

check('guards taken before a wait still work after it, also when another task used the lock meanwhile', async () => {
  for (const lock of [new Lock(), new RLock()]) {
    const condition = new Condition(lock);
    const waiter = (async () => {
      using _guard = await lock.run(() => undefined).then(() => lock.acquire());
      await condition.wait();
      // Explicitly: the guard at the end of the block has to know.
      lock.release();
    })();
    await until(() => condition.statistics().waiting === 1);
    const other = (await lock.acquire())!;
    condition.notify();
    other.release();
    await waiter;
    assert.equal(lock.locked(), false);
  }
});

check('waitFor looks at the predicate with the lock held, and gives its last value', async () => {
  const condition = new Condition();
  let value = 0;
  const waiting = (condition.lock as RLock).run(() =>
    condition.waitFor(() => {
      assert.equal(condition.lock.isOwned(), true);
      return value > 2 ? `value ${value}` : '';
    }),
  );
  while (value < 3) {
    await until(() => condition.statistics().waiting === 1);
    await (condition.lock as RLock).run(() => {
      value++;
      condition.notify();
    });
  }
  assert.equal(await waiting, 'value 3');
  using _guard = condition.acquireSync();
  assert.equal(
    condition.waitForSync(() => 0, { timeout: 5 }),
    0,
  );
  assert.equal(
    condition.waitForSync(() => 5),
    5,
  );
  assert.throws(() => condition.waitForSync(() => 0, { timeout: -1 }), RangeError);
});

check('threads that wait and notify in turn never all wait at once', async () => {
  const condition = new Condition(new Lock());
  const threads = [1, 2, 3].map(() => start('pingPong', condition));
  for (const thread of threads) await thread.running();
  await until(() => threads.every((thread) => thread.progress > rounds(200, 5000)));
  for (const thread of threads) thread.stop();
  for (const thread of threads) await thread.result();
  assert.equal(condition.statistics().waiting, 0);
});

check('the lock may be shared by several conditions, and arrives as the same object', async () => {
  const lock = new Lock();
  const [first, second] = [new Condition(lock), new Condition(lock)];
  assert.equal(first.lock, lock);
  assert.equal(second.lock, lock);
  assert.equal(new Condition().lock instanceof RLock, true);
  assert.match(String(first), /^<Condition #[0-9a-f]+ over <unlocked Lock #[0-9a-f]+>, 0 waiting>$/);
});

check('disposed while tasks of this thread wait: they get DisposedError, and the lock is free', async () => {
  const lock = new Lock();
  const condition = new Condition(lock);
  const at = addressOf(condition);
  const wait = async (how: () => Promise<unknown>): Promise<unknown> => {
    using _guard = await lock.acquire();
    return await how();
  };
  const waits = [
    wait(() => condition.wait()),
    wait(() => condition.wait({ timeout: 60_000 })),
    wait(() => condition.waitFor(() => false)),
  ];
  const ended = Promise.allSettled(waits);
  await until(() => condition.statistics().waiting === 3);
  condition[Symbol.dispose]();
  for (const end of await ended) {
    assert.equal(end.status, 'rejected');
    assert.match(String(end.reason), /^DisposedError.*Condition was disposed/);
  }
  assert.equal(lock.locked(), false);
  assert.equal(heap.load(at + BLOCK.COUNT), 0);
});
