/** What CPython promises of `threading.Condition`, a test a promise. */
import assert from 'node:assert/strict';
import { Queue } from '../../src/queue/index.ts';
import { i32, Value } from '../../src/shared/index.ts';
import { Condition, Event, Lock, RLock, RuntimeError, Semaphore, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { waitForFour, waitForNever, waitInPhases } from './fixtures/locks.ts';
import { isAbout, startAll, timed } from './fixtures/threads.ts';

for (const [name, make] of [
  ['Condition()', () => new Condition()],
  ['Condition(Lock)', () => new Condition(new Lock())],
  ['Condition(RLock)', () => new Condition(new RLock())],
] as const) {
  check(`${name}: waiting without the lock is a RuntimeError (ConditionTests.test_unacquired_wait)`, async () => {
    const condition = make();
    assert.throws(() => condition.waitSync(), RuntimeError);
    await assert.rejects(condition.wait(), RuntimeError);
    assert.throws(() => condition.waitSync({ timeout: 0 }), RuntimeError);
    assert.deepEqual(condition.statistics(), { waiting: 0 });
  });

  check(`${name}: notifying without the lock is a RuntimeError (ConditionTests.test_unacquired_notify)`, () => {
    const condition = make();
    assert.throws(() => condition.notify(), RuntimeError);
    assert.throws(() => condition.notifyAll(), RuntimeError);
  });

  check(`${name}: wakes as many as it says, once it is free (ConditionTests.test_notify)`, async () => {
    const condition = make();
    for (let time = 0; time < 2; time++) {
      const phase = new Value(i32, 0);
      const woken = new Queue<string>();
      const ready = new Semaphore(0);
      const texts: string[] = [];
      const threads = startAll(5, waitInPhases, [condition, phase, woken, ready]);

      async function notify(count: number, wakes: number, waiting: number): Promise<void> {
        for (let each = 0; each < waiting; each++) await ready.acquire();
        // Ready, but perhaps not waiting yet; they hold the lock until they do.
        await until(() => condition.statistics().waiting === 5 || phase.value === 2);
        condition.acquireSync();
        assert.equal(woken.qsize(), 0);
        condition.notify(count);
        // Awake, and all of them stand before the lock.
        await until(() => (condition.lock as RLock).statistics().waiting === wakes);
        assert.equal(woken.qsize(), 0);
        phase.addSync(1);
        condition.release();
        for (let each = 0; each < wakes; each++) texts.push(await woken.get());
      }

      await notify(3, 3, 5);
      assert.deepEqual(texts.splice(0), ['first 1', 'first 1', 'first 1']);
      await notify(5, 5, 3);
      assert.deepEqual(texts.splice(0).sort(), ['first 2', 'first 2', 'second 2', 'second 2', 'second 2']);
      await until(() => condition.statistics().waiting === 2);
      await notify(Infinity, 2, 2);
      assert.deepEqual(texts, ['second 3', 'second 3']);
      for (const thread of threads) assert.deepEqual(await thread.result(), [true, true]);
      assert.equal(woken.qsize(), 0);
    }
  });
}

check('waitFor looks again at each notification, and ends with the lock (ConditionTests.test_waitfor)', async () => {
  for (const lock of [undefined, new Lock()]) {
    const condition = new Condition(lock);
    const state = new Value(i32, 0);
    const thread = new Thread({ target: waitForFour, args: [condition, state] }).start();
    const turned = condition.run(() => condition.waitFor(() => state.value === 4 && 'four'));
    for (let step = 0; step < 4; step++) {
      await until(() => condition.statistics().waiting === 2);
      assert.equal(thread.isAlive(), true);
      using _guard = condition.acquireSync();
      state.addSync(1);
      condition.notify(2);
    }
    assert.deepEqual(await thread.result(), { value: true, owned: true });
    assert.equal(await turned, 'four');
  }
});

check('waitFor has one deadline, however often it is woken (ConditionTests.test_waitfor_timeout)', async () => {
  const condition = new Condition();
  const ready = new Event();
  const thread = new Thread({ target: waitForNever, args: [condition, ready, 200] }).start();
  ready.waitSync();
  for (let time = 0; time < 3; time++) {
    await until(() => condition.statistics().waiting === 1 || !thread.isAlive());
    using _guard = condition.acquireSync();
    condition.notify();
  }
  const { value, ms } = await thread.result();
  assert.equal(value, false);
  assert.ok(isAbout(ms, 200), `${ms} ms`);
  const took = await timed(() => condition.run(() => condition.waitFor(() => false, { timeout: 100 })));
  assert.ok(isAbout(took, 100), `${took} ms`);
});
