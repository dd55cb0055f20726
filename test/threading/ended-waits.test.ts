/** What a thread has not awaited ends with it: nobody who is no more takes a lock, an item or a wake-up. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LifoQueue, PriorityQueue, Queue } from '../../src/queue/index.ts';
import { i32, Value } from '../../src/shared/index.ts';
import {
  Barrier,
  BrokenBarrierError,
  Condition,
  CountDownLatch,
  Event,
  Lock,
  Once,
  RLock,
  RWLock,
  Semaphore,
  setExceptHook,
  Thread,
} from '../../src/threading/index.ts';
import { check as checkWithin, rounds } from '../support/check.ts';
import { turns, until } from '../support/threads.ts';
import * as left from './fixtures/left-waits.ts';
import { run } from './program.ts';

/** An isolate in which waits were left is not used again: each such thread costs a new one. */
const check = (title: string, body: () => Promise<void>): void => checkWithin(title, body, { timeout: 60_000 });

/** Runs a thread to its end. */
async function ran<A extends unknown[]>(target: (...args: A) => unknown, ...args: A): Promise<void> {
  const thread = new Thread({ target, args }).start();
  await thread.join();
}

describe('waits that a thread leaves', () => {
  for (const make of [() => new Lock(), () => new RLock()]) {
    check(`${make().constructor.name}: it goes to who asks next, not to a thread that has ended`, async () => {
      const lock = make();
      for (const target of [left.leaveLock, left.leaveRun]) {
        const guard = lock.acquireSync();
        await ran(target, lock as Lock);
        assert.equal(lock.statistics().waiting, 0);
        guard.release();
        await turns();
        using next = lock.tryAcquire();
        assert.equal(next?.abandoned, false);
      }
    });
  }

  check('Semaphore: the permit is there', async () => {
    const semaphore = new Semaphore(0);
    await ran(left.leaveLock, semaphore);
    assert.equal(semaphore.statistics().waiting, 0);
    semaphore.release();
    await turns();
    assert.equal(semaphore.statistics().value, 1);
  });

  check('RWLock: neither a read nor a write', async () => {
    const lock = new RWLock();
    const guard = lock.writeSync();
    await ran(left.leaveRead, lock);
    assert.equal(lock.statistics().waiting, 0);
    guard.release();
    await turns();
    assert.equal(lock.locked(), false);
  });

  check('Event and CountDownLatch: nobody waits any more', async () => {
    for (const object of [new Event(), new CountDownLatch(1)]) {
      await ran(left.leaveEvent, object);
      assert.equal(object.statistics().waiting, 0);
    }
  });

  for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
    check(`${Kind.name}: an item is not taken, and none is put in`, async () => {
      const queue = new Kind<number>(1);
      await ran(left.leaveGet, queue);
      assert.equal(queue.statistics().getters, 0);
      queue.putSync(1);
      await turns();
      assert.equal(queue.qsize(), 1);
      await ran(left.leavePut, queue);
      await ran(left.leaveJoin, queue);
      assert.deepEqual([queue.statistics().putters, queue.statistics().joiners], [0, 0]);
      assert.equal(queue.getSync(), 1);
      await turns();
      assert.equal(queue.qsize(), 0);
    });
  }

  check('Condition: a notification goes to who lives, and the lock is free', async () => {
    for (const target of [left.leaveCondition, left.leaveGuarded]) {
      const condition = new Condition();
      await ran(target, condition);
      const ready = new Event();
      const waiter = new Thread({ target: left.waitForNotice, args: [condition, ready] }).start();
      await ready.wait();
      // From here on it waits: it has given the lock up.
      using guard = await condition.acquire();
      condition.notify();
      guard.release();
      assert.equal(await waiter.result(), true);
      await until(() => condition.statistics().waiting === 0);
    }
  });

  check('Condition: notified in the moment of the end, the notification goes on', async () => {
    for (let round = rounds(4, 1000); round > 0; round--) {
      const condition = new Condition();
      const ready = new Event();
      const leaving = new Thread({ target: left.leaveGuarded, args: [condition] }).start();
      const waiter = new Thread({ target: left.waitForNotice, args: [condition, ready] }).start();
      await ready.wait();
      {
        using _guard = await condition.acquire();
        // One for whoever is first, one more for the other if the first was the one that has ended.
        condition.notify(1);
      }
      await leaving.join();
      {
        using _guard = await condition.acquire();
        condition.notify(1);
      }
      assert.equal(await waiter.result(), true, `round ${round}`);
    }
  });

  check('Barrier: the others are told, as of a party that died', async () => {
    const barrier = new Barrier(2);
    await ran(left.leaveBarrier, barrier);
    await assert.rejects(barrier.wait({ timeout: 10_000 }), BrokenBarrierError);
    barrier.reset();
    assert.deepEqual((await Promise.all([barrier.wait(), barrier.wait()])).sort(), [0, 1]);
  });

  check('Once: the next one runs its own function', async () => {
    const once = new Once<string>();
    await ran(left.leaveOnce, once, new Event());
    assert.equal(await once.run(() => 'mine'), 'mine');
  });

  check('what a waiting `using` holds is given back before the end is told', async () => {
    const lock = new Lock();
    await ran(left.leaveHolding, lock, new Event());
    assert.equal(lock.tryAcquire()?.abandoned, false);
  });

  check('a thread that fails, exits or is terminated leaves none either', async () => {
    const lock = new Lock();
    const guard = lock.acquireSync();
    const failing = new Thread({ target: left.throwLeaving, args: [lock] });
    setExceptHook(() => {});
    await failing.start().join();
    setExceptHook(undefined);
    await ran(left.exitLeaving, lock);
    const blocked = new Thread({ target: left.waitProperly, args: [new Event()] }).start();
    await blocked.terminate();
    assert.equal(lock.statistics().waiting, 0);
    guard.release();
    await turns();
    assert.equal(lock.tryAcquire()?.abandoned, false);
  });
});

