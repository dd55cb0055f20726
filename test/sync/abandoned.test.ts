/**
 * Threads that die with a lock, at any instant and in any way: the next one is told, nobody waits for ever, and nobody
 * finds half a change without having been told. TELAIO_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Condition, Event, Lock, RLock, RWLock, setExceptHook, Thread } from '../../src/threading/index.ts';
import { check, rounds, STRESS } from '../support/check.ts';
import { until } from '../support/threads.ts';
import * as roles from './fixtures/abandoned.ts';

const seed = Number(process.env.TELAIO_SEED ?? Date.now() % 1e9);
let state = seed;

/** A whole number from 0 to `below` - 1 (mulberry32). */
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}

/** Each victim costs an isolate: a busy machine takes its time. */
const LONG = { timeout: 90_000 };

const LOCKS = [
  ['Lock', () => new Lock()],
  ['RLock', () => new RLock()],
] as const;

// What dies on purpose is no news.
before(() => setExceptHook(() => {}));
after(() => setExceptHook(undefined));
if (STRESS) after(() => console.log(`TELAIO_SEED=${seed}`));

/** A moment that differs each time: after some turns, and some microseconds more. */
async function someMoment(at: number): Promise<void> {
  const from = roles.readLedger(at).turns;
  const turns = random(200);
  await until(() => roles.readLedger(at).turns - from >= turns);
  const end = performance.now() + random(300) / 1000;
  while (performance.now() < end);
}

function assertKept(at: number): void {
  const { twice, silent } = roles.readLedger(at);
  assert.deepEqual({ twice, silent }, { twice: 0, silent: 0 }, `TELAIO_SEED=${seed}`);
}

describe('terminated at a random instant', () => {
  for (const [name, make] of LOCKS) {
    for (const target of [roles.takeTurns, roles.takeTurnsTwice, roles.takeTurnsAsync]) {
      check(
        `${name}, ${target.name}: what it guards is whole, or its next holder is told`,
        async () => {
          const lock = make();
          const at = roles.newLedger();
          const [stop, running] = [new Event(), new Event()];
          const survivor = new Thread({ target: roles.takeTurns, args: [lock, at, stop, running] }).start();
          for (let round = 0; round < rounds(12, 300); round++) {
            const up = new Event();
            const victims = [0, 1].map(() => new Thread({ target, args: [lock, at, stop, up] }).start());
            // Most die at work, some before.
            if (random(8) > 0) await up.wait();
            await someMoment(at);
            await Promise.all(victims.map((victim) => victim.terminate()));
            const guard = lock.acquireSync({ timeout: 10_000 });
            assert.ok(guard, `nobody gets ${lock} in round ${round}, TELAIO_SEED=${seed}`);
            if (lock instanceof RLock) assert.equal(lock.recursionCount(), 1);
            roles.enter(guard, at);
            roles.leave(at);
            guard.release();
            assertKept(at);
          }
          stop.set();
          await survivor.result();
          assertKept(at);
          assert.deepEqual([lock.locked(), lock.statistics()], [false, { waiting: 0 }]);
          heap.release(at - 2);
        },
        LONG,
      );
    }
  }

  for (const [name, make] of LOCKS) {
    check(
      `Condition over ${name}: its waiters go on, and its lock is as good`,
      async () => {
        const condition = new Condition(make());
        const at = roles.newLedger();
        const [stop, running] = [new Event(), new Event()];
        const args: [Condition, number, Event, Event] = [condition, at, stop, running];
        const survivors = [0, 1].map(() => new Thread({ target: roles.takeTurnsOn, args }).start());
        for (let round = 0; round < rounds(12, 300); round++) {
          const up = new Event();
          const victim = new Thread({ target: roles.takeTurnsOn, args: [condition, at, stop, up] }).start();
          if (random(8) > 0) await up.wait();
          await someMoment(at);
          await victim.terminate();
          // Two who live are left: nobody counts as waiting who is dead.
          const guard = condition.acquireSync({ timeout: 10_000 });
          assert.ok(guard, `nobody gets ${condition} in round ${round}, TELAIO_SEED=${seed}`);
          roles.enter(guard, at);
          roles.leave(at);
          guard.release();
          assertKept(at);
        }
        stop.set();
        for (const survivor of survivors) await survivor.result();
        assertKept(at);
        assert.deepEqual(condition.statistics(), { waiting: 0 });
        assert.equal((condition.lock as Lock).locked(), false);
        heap.release(at - 2);
      },
      LONG,
    );
  }
});

const DEATHS: roles.Death[] = [
  'throws',
  'exits with 0',
  'exits with 3',
  'throws in a timer',
  'rejects',
  'is terminated',
];

