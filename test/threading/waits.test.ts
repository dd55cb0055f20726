/** Who waits for whom, as `waits()` tells it. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import {
  Condition,
  currentThread,
  Event,
  findDeadlocks,
  getIdent,
  Lock,
  RLock,
  Semaphore,
  setDetectDeadlocks,
  Thread,
  Timer,
  type Wait,
  waits,
} from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, until } from '../support/threads.ts';

const start = threadsOf(new URL('../sync/fixtures/roles.ts', import.meta.url));

const of = (thread: { name: string }): Wait[] => waits().filter((wait) => wait.thread.name === thread.name);

/** Waits until a thread waits, and tells for what. */
async function waitOf(thread: { name: string }): Promise<Wait> {
  // What was seen, not what a second look would see: one that looks around for a moment does not wait.
  let seen: Wait[] = [];
  await until(() => {
    seen = of(thread);
    return seen.length > 0;
  });
  assert.equal(seen.length, 1);
  return seen[0];
}

describe('waits()', () => {
  check('nobody waits', () => {
    assert.deepEqual(waits(), []);
    assert.deepEqual(findDeadlocks(), []);
  });

  check('a thread that blocks: its name, the object, since when, and who holds it', async () => {
    const lock = new Lock();
    const me = { name: 'MainThread', ident: getIdent() };
    using guard = lock.acquireSync();
    const before = Date.now();
    const thread = new Thread({ target: (wanted: Lock) => wanted.acquireSync().release(), args: [lock], name: 'w' });
    thread.start();
    const { since, place, ...wait } = await waitOf(thread);
    assert.deepEqual(wait, {
      thread: { name: 'w', ident: thread.ident },
      object: { kind: 'Lock', text: String(lock) },
      blocking: true,
      timed: false,
      count: 1,
      holder: me,
    });
    assert.ok(since >= before - 50 && since <= Date.now() + 50, `${since} is not between ${before} and ${Date.now()}`);
    assert.ok(place === undefined || /waits\.test\.ts:\d+:\d+$/.test(place), String(place));
    guard.release();
    await thread.join();
    assert.deepEqual(of({ name: 'w' }), []);
  });

  check('each kind of object, with its holder where there is one', async () => {
    const rlock = new RLock();
    const [event, semaphore, queue, condition] = [new Event(), new Semaphore(0), new Queue<number>(), new Condition()];
    const running = new Thread({
      target: (open: Event): boolean => open.waitSync(),
      args: [event],
      name: 'opener',
    }).start();
    using guard = rlock.acquireSync();
    const cases: [kind: string, wait: () => unknown, holder: number | undefined][] = [
      ['RLock', () => rlock.acquireSync().release(), getIdent()],
      ['Event', () => event.waitSync({ timeout: 60_000 }), undefined],
      ['Semaphore', () => semaphore.acquireSync(), undefined],
      ['Queue', () => queue.getSync(), undefined],
      ['Thread', () => running.joinSync(), running.ident],
      [
        'Condition',
        () => {
          using _guard = condition.acquireSync();
          condition.waitSync();
        },
        undefined,
      ],
    ];
    const threads = cases.map(([kind, target]) => new Thread({ target, name: `for ${kind}` }).start());
    for (const [index, [kind, , holder]] of cases.entries()) {
      const wait = await waitOf(threads[index]);
      assert.equal(wait.object.kind, kind);
      assert.equal(wait.holder?.ident, holder);
      assert.equal(wait.timed, kind === 'Event');
      assert.match(wait.object.text, new RegExp(`^<.*${kind}.*>$`));
    }
    event.set();
    guard.release();
    semaphore.release();
    queue.putSync(1);
    {
      using _guard = condition.acquireSync();
      condition.notifyAll();
    }
    for (const thread of threads) assert.equal(await thread.join(), true);
  });

  check('a timer that has not fired waits for its event', async () => {
    const timer = new Timer(3_600_000, () => {}, undefined, { name: 'patient' }).start();
    const { object, timed } = await waitOf(timer);
    assert.equal(object.kind, 'Event');
    assert.equal(timed, true);
    timer.cancel();
    await timer.join();
  });

  check('asynchronous waits: by thread and object, how many, for whom', async () => {
    const lock = new Lock();
    const [event, condition] = [new Event(), new Condition()];
    const guard = lock.acquireSync();
    const tasks = [lock.acquire(), lock.acquire(), event.wait()];
    const notified = condition.run(() => condition.wait());
    await until(() => condition.statistics().waiting === 1);
    const mine = waits().filter((wait) => !wait.blocking);
    assert.deepEqual(
      mine.map(({ thread, object, count, holder }) => [thread.name, object.kind, count, holder?.name]).sort(),
      [
        ['MainThread', 'Condition', 1, undefined],
        ['MainThread', 'Event', 1, undefined],
        ['MainThread', 'Lock', 2, 'MainThread'],
      ],
    );
    assert.ok(mine.every(({ since }) => Math.abs(since - Date.now()) < 10_000));
    event.set();
    guard.release();
    for (const task of tasks.slice(0, 2)) ((await task) as Disposable)[Symbol.dispose]();
    await condition.run(() => condition.notifyAll());
    assert.equal(await notified, true);
    await tasks[2];
    assert.deepEqual(waits(), []);
  });

  check('a worker that the library did not start has no name but its number', async () => {
    const event = new Event();
    await using worker = start('waitEvent', event);
    await worker.parked();
    const wait = waits().find(({ thread }) => thread.ident === worker.ident);
    assert.equal(wait?.thread.name, `worker ${worker.ident}`);
    assert.equal(wait?.object.kind, 'Event');
    event.set();
  });

  check('where it waits, of threads that have waited a while with detection on', async () => {
    setDetectDeadlocks(true);
    const lock = new Lock();
    const guard = lock.acquireSync();
    const thread = new Thread({ target: (wanted: Lock) => wanted.acquireSync().release(), args: [lock] }).start();
    // In the moments in which it looks around it doesn't sleep, and nothing is said of it.
    let place: string | undefined;
    await until(() => {
      place = of(thread)[0]?.place;
      return place !== undefined;
    });
    assert.match(place!, /waits\.test\.ts:\d+:\d+$/);
    guard.release();
    await thread.join();
  });

  check('killed while it waits: it is gone, and so is what it said', async () => {
    setDetectDeadlocks(true);
    let used = 0;
    for (let round = rounds(6, 150); round > 0; round--) {
      const lock = new Lock();
      const guard = lock.acquireSync();
      const thread = new Thread({ target: (wanted: Lock) => wanted.acquireSync().release(), args: [lock] }).start();
      const { name } = thread;
      // Half of them before they said where, and half of them after.
      await until(() => of(thread).some(({ place }) => round % 2 === 0 || place !== undefined));
      await thread.terminate();
      assert.deepEqual(of({ name }), []);
      assert.equal(lock.statistics().waiting, 0);
      guard.release();
      if (used === 0) used = heap.usedBytes();
    }
    assert.ok(heap.usedBytes() - used <= 2 ** 20, `the heap grew by ${heap.usedBytes() - used} bytes`);
  });

  check(
    'asked for all the time while threads come, wait, go and die, it neither fails nor keeps anything',
    async () => {
      const lock = new Lock();
      const work = (shared: Lock, event: Event, turns: number): void => {
        for (let turn = 0; turn < turns; turn++) {
          using _guard = shared.acquireSync();
          event.waitSync({ timeout: turn % 3 });
        }
      };
      let seen = 0;
      for (let round = rounds(8, 200); round > 0; round--) {
        const threads = Array.from({ length: 4 }, () =>
          new Thread({ target: work, args: [lock, new Event(), 12] }).start(),
        );
        const ended = Promise.all(threads.map((thread) => thread.join()));
        if (round % 4 === 0) void threads[0].terminate();
        let over = false;
        void ended.then(() => (over = true));
        while (!over) {
          for (const wait of waits()) {
            seen++;
            assert.ok(wait.thread.ident > 0);
            assert.ok(wait.object.text.length > 0);
          }
          assert.deepEqual(findDeadlocks(), []);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      assert.ok(seen > 0);
      assert.equal(currentThread().name, 'MainThread');
      const guard = lock.acquireSync();
      assert.equal(lock.statistics().waiting, 0);
      guard.release();
    },
    { timeout: 60_000 },
  );
});
