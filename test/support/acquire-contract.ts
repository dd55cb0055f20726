/** What Lock, RLock and Semaphore(1) have in common: one holder at a time, guards, three forms. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { heap, KIND } from '../../src/memory/index.ts';
import type { Event, Guard, Lock, RLock, Semaphore } from '../../src/sync/index.ts';
import { check, rounds } from './check.ts';
import { type TestThread, until } from './threads.ts';

type Acquirable = Lock | RLock | Semaphore;
type Start = (role: string, ...args: unknown[]) => TestThread;

export type AcquireContract = {
  name: string;
  make(): Acquirable;
  makeEvent(): Event;
  start: Start;
  /** Whether it is taken now. */
  taken(it: Acquirable): boolean;
};

export function describeAcquire({ name, make, makeEvent, start, taken }: AcquireContract): void {
  const forms: [string, (it: Acquirable) => Guard | undefined | Promise<Guard | undefined>][] = [
    ['acquire', (it) => it.acquire()],
    ['acquire with a timeout', (it) => it.acquire({ timeout: 1000 })],
    ['acquireSync', (it) => it.acquireSync()],
    ['acquireSync with a timeout', (it) => it.acquireSync({ timeout: 1000 })],
    ['tryAcquire', (it) => it.tryAcquire()],
  ];

  describe(`${name}, acquired and released`, () => {
    for (const [form, acquire] of forms) {
      check(`${name}.${form}: takes it, and the guard gives it back once`, async () => {
        const it = make();
        const guard = (await acquire(it))!;
        assert.equal(taken(it), true);
        assert.equal(guard.abandoned, false);
        guard.release();
        assert.equal(taken(it), false);
        const other = it.acquireSync();
        guard.release();
        guard[Symbol.dispose]();
        assert.equal(taken(it), true, 'a guard that was released must not release again');
        other[Symbol.dispose]();
        other[Symbol.dispose]();
        assert.equal(taken(it), false);
      });

      check(`${name}.${form}: using releases at the end of the block, also when it throws`, async () => {
        const it = make();
        {
          using _guard = await acquire(it);
          assert.equal(taken(it), true);
        }
        assert.equal(taken(it), false);
        await assert.rejects(async () => {
          using _guard = await acquire(it);
          throw new Error('inside');
        }, /inside/);
        assert.equal(taken(it), false);
      });
    }

    check(`${name}: while another thread holds it, the try form gives undefined and the others wait`, async () => {
      const it = make();
      const [held, open] = [makeEvent(), makeEvent()];
      await using holder = start('holdUntil', it, held, open);
      assert.equal(await held.wait(), true);
      assert.equal(it.tryAcquire(), undefined);
      assert.equal(it.acquireSync({ timeout: 5 }), undefined);
      assert.equal(await it.acquire({ timeout: 5 }), undefined);
      const turned = it.acquire();
      await using blocked = start('acquireOnce', it);
      await blocked.parked();
      await until(() => it.statistics().waiting === 2);
      open.set();
      (await turned)!.release();
      assert.equal(await blocked.result(), false);
      await holder.result();
      assert.equal(taken(it), false);
      assert.equal(it.statistics().waiting, 0);
    });

    check(`${name}: many asynchronous waiters of one thread are served in order`, async () => {
      const it = make();
      const order: number[] = [];
      let inside = 0;
      const tasks = Array.from({ length: 200 }, (_, number) =>
        it.run(async () => {
          assert.equal(++inside, 1);
          await undefined;
          order.push(number);
          inside--;
        }),
      );
      await Promise.all(tasks);
      assert.deepEqual(order, [...Array(200).keys()]);
      assert.equal(taken(it), false);
    });

    check(`${name}.run gives the function's value or error, and releases`, async () => {
      const it = make();
      assert.equal(await it.run(() => 7), 7);
      assert.equal(await it.run(async () => 'x'), 'x');
      await assert.rejects(
        it.run(() => {
          throw new TypeError('mine');
        }),
        { name: 'TypeError', message: 'mine' },
      );
      assert.equal(taken(it), false);
    });

    check(`${name}: no update is lost between threads, blocking and asynchronous`, async () => {
      const it = make();
      // Three plain words of the heap: a count, whether somebody is inside, how often two were.
      const words = heap.allocate(KIND.BLOB, 4);
      heap.i32.fill(0, words + 2, words + 6);
      const times = rounds(3_000, 100_000);
      await using threads = new AsyncDisposableStack();
      const running = [
        threads.use(start('increment', it, words + 2, times)),
        threads.use(start('increment', it, words + 2, times)),
        threads.use(start('incrementAsync', it, words + 2, times / 10)),
      ];
      for (let round = 0; round < times / 10; round++) {
        await it.run(() => {
          heap.i32[words + 2]++;
        });
      }
      for (const thread of running) await thread.result();
      assert.deepEqual([...heap.i32.subarray(words + 2, words + 5)], [(times * 22) / 10, 0, 0]);
      heap.release(words);
    });
  });
}
