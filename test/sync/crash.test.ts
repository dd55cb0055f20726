/** Workers that are terminated while they hold, or wait for, or hammer a primitive: nobody waits for ever. */
import assert from 'node:assert/strict';
import { Condition, Event, Lock, RLock, Semaphore } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, until } from '../support/threads.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

for (const [name, make] of [
  ['Lock', () => new Lock()],
  ['RLock', () => new RLock()],
] as const) {
  check(`${name}: the next acquirer of a dead holder's is told so, in every form, and only that one`, async () => {
    for (const acquire of [
      (lock: Lock | RLock) => lock.acquire(),
      (lock: Lock | RLock) => lock.acquireSync(),
      (lock: Lock | RLock) => lock.tryAcquire()!,
    ]) {
      for (const role of ['holdUntil', 'holdAsync']) {
        const lock = make();
        const held = new Event();
        await using dead = start(role, lock, held, new Event());
        await held.wait();
        assert.equal(lock.statistics().holder, dead.ident);
        await dead.terminate();
        assert.equal(lock.locked(), false);
        const guard = await acquire(lock);
        assert.equal(guard.abandoned, true);
        guard.release();
        using next = await acquire(lock);
        assert.equal(next.abandoned, false);
      }
    }
  });

  check(`${name}: those who wait for a dead holder get it, blocking and asynchronous`, async () => {
    for (let round = 0; round < rounds(5, 60); round++) {
      const lock = make();
      const held = new Event();
      await using dead = start('holdUntil', lock, held, new Event());
      await held.wait();
      await using blocked = start('acquireOnce', lock);
      await blocked.parked();
      const turned = lock.acquire();
      await dead.terminate();
      const guard = await turned;
      guard.release();
      const abandoned = [guard.abandoned, await blocked.result()];
      assert.deepEqual(abandoned.sort(), [false, true]);
    }
  });
}

for (const [name, make] of [
  ['Lock', () => new Lock()],
  ['RLock', () => new RLock()],
] as const) {
  for (const role of ['hammer', 'hammerTry']) {
    check(
      `${name}: workers that die while they hammer it (${role}) leave it usable`,
      async () => {
        const lock = make();
        const go = new Event();
        go.set();
        await using survivor = start('hammer', lock, go);
        await survivor.running();
        for (let round = 0; round < rounds(12, 400); round++) {
          await using dead = start(role, lock, go);
          await dead.running();
          // Another moment each time; in the try form it may get no turn at all beside the survivor.
          const from = survivor.progress;
          await until(() => dead.progress + survivor.progress - from > (round * 131) % 3000);
          await dead.terminate();
          const before = survivor.progress;
          await until(() => survivor.progress > before);
        }
        survivor.stop();
        await survivor.result();
        assert.deepEqual([lock.locked(), lock.statistics().waiting], [false, 0]);
        using _guard = lock.tryAcquire();
        assert.ok(_guard);
      },
      { timeout: 30_000 },
    );
  }
}

check('Semaphore: waiters that die take no permit, and wake-ups reach the others', async () => {
  for (let round = 0; round < rounds(8, 300); round++) {
    const semaphore = new Semaphore(0);
    await using dead = start('acquireOnce', semaphore);
    await dead.parked();
    await using alive = start('acquireOnce', semaphore);
    await alive.parked();
    // The permit and the end at once: the wake-up may go to the one that dies.
    const ended = dead.terminate();
    semaphore.release();
    await ended;
    // It may have died with the permit in its hands: a semaphore has no owner that could tell.
    if (alive.isParked() && semaphore.statistics().value === 0) semaphore.release();
    await alive.result();
    assert.equal(semaphore.statistics().waiting, 0);
  }
});

check('Event: workers that die setting, clearing and waiting leave it usable', async () => {
  const event = new Event();
  for (let round = 0; round < rounds(8, 300); round++) {
    const dead = [start('flicker', event), start('waitBriefly', event)];
    await using alive = start('waitBriefly', event);
    await until(() => dead.every((thread) => thread.progress > (round * 7) % 50));
    await Promise.all(dead.map((thread) => thread.terminate()));
    event.clear();
    const wait = event.wait();
    event.set();
    assert.equal(await wait, true);
    event.clear();
    alive.stop();
    await alive.result();
    assert.equal(event.statistics().waiting, 0);
  }
});

check(
  'Condition: notified and terminated at once, the notification goes to another',
  async () => {
    for (const makeLock of [() => new Lock(), () => new RLock()]) {
      for (let round = 0; round < rounds(6, 200); round++) {
        const condition = new Condition(makeLock());
        await using dead = start('waitCondition', condition);
        await until(() => condition.statistics().waiting === 1);
        await dead.parked();
        await using alive = start('waitCondition', condition);
        await until(() => condition.statistics().waiting === 2);
        const ended = dead.terminate();
        {
          using _guard = condition.acquireSync();
          condition.notify();
        }
        await ended;
        // Unless it came to its end in time, and the notification was its own.
        const came = await dead.result().catch(() => undefined);
        if (came === true) {
          let hasEnded = false;
          void alive.ended.then(() => (hasEnded = true));
          await until(() => hasEnded || condition.statistics().waiting === 1);
          if (!hasEnded) {
            using _guard = await condition.acquire();
            condition.notify();
          }
        }
        assert.equal(await alive.result(), true);
        assert.equal(condition.statistics().waiting, 0);
      }
    }
  },
  { timeout: 60_000 },
);

check('Condition: workers that die while they wait and notify leave it usable', async () => {
  for (const makeLock of [() => new Lock(), () => new RLock()]) {
    const condition = new Condition(makeLock());
    await using survivor = start('pingPong', condition);
    await survivor.running();
    for (let round = 0; round < rounds(8, 300); round++) {
      await using dead = start('pingPong', condition);
      await until(() => dead.progress > (round * 17) % 60);
      await dead.terminate();
      const before = survivor.progress;
      await until(() => survivor.progress > before + 2);
    }
    survivor.stop();
    await survivor.result();
    assert.equal(condition.statistics().waiting, 0);
    assert.equal(condition.lock.tryAcquire() !== undefined, true);
  }
});