describe('who waits for a holder that dies gets the lock, and the first is told', () => {
  for (const [name, make] of LOCKS) {
    for (const death of DEATHS) {
      check(
        `${name}: the holder ${death}`,
        async () => {
          for (let round = 0; round < rounds(8, 100); round++) {
            const lock = make();
            const [held, open] = [new Event(), new Event()];
            const levels = name === 'RLock' ? 1 + random(3) : 1;
            const target = random(2) === 0 ? roles.dieWith : roles.dieWithAsync;
            const holder = new Thread({ target, args: [lock, levels, held, open, death] }).start();
            await held.wait();
            const blocked = Array.from({ length: random(3) }, () =>
              new Thread({ target: roles.acquireOnce, args: [lock] }).start(),
            );
            const turned = Array.from({ length: random(3) }, () => lock.run((guard) => guard.abandoned));
            if (random(4) > 0) await until(() => lock.statistics().waiting === blocked.length + turned.length);
            assert.equal(lock.statistics().holder, holder.ident);
            open.set();
            if (death === 'is terminated') await holder.terminate();
            const told = await Promise.all([...blocked.map((thread) => thread.result()), ...turned]);
            await holder.join();
            using guard = lock.acquireSync({ timeout: 10_000 });
            assert.ok(guard, `TELAIO_SEED=${seed}`);
            told.push(guard.abandoned);
            assert.equal(told.filter((was) => was).length, 1, `${told}, TELAIO_SEED=${seed}`);
          }
        },
        LONG,
      );
    }
  }

  for (const [name, make] of LOCKS) {
    check(
      `Condition over ${name}: the guard of a waiter says so after the wait`,
      async () => {
        for (let round = 0; round < rounds(12, 200); round++) {
          const death = DEATHS[random(DEATHS.length)];
          const condition = new Condition(make());
          const waiters = [0, 1, 2].map(() => new Thread({ target: roles.waitOnce, args: [condition] }).start());
          const turned = condition.run(async (guard) => {
            await condition.wait();
            return [false, guard.abandoned];
          });
          await until(() => condition.statistics().waiting === 4);
          const [held, open] = [new Event(), new Event()];
          const holder = new Thread({ target: roles.dieNotifying, args: [condition, held, open, death] }).start();
          await held.wait();
          open.set();
          if (death === 'is terminated') {
            await until(() => !held.isSet());
            await holder.terminate();
          }
          const told = await Promise.all([...waiters.map((waiter) => waiter.result()), turned]);
          assert.equal(told.filter(([first]) => first).length, 0);
          assert.equal(told.filter(([, second]) => second).length, 1, `${death}, TELAIO_SEED=${seed}`);
          assert.deepEqual(condition.statistics(), { waiting: 0 });
        }
      },
      LONG,
    );
  }
});

for (const [name, make] of LOCKS) {
  for (const dispose of [false, true]) {
    const how = dispose ? 'disposed' : 'forgot';
    check(
      `${name}: also of a holder that ${how} its own object of it`,
      async () => {
        for (let round = 0; round < rounds(2, 100); round++) {
          const lock = make();
          const locks = new Queue<Lock | RLock>();
          locks.putSync(lock);
          const [held, open] = [new Event(), new Event()];
          const holder = new Thread({ target: roles.forgetAndDie, args: [locks, dispose, held, open] }).start();
          await held.wait();
          assert.equal(lock.statistics().holder, holder.ident);
          const waits = lock.run((guard) => guard.abandoned);
          open.set();
          assert.equal(await waits, true);
          await holder.join();
        }
      },
      LONG,
    );
  }

  check(`${name}: a thread returns with it`, async () => {
    const lock = make();
    const thread = new Thread({ target: roles.takeAndReturn, args: [lock] }).start();
    await thread.result();
    // Also when its isolate has run another thread, and is gone.
    await new Thread().start().join();
    if (lock instanceof RLock) {
      // Nobody else could release it.
      using guard = lock.acquireSync({ timeout: 5_000 });
      assert.equal(guard?.abandoned, true);
      return;
    }
    // Anybody may: perhaps that is what it was taken for.
    assert.equal(lock.statistics().holder, thread.ident);
    assert.equal(lock.acquireSync({ timeout: 5 }), undefined);
    lock.release();
    using guard = lock.acquireSync();
    assert.equal(guard.abandoned, false);
  });
}

for (const side of ['read', 'write'] as const) {
  check(`RWLock: a thread returns with it to ${side}`, async () => {
    const lock = new RWLock();
    await new Thread({ target: roles.holdAndReturn, args: [lock, side] }).start().result();
    // Nobody else has its guard. What it only read is whole.
    using guard = lock.writeSync({ timeout: 5_000 });
    assert.equal(guard?.abandoned, side === 'write');
  });
}
