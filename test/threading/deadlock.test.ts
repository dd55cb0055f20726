/** Threads that wait for each other for ever are told so, all others are left alone. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { addressOf, blockingWaits, FIRST_LOOK_MS, heap, PARKED } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { i32, Shared } from '../../src/shared/index.ts';
import {
  Condition,
  DeadlockError,
  Event,
  findDeadlocks,
  Lock,
  mainThread,
  RLock,
  Semaphore,
  setDetectDeadlocks,
  Thread,
  waits,
} from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { run } from './program.ts';

setDetectDeadlocks(true);

/**
 * Returns when somebody has blocked at each of these records for so long that its thread has looked for a deadlock more
 * than once. Addresses, and the raw view of who waits: the detector asks who can reach a lock, so this must hold none.
 */
const untilLookedFor = (...addresses: number[]): void => {
  const pause = new Event();
  const looked = (address: number): boolean => {
    const longAgo = performance.timeOrigin + performance.now() - 5 * FIRST_LOOK_MS;
    return blockingWaits(heap).some(
      ({ object, since, flags }) => object === address && since < longAgo && !(flags & PARKED.TIMED),
    );
  };
  while (!addresses.every(looked)) pause.waitSync({ timeout: 5 });
};

/** Takes one lock, says so, waits for all others to have said so, and wants another. */
const takeBoth = (first: Lock | RLock, second: Lock | RLock, taken: Semaphore, go: Event): string => {
  using _first = first.acquireSync();
  taken.release();
  go.waitSync();
  using _second = second.acquireSync();
  return 'went through';
};

/** The same; what it gets instead of the second lock is its result. */
const tellBoth = (first: Lock | RLock, second: Lock | RLock, taken: Semaphore, go: Event): string => {
  try {
    return takeBoth(first, second, taken, go);
  } catch (error) {
    return `${(error as Error).constructor.name}: ${(error as Error).message}`;
  }
};

type Circle = { threads: Thread<never[], string>[]; locks: (Lock | RLock)[] };

/** A ring of threads, each holding a lock that the one before it wants. */
function ring(count: number, make: () => Lock | RLock, target = takeBoth): Circle {
  const locks = Array.from({ length: count }, make);
  const [taken, go] = [new Semaphore(0), new Event()];
  const threads = locks.map((lock, index) =>
    new Thread({ target, args: [lock, locks[(index + 1) % count], taken, go], name: `ring ${index}` }).start(),
  );
  for (let left = count; left > 0; left--) taken.acquireSync();
  go.set();
  return { threads: threads as never, locks };
}

async function end(threads: Thread<never[], unknown>[]): Promise<void> {
  for (const thread of threads) await thread.terminate();
}

function deadlockOf(action: () => unknown): DeadlockError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof DeadlockError, String(error));
    assert.equal(error.code, 'TELAIO_DEADLOCK');
    return error;
  }
  return assert.fail('no DeadlockError');
}

const LINE = String.raw`at .*deadlock\.test\.ts:\d+:\d+`;
const LOCKED = '<locked Lock #[0-9a-f]+>';