describe('what is left on purpose', () => {
  check('a lock that a thread returned with stays taken; what it waited for does not become its own', async () => {
    const [kept, wanted] = [new Lock(), new Lock()];
    const guard = wanted.acquireSync();
    await ran(left.keepAndLeave, kept, wanted);
    guard.release();
    await ran(left.leaveEvent, new Event());
    await turns(50);
    assert.equal(kept.locked(), true);
    assert.equal(wanted.locked(), false);
    kept.release();
  });

  check('a lock taken after the end, which nobody is left to give back, is abandoned', async () => {
    for (const target of [left.takeLate, left.takeSoon]) {
      const lock = new Lock();
      await ran(target, lock);
      let abandoned: boolean | undefined;
      await until(() => {
        const guard = lock.tryAcquire();
        guard?.release();
        abandoned = guard?.abandoned;
        return abandoned === true;
      });
      assert.equal(abandoned, true);
    }
  });

  check('a callback that runs after the end may wait, and gets what it waits for', async () => {
    const [lock, done] = [new Lock(), new Event()];
    const guard = lock.acquireSync();
    await ran(left.waitLate, lock, done);
    await until(() => lock.statistics().waiting === 1);
    guard.release();
    assert.equal(await done.wait({ timeout: 10_000 }), true);
    assert.equal((await lock.acquire({ timeout: 10_000 }))?.abandoned, false);
  });

  check('the waits of the threads before and after are their own', async () => {
    for (let round = rounds(4, 500); round > 0; round--) {
      const event = new Event();
      const waiting = new Thread({ target: left.waitProperly, args: [event] }).start();
      await ran(left.leaveEvent, event);
      const after = new Thread({ target: left.waitProperly, args: [event] }).start();
      event.set();
      assert.deepEqual(await Promise.all([waiting.result(), after.result()]), [true, true]);
    }
  });
});

describe('given in the very moment of the end', () => {
  check('a lock is had by who blocks, and free afterwards', async () => {
    for (let round = rounds(6, 2000); round > 0; round--) {
      const lock = new Lock();
      const guard = lock.acquireSync();
      const leaving = new Thread({ target: left.raceForLock, args: [lock] }).start();
      const blocking = new Thread({ target: left.block, args: [lock] }).start();
      if (round % 3 === 0) await until(() => lock.statistics().waiting > 0);
      if (round % 3 === 1) await leaving.join();
      guard.release();
      assert.equal(await blocking.result(), true);
      await leaving.join();
      using next = await lock.acquire({ timeout: 10_000 });
      assert.equal(next?.abandoned, false, `round ${round}`);
    }
  });

  check('a permit is used and given back, or stays', async () => {
    for (let round = rounds(6, 2000); round > 0; round--) {
      const semaphore = new Semaphore(0);
      const leaving = new Thread({ target: left.raceForLock, args: [semaphore] }).start();
      if (round % 2 === 0) await until(() => semaphore.statistics().waiting > 0 || !leaving.isAlive());
      semaphore.release();
      await leaving.join();
      await until(() => semaphore.statistics().value === 1);
    }
  });

  check('an item is counted by who took it, or still there', async () => {
    for (let round = rounds(6, 2000); round > 0; round--) {
      const [queue, taken] = [new Queue<number>(), new Value(i32, 0)];
      const leaving = new Thread({ target: left.raceForItems, args: [queue, taken] }).start();
      if (round % 2 === 0) await until(() => queue.statistics().getters > 0 || !leaving.isAlive());
      for (let item = 0; item < 5; item++) queue.putSync(item);
      await leaving.join();
      await until(() => taken.value + queue.qsize() === 5);
    }
  });

  check('an item that was put in is counted by who put it, and no other is in', async () => {
    for (let round = rounds(6, 2000); round > 0; round--) {
      const [queue, placed] = [new Queue<number>(1), new Value(i32, 0)];
      queue.putSync(0);
      const leaving = new Thread({ target: left.raceForRoom, args: [queue, placed] }).start();
      if (round % 2 === 0) await until(() => queue.statistics().putters > 0 || !leaving.isAlive());
      queue.getSync();
      await leaving.join();
      let got = 0;
      await until(() => {
        if (queue.tryGet() !== undefined) got++;
        return placed.value === got && queue.qsize() === 0;
      });
    }
  });
});

test('nobody hears of them: nothing is printed, and the program ends as it should', { timeout: 60_000 }, async () => {
  const { code, lines, stderr } = await run(new URL('./fixtures/left-program.ts', import.meta.url));
  assert.deepEqual({ code, lines, stderr }, { code: 0, lines: ['0 0', 'false 1 0 0', 'true 1'], stderr: '' });
});
