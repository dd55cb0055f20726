/** Ending threads by force, wherever they are. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import {
  Condition,
  currentThread,
  Event,
  enumerate,
  Lock,
  RLock,
  Semaphore,
  Thread,
} from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { isBlocked } from '../support/isolates.ts';
import { until } from '../support/threads.ts';
import * as targets from './fixtures/targets.ts';
import { run } from './program.ts';

const crashed = { name: 'WorkerCrashedError', code: 'TELAIO_WORKER_CRASHED', message: /was terminated/ };
type AnyThread = Thread<never[], unknown>;

function parked(thread: AnyThread): boolean {
  return isBlocked(heap, thread.ident);
}

async function assertTerminates(thread: AnyThread): Promise<void> {
  await thread.terminate();
  assert.equal(thread.isAlive(), false);
  assert.equal(thread.joinSync({ timeout: 0 }), true);
  await assert.rejects(thread.result(), crashed);
  assert.equal(enumerate().includes(thread), false);
}

describe('terminate', () => {
  const taken = new Lock();
  taken.acquireSync();
  const owned = new RLock();
  owned.acquireSync();
  const full = new Queue<unknown>(1);
  full.putSync('full');
  const scenes: [string, () => Thread<never[], unknown>, (() => number)?][] = [
    [
      'Lock',
      () => new Thread({ target: targets.blockOnLock, args: [taken] }) as never,
      () => taken.statistics().waiting,
    ],
    [
      'RLock',
      () => new Thread({ target: targets.blockOnLock, args: [owned] }) as never,
      () => owned.statistics().waiting,
    ],
    [
      'Lock, asynchronous',
      () => new Thread({ target: targets.blockOnLockAsync, args: [taken] }) as never,
      () => taken.statistics().waiting,
    ],
    ['Semaphore', () => new Thread({ target: targets.blockOnSemaphore, args: [new Semaphore(0)] }) as never],
    ['Event', () => new Thread({ target: targets.blockOnEvent, args: [new Event()] }) as never],
    ['Event, asynchronous', () => new Thread({ target: targets.blockOnEventAsync, args: [new Event()] }) as never],
    ['Condition', () => new Thread({ target: targets.blockOnCondition, args: [new Condition()] }) as never],
    ['Queue.get', () => new Thread({ target: targets.blockOnGet, args: [new Queue()] }) as never],
    ['Queue.get, asynchronous', () => new Thread({ target: targets.blockOnGetAsync, args: [new Queue()] }) as never],
    [
      'Queue.put',
      () => new Thread({ target: targets.blockOnPut, args: [full] }) as never,
      () => full.statistics().putters,
    ],
    ['join', () => new Thread({ target: targets.blockOnJoin, args: [currentThread() as never] }) as never],
  ];
  for (const [what, make, waiting] of scenes) {
    check(`blocked in ${what}`, async () => {
      const thread = make();
      thread.start();
      if (!what.includes('asynchronous')) await until(() => parked(thread));
      else if (waiting) await until(() => waiting() === 1);
      await assertTerminates(thread);
      // Nothing of it is left behind.
      if (waiting) assert.equal(waiting(), 0);
    });
  }

  check('in a busy loop, and in sleepSync', async () => {
    for (const target of [targets.busy, targets.blockOnSleep]) {
      const running = new Event();
      const thread = new Thread({ target, args: [running] }).start();
      running.waitSync();
      await assertTerminates(thread as never);
    }
  });

  check('not started: nothing; after the end: nothing; twice at once, and again: fine', async () => {
    const never = new Thread({ target: targets.add, args: [1, 2] });
    await never.terminate();
    assert.equal(await never.start().result(), 3, 'it can still be started');
    await never.terminate();
    assert.equal(await never.result(), 3);
    const thread = new Thread({ target: targets.blockOnEvent, args: [new Event()] }).start();
    await Promise.all([thread.terminate(), thread.terminate()]);
    await thread.terminate();
    await assert.rejects(thread.result(), crashed);
  });

  check('while it starts: it ends, runs nothing or little, and its isolate serves nobody else', async () => {
    for (let round = 0; round < rounds(5, 300); round++) {
      const thread = new Thread({ target: targets.blockOnEvent, args: [new Event()] });
      thread.launch();
      await thread.terminate();
      await assert.rejects(thread.result(), crashed);
      assert.equal(await new Thread({ target: targets.add, args: [round, 1] }).start().result(), round + 1);
    }
  });

  check(
    'just as it ends: it has its result or was terminated, and the next thread is never hit',
    async () => {
      for (let round = 0; round < rounds(15, 600); round++) {
        const gate = new Event();
        const thread = new Thread({ target: targets.waitFor, args: [gate] }).start();
        gate.set();
        const ended = thread.terminate();
        const next = new Thread({ target: targets.add, args: [round, 1] }).start();
        assert.equal(await next.result(), round + 1);
        await ended;
        const outcome = await thread.result().catch((error: Error) => error.name);
        assert.ok(outcome === 'went through' || outcome === 'WorkerCrashedError', String(outcome));
      }
    },
    { timeout: 60_000 },
  );

  check('locks that it held are abandoned by the time terminate() or joinSync() returns', async () => {
    for (const make of [() => new Lock(), () => new RLock()]) {
      for (const end of [
        (thread: Thread<never[]>) => thread.terminate(),
        (thread: Thread<never[]>) => {
          void thread.terminate();
          assert.equal(thread.joinSync(), true);
        },
      ]) {
        const lock = make();
        const held = new Event();
        const thread = new Thread({ target: targets.holdAndBlock, args: [lock, held, new Event()] }).start();
        held.waitSync();
        assert.equal(lock.tryAcquire(), undefined);
        await end(thread as never);
        const guard = lock.tryAcquire();
        assert.equal(guard?.abandoned, true);
        guard.release();
        assert.equal(lock.acquireSync().abandoned, false);
      }
    }
  });

  check('a waiter gets the lock of the dead at once, but not that of one that returned', async () => {
    const lock = new Lock();
    const held = new Event();
    const holder = new Thread({ target: targets.holdAndBlock, args: [lock, held, new Event()] }).start();
    held.waitSync();
    const waiter = lock.acquire();
    await until(() => lock.statistics().waiting === 1);
    await holder.terminate();
    const guard = await waiter;
    assert.equal(guard.abandoned, true);
    guard.release();
    // One that has returned did not die: its lock is for somebody else to release.
    await new Thread({ target: targets.takeAndReturn, args: [lock] }).start().result();
    assert.equal(lock.tryAcquire(), undefined);
    lock.release();
  });

  // In a program of its own: an isolate of another test that ends meanwhile would make the nursery wait for the holder
  // before it hears that it is to end it.
  check('one that dies inside our own mutex, while the nursery needs that for another death', async () => {
    const { code, stdout, stderr } = await run(new URL('./fixtures/program.ts', import.meta.url), {
      args: ['ownMutex'],
    });
    assert.deepEqual([code, stdout, stderr], [0, '3\n3\n3\n', '']);
  });

  check('the main thread cannot be terminated', async () => {
    const refused = { name: 'RuntimeError', message: /MainThread.*can't be terminated/ };
    await assert.rejects(currentThread().terminate(), refused);
  });
});