describe('DeadlockError', () => {
  check('the main thread in the circle: who, what and where; its wait is taken back', async () => {
    const [mine, theirs] = [new Lock(), new Lock()];
    const [taken, go] = [new Semaphore(0), new Event()];
    const thread = new Thread({ target: takeBoth, args: [theirs, mine, taken, go], name: 'other' }).start();
    taken.acquireSync();
    const error = deadlockOf(() => {
      using _mine = mine.acquireSync();
      go.set();
      theirs.acquireSync();
    });
    const text = new RegExp(
      '^A deadlock: these threads wait for each other and none of them can ever go on\\.\n' +
        `  MainThread \\(this thread\\) waits for ${LOCKED}, held by other, ${LINE}\n` +
        `  other waits for ${LOCKED}, held by MainThread, ${LINE}\n` +
        'Take locks in the same order everywhere, or wait with a timeout\\.$',
    );
    assert.match(error.message, text);
    assert.match(error.stack!, /deadlock\.test\.ts/);
    // `using` gave back what the other one wanted.
    assert.equal(await thread.result(), 'went through');
    assert.deepEqual(mine.statistics(), { waiting: 0 });
    assert.deepEqual(theirs.statistics(), { waiting: 0 });
    theirs.acquireSync().release();
  });

  for (const count of [2, 5]) {
    check(`main joins one of ${count} threads in a circle`, async () => {
      const { threads, locks } = ring(count, () => new Lock());
      const { message } = deadlockOf(() => threads[0].joinSync());
      const lines = message.split('\n');
      assert.equal(lines.length, count + 3);
      assert.match(lines[1], new RegExp(`^  MainThread \\(this thread\\) waits for the end of ring 0, ${LINE}$`));
      for (let index = 0; index < count; index++) {
        const holder = `held by ring ${(index + 1) % count}`;
        assert.match(lines[index + 2], new RegExp(`^  ring ${index} waits for ${LOCKED}, ${holder}, ${LINE}$`));
      }
      assert.equal(findDeadlocks().length, 1);
      assert.equal(findDeadlocks()[0].length, count);
      await end(threads);
      assert.equal(findDeadlocks().length, 0);
      for (const lock of locks) assert.equal(lock.statistics().waiting, 0);
    });
  }

  check('a thread that waits for its own Lock, on the main thread', () => {
    const lock = new Lock();
    const guard = lock.acquireSync();
    const { message } = deadlockOf(() => lock.acquireSync());
    assert.match(
      message,
      new RegExp(`MainThread \\(this thread\\) waits for ${LOCKED}, which it holds itself, ${LINE}\n`),
    );
    assert.match(message, /\nUse an RLock where a thread may take its lock again, or wait with a timeout\.$/);
    assert.deepEqual(Object.keys(lock.statistics()), ['waiting', 'holder']);
    assert.equal(lock.statistics().waiting, 0);
    guard.release();
    lock.acquireSync().release();
  });

  check('a thread that waits for its own Lock, while main joins it', async () => {
    const twice = (lock: Lock): void => {
      lock.acquireSync();
      lock.acquireSync();
    };
    const thread = new Thread({ target: twice, args: [new Lock()], name: 'greedy' }).start();
    const { message } = deadlockOf(() => thread.joinSync());
    assert.match(message, /MainThread \(this thread\) waits for the end of greedy/);
    assert.match(message, /greedy waits for <locked Lock #[0-9a-f]+>, which it holds itself/);
    await end([thread as never]);
  });

  check('threads that join each other: the one that came last gets it, the other goes on', async () => {
    const join = (others: Queue<Thread>): string => {
      const other = others.getSync();
      try {
        other.joinSync();
        return 'joined';
      } catch (error) {
        return (error as Error).message;
      }
    };
    const [first, second] = [new Queue<Thread>(), new Queue<Thread>()];
    const a = new Thread({ target: join, args: [first], name: 'a' }).start();
    const b = new Thread({ target: join, args: [second], name: 'b' }).start();
    first.putSync(b as never);
    await until(() => findBlocked(a));
    second.putSync(a as never);
    const [one, other] = await Promise.all([a.result(), b.result()]);
    assert.equal(one, 'joined');
    assert.match(other, /\n {2}b \(this thread\) waits for the end of a, at .*\n {2}a waits for the end of b, at /);
  });

  check('RLocks, while the event loop of main turns: one thread gets it, the other goes on', async () => {
    const { threads } = ring(2, () => new RLock(), tellBoth);
    const results = await Promise.all(threads.map((thread) => thread.result()));
    assert.deepEqual(results.filter((text) => text === 'went through').length, 1, results.join('\n'));
    assert.match(results.find((text) => text !== 'went through')!, /^DeadlockError: A deadlock: /);
  });

  check('locks in a shared struct', async () => {
    class Account extends Shared({ balance: i32, lock: Lock }) {}
    const move = (from: Account, to: Account, taken: Semaphore, go: Event): void => {
      using _from = from.lock.acquireSync();
      taken.release();
      go.waitSync();
      using _to = to.lock.acquireSync();
      to.balance++;
      from.balance--;
    };
    const [x, y, taken, go] = [new Account(), new Account(), new Semaphore(0), new Event()];
    const threads = [
      new Thread({ target: move, args: [x, y, taken, go] }),
      new Thread({ target: move, args: [y, x, taken, go] }),
    ];
    for (const thread of threads) thread.start();
    taken.acquireSync();
    taken.acquireSync();
    go.set();
    assert.match(deadlockOf(() => threads[0].joinSync()).message, /held by Thread-\d+ \(move\)/);
    await end(threads as never);
  });

  check("a condition's waiter that takes its lock again is spared: the other one gets it", async () => {
    const condition = new Condition(new Lock());
    const mine = new Lock();
    const target = (): string => {
      using _inner = condition.acquireSync();
      condition.notify();
      try {
        mine.acquireSync();
        return 'no error';
      } catch (error) {
        return (error as Error).message;
      }
    };
    using _mine = mine.acquireSync();
    using _guard = condition.acquireSync();
    const thread = new Thread({ target, name: 'notifier' }).start();
    assert.equal(condition.waitSync(), true);
    assert.throws(() => condition.lock.tryAcquire()!.release(), TypeError);
    assert.match(await thread.result(), /notifier \(this thread\) waits for .*, held by MainThread/);
  });

  check('a thread that is killed in a circle leaves no trace, and the circle is none any more', async () => {
    for (let round = rounds(2, 100); round > 0; round--) {
      // The locks stay in reach here: else nobody could release them, and the threads would be told.
      const { threads, locks } = ring(2, () => new Lock());
      await until(() => findDeadlocks().some((circle) => circle.every(({ place }) => place !== undefined)));
      await threads[0].terminate();
      assert.equal(await threads[1].result(), 'went through');
      assert.deepEqual(findDeadlocks(), []);
      for (const lock of locks) assert.deepEqual(lock.statistics(), { waiting: 0 });
    }
  });
});

describe('no DeadlockError', () => {
  check('for a wait with a timeout', async () => {
    const { threads, locks } = ring(2, () => new Lock());
    assert.equal(threads[0].joinSync({ timeout: 600 }), false);
    await end(threads);
    assert.ok(locks.every((lock) => lock.statistics().waiting === 0));
  });

  check('for a Lock that a third thread releases', async () => {
    const gate = new Lock();
    gate.acquireSync();
    const waiter = new Thread({
      target: () => {
        gate.acquireSync();
        return 'let in';
      },
    }).start();
    const opener = new Thread({
      target: () => {
        untilLookedFor(addressOf(gate), addressOf(waiter));
        gate.release();
      },
    }).start();
    // main holds the gate, and waits for the waiter, which waits for the gate.
    assert.equal(waiter.joinSync(), true);
    assert.equal(await waiter.result(), 'let in');
    await opener.join();
  });

  check('for a Lock whose only key lies in a queue', async () => {
    const [gate, keys] = [new Lock(), new Queue<Lock>()];
    gate.acquireSync();
    keys.putSync(gate);
    const waiter = new Thread({ target: (lock: Lock) => lock.acquireSync().abandoned, args: [gate] }).start();
    const opener = new Thread({
      target: (queue: Queue<Lock>, ...addresses: number[]) => {
        untilLookedFor(...addresses);
        queue.getSync().release();
      },
      args: [keys, addressOf(gate), addressOf(waiter)],
    }).start();
    assert.equal(waiter.joinSync(), true);
    await opener.join();
  });

  check('for events, semaphores and queues, which anybody may set', async () => {
    const lock = new Lock();
    const [event, semaphore, queue] = [new Event(), new Semaphore(0), new Queue<string>()];
    // Not the lock itself: the helper must not be able to reach it.
    const wanted = addressOf(lock);
    using _guard = lock.acquireSync();
    const blocked = new Thread({ target: () => void lock.acquireSync().release() }).start();
    const helper = new Thread({
      target: () => {
        untilLookedFor(addressOf(event), wanted);
        event.set();
        untilLookedFor(addressOf(semaphore));
        semaphore.release();
        untilLookedFor(addressOf(queue));
        queue.putSync('item');
      },
    }).start();
    assert.equal(event.waitSync(), true);
    semaphore.acquireSync();
    assert.equal(queue.getSync(), 'item');
    await helper.join();
    lock.release();
    assert.equal(blocked.joinSync(), true);
  });

  check('for a chain that ends with a thread that works', async () => {
    const slow = (lock: Lock, taken: Semaphore): void => {
      using _guard = lock.acquireSync();
      taken.release();
      untilLookedFor(addressOf(lock));
    };
    const [lock, taken] = [new Lock(), new Semaphore(0)];
    const thread = new Thread({ target: slow, args: [lock, taken] }).start();
    taken.acquireSync();
    lock.acquireSync().release();
    assert.equal(thread.joinSync(), true);
  });

  check('for a thread that joins main, which awaits it', async () => {
    const thread = new Thread({ target: () => mainThread().joinSync({ timeout: 400 }) }).start();
    assert.equal(await thread.result(), false);
  });

  check(
    'in a crowd that shares locks and conditions, and waits long',
    async () => {
      const crowd = (locks: Lock[], rlocks: RLock[], condition: Condition, until: number): number => {
        let turns = 0;
        for (let seed = until; performance.timeOrigin + performance.now() < until; turns++) {
          seed = (seed * 1103515245 + 12345) % 2 ** 31;
          const from = Math.floor(seed / 7) % locks.length;
          {
            using _a = locks[from].acquireSync();
            using _b = rlocks[from].acquireSync();
            using _c = rlocks[from].acquireSync();
            // Now and then somebody keeps it until who waits for it has looked.
            if (turns % 40 === 7 && locks[from].statistics().waiting > 0) untilLookedFor(addressOf(locks[from]));
          }
          using _d = condition.acquireSync();
          condition.notify();
          if (turns % 3 === 0) condition.waitSync({ timeout: 1 });
        }
        using _last = condition.acquireSync();
        condition.notifyAll();
        return turns;
      };
      const locks = [new Lock(), new Lock()];
      const rlocks = [new RLock(), new RLock()];
      const condition = new Condition();
      const until = Date.now() + rounds(2_500, 60_000);
      const threads = Array.from({ length: 6 }, () =>
        new Thread({ target: crowd, args: [locks, rlocks, condition, until] }).start(),
      );
      for (const thread of threads) assert.equal(thread.joinSync(), true);
      // Under load some of them begin when the time is over.
      const turns = await Promise.all(threads.map((thread) => thread.result()));
      assert.ok(turns.some((count) => (count as number) > 0));
    },
    { timeout: 120_000 },
  );

  check('when it is off; the circle can still be found', async () => {
    setDetectDeadlocks(false);
    try {
      const { threads } = ring(2, () => new RLock(), tellBoth);
      await until(() => findDeadlocks().length === 1);
      const [{ since }] = findDeadlocks()[0];
      await until(() => Date.now() - since > 500);
      assert.deepEqual(
        findDeadlocks()[0]
          .map(({ thread }) => thread.name)
          .sort(),
        ['ring 0', 'ring 1'],
      );
      await end(threads);
    } finally {
      setDetectDeadlocks(true);
    }
  });

  check('setDetectDeadlocks takes a boolean', () => {
    assert.throws(() => setDetectDeadlocks(1 as never), {
      name: 'TypeError',
      message: 'setDetectDeadlocks(1): give true or false.',
    });
  });
});

describe('whole programs', () => {
  const fixture = new URL('./fixtures/deadlocked.ts', import.meta.url);

  check(
    'TELAIO_DEBUG=1: two threads in a circle while main has ended; one is reported, the process ends',
    async () => {
      const { code, stderr, stdout } = await run(fixture, { args: ['threads'], env: { TELAIO_DEBUG: '1' } });
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^Exception in thread (?:left|right), target takeBoth .*\nDeadlockError: A deadlock: /);
      assert.equal(stderr.match(/deadlocked\.ts:\d+:\d+/g)!.length >= 3, true);
      assert.match(stdout, /^(?:left|right) went through\n$/);
    },
    { timeout: 60_000 },
  );

  check(
    'TELAIO_DEBUG=1: a main thread that blocks in a circle is told so, also after it has awaited for long',
    async () => {
      const { code, stderr, stdout } = await run(fixture, { args: ['afterwards'], env: { TELAIO_DEBUG: '1' } });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^A deadlock: .*\n {2}MainThread \(this thread\) waits for the end of waiter/);
      assert.match(stdout, /\nDon't join a thread while you hold what it may want/);
    },
    { timeout: 30_000 },
  );

  check(
    'TELAIO_DEBUG=1: plain locks, and main awaits the threads; one gets it, the other goes on',
    async () => {
      const { code, stderr, lines } = await run(fixture, { args: ['awaited'], env: { TELAIO_DEBUG: '1' } });
      assert.equal(code, 0, stderr);
      assert.match(stderr, /DeadlockError: A deadlock: /);
      assert.equal(lines.at(-1), 'fulfilled,rejected');
    },
    { timeout: 60_000 },
  );

  check(
    'TELAIO_DEBUG=1: main awaits them, and a timer of its own will release a lock: no error',
    async () => {
      const { code, stderr, lines } = await run(fixture, { args: ['rescued'], env: { TELAIO_DEBUG: '1' } });
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.deepEqual(lines.sort(), ['left went through', 'right went through']);
    },
    { timeout: 60_000 },
  );

  check(
    'TELAIO_DEBUG=1: an error of the main thread that nobody catches',
    async () => {
      const { code, stderr } = await run(fixture, { args: ['main'], env: { TELAIO_DEBUG: '1' } });
      assert.equal(code, 1);
      assert.match(stderr, /DeadlockError: A deadlock: these threads wait for each other/);
      assert.match(
        stderr,
        /MainThread \(this thread\) waits for <locked Lock #[0-9a-f]+>, which it holds itself, at .*deadlocked\.ts/,
      );
    },
    { timeout: 60_000 },
  );

  check(
    'without it nothing is looked for',
    async () => {
      const { code, stdout } = await run(fixture, { args: ['quiet'], env: { TELAIO_DEBUG: '' } });
      assert.equal(code, 0);
      assert.equal(stdout, 'still waiting\n');
    },
    { timeout: 60_000 },
  );
});

function findBlocked(thread: Thread<never[], unknown> | Thread<never, never> | object): boolean {
  const { ident } = thread as Thread;
  return waitsOf(ident!).length > 0;
}

function waitsOf(ident: number): unknown[] {
  return waits().filter((wait) => wait.blocking && wait.thread.ident === ident && wait.object.kind === 'Thread');
}
