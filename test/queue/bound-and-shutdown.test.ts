/** The bound, changed while the queue is in use; and shutdown, as CPython 3.13 has it. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { ShutDown } from '../../src/errors.ts';
import { AT, BLOCK, heap } from '../../src/memory/index.ts';
import { LifoQueue, PriorityQueue, Queue } from '../../src/queue/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
  const { name } = Kind;

  check(`${name}: raising the bound lets as many producers go on as there is room for now`, async () => {
    const queue = new Kind<number>(1);
    queue.putSync(0);
    await using threads = new AsyncDisposableStack();
    const blocked = [1, 2].map((item) => threads.use(start('putOnce', queue, item)));
    const local = [3, 4].map((item) => queue.put(item));
    await until(() => queue.statistics().putters === 4);
    queue.maxSize = 4;
    await until(() => queue.statistics().putters === 1);
    assert.equal(queue.qsize(), 4);
    queue.maxSize = 0;
    await Promise.all([...local, ...blocked.map((thread) => thread.result())]);
    assert.equal(queue.qsize(), 5);
    assert.equal(queue.full(), false);
  });

  check(`${name}: a lowered bound holds for what comes, and what is in stays in`, async () => {
    const queue = new Kind<number>();
    for (let item = 0; item < 10; item++) queue.putSync(item);
    queue.maxSize = 3;
    assert.deepEqual([queue.qsize(), queue.full(), queue.maxSize], [10, true, 3]);
    const put = queue.put(10);
    for (let left = 9; left >= 3; left--) {
      queue.getSync();
      assert.equal(queue.qsize(), left);
      assert.equal(await settled(put), false);
    }
    queue.getSync();
    await put;
    assert.equal(queue.qsize(), 3);
  });

  check(`${name}: the bound is refused by name, and stays as it was`, () => {
    const queue = new Kind<number>(2);
    for (const bad of [Number.NaN, 1.5, 2 ** 31, '3', undefined, null] as number[]) {
      assert.throws(
        () => {
          queue.maxSize = bad;
        },
        {
          name: 'RangeError',
          message: `${name}.maxSize = ${inspect(bad)}: give a whole number of items up to 1073741824, or 0 for no bound.`,
        },
      );
    }
    assert.equal(queue.maxSize, 2);
    for (const none of [0, -1, Infinity]) {
      queue.maxSize = none;
      assert.equal(queue.maxSize, 0);
    }
    assert.throws(() => new Kind(1.5), {
      name: 'RangeError',
      message: new RegExp(`^${name}\\(1\\.5\\): give a whole`),
    });
  });

  check(`${name}: the bound moves all the time, and every item arrives once`, async () => {
    const queue = new Kind<unknown>(1);
    const count = rounds(2_000, 100_000);
    await using threads = new AsyncDisposableStack();
    const takers = [1, 2].map(() => threads.use(start('consumeMany', queue, 3)));
    const makers = [0, 1].map((producer) => threads.use(start('produceMany', queue, producer, count, 4)));
    let made = false;
    const done = Promise.all(makers.map((maker) => maker.result())).then(() => {
      made = true;
    });
    for (let round = 0; !made; round++) {
      queue.maxSize = (round * 7) % 12;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    queue.shutdown();
    const outcomes = (await Promise.all(takers.map((taker) => taker.result()))) as { taken: [number, number][] }[];
    const ids = outcomes.flatMap(({ taken }) => taken.map(([producer, number]) => producer * count + number));
    assert.equal(ids.length, 2 * count);
    assert.equal(new Set(ids).size, 2 * count);
  });

  check(`${name}: shutdown({ immediate }) counts what it throws away as worked off, not what is in hand`, async () => {
    const queue = new Kind<unknown>();
    const lock = new Lock();
    const options = name === 'PriorityQueue' ? { priority: 1 } : {};
    for (const item of ['in hand', lock, [lock, 'x'.repeat(5000)], 4]) queue.putSync(item, options);
    queue.getSync();
    const joined = queue.join();
    await using joining = start('joinSync', queue);
    await until(() => queue.statistics().joiners === 2);
    queue.shutdown({ immediate: true });
    assert.deepEqual([queue.qsize(), queue.statistics().unfinished], [0, 1]);
    // As CPython: join waits for the count, and the item in hand counts.
    assert.equal(await settled(joined), false);
    queue.taskDone();
    assert.equal(await joined, true);
    assert.equal(await joining.result(), true);
    assert.throws(() => queue.taskDone(), /taskDone\(\) was called more often/);
    assert.ok(heap.load(lock[AT] + BLOCK.COUNT) <= 2, 'only this thread, and what it took, hold the lock');
  });

  check(`${name}: shutdown({ immediate }) while all are at it, again and again`, async () => {
    for (let round = 0; round < rounds(6, 500); round++) {
      const queue = new Kind<unknown>(round % 2 ? 0 : 3);
      const lock = new Lock();
      await using threads = new AsyncDisposableStack();
      const maker = threads.use(start('flood', queue));
      const taker = threads.use(start('consumeCount', queue));
      const joined = queue.join();
      await until(() => maker.progress > 20 + round * 3);
      queue.shutdown({ immediate: true });
      assert.equal(queue.qsize(), 0);
      await assert.rejects(maker.result(), { code: 'TELAIO_SHUT_DOWN' });
      const taken = (await taker.result()) as number;
      assert.ok(taken <= maker.progress);
      // What the taker took it never counted off.
      assert.equal(queue.statistics().unfinished, taken);
      for (let item = 0; item < taken; item++) queue.taskDone();
      await joined;
      assert.throws(() => queue.putSync(lock), ShutDown);
      assert.equal(heap.load(lock[AT] + BLOCK.COUNT), 1);
    }
  });
}
