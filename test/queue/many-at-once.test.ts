/** putMany and getMany: bounds, time, errors halfway, and what they leave behind. */
import assert from 'node:assert/strict';
import { Full, ShutDown } from '../../src/errors.ts';
import { AT, BLOCK, heap } from '../../src/memory/index.ts';
import { LifoQueue, PriorityQueue, Queue } from '../../src/queue/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';
import { assertExactlyOnce, type Taken } from './exactly-once.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));
const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, index) => from + index);

for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
  const { name } = Kind;

  check(`${name}: more than the bound goes in as room comes, and the bound holds`, async () => {
    const queue = new Kind<number>(7);
    const count = rounds(2_000, 200_000);
    const put = queue.putMany(numbers(count));
    const seen: number[] = [];
    while (seen.length < count) {
      assert.ok(queue.qsize() <= 7);
      seen.push(...(await queue.getMany(5)));
    }
    await put;
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      numbers(count),
    );
    await using thread = start('putManySync', queue, numbers(count));
    for (let got = 0; got < count; ) {
      assert.ok(queue.qsize() <= 7);
      got += queue.getManySync(100, { timeout: 10_000 }).length;
    }
    await thread.result();
    assert.equal(queue.qsize(), 0);
  });

  check(`${name}: a putMany that finds no more room in time says how many are in`, async () => {
    const queue = new Kind<unknown>(100);
    const lock = new Lock();
    const items = Array.from({ length: 150 }, () => lock);
    for (const put of [
      () => queue.putMany(items, { timeout: 5 }),
      async () => queue.putManySync(items, { timeout: 5 }),
      async () => queue.putManySync(items, { timeout: 0 }),
    ]) {
      await assert.rejects(put, (error: Full) => {
        assert.ok(error instanceof Full);
        assert.match(
          error.message,
          new RegExp(`^<${name} #.* 100 of 100 items> had no room in [05] ms for more than 100`),
        );
        assert.equal(error.placed, 100);
        return true;
      });
      assert.equal(heap.load(lock[AT] + BLOCK.COUNT), 101);
      assert.equal(queue.tryPutMany(items), 0);
      assert.equal(queue.tryGetMany(Infinity).length, 100);
      assert.equal(queue.tryPutMany(items), 100);
      assert.equal(queue.tryGetMany(Infinity).length, 100);
      assert.equal(heap.load(lock[AT] + BLOCK.COUNT), 1);
    }
  });

  check(`${name}: a shutdown ends a putMany that waits, and it says how many are in`, async () => {
    const queue = new Kind<number>(3);
    const put = queue.putMany(numbers(10));
    await using thread = start('errorOf', queue, 'putManySync');
    await until(() => queue.statistics().putters === 2);
    assert.equal(queue.qsize(), 3);
    queue.shutdown();
    await assert.rejects(put, (error: ShutDown) => error instanceof ShutDown && error.placed === 3);
    assert.match(String(await thread.result()), /^TELAIO_SHUT_DOWN: .*takes no more items/);
    assert.equal(queue.getManySync(10).length, 3);
  });

  check(`${name}: an aborted putMany leaves what is in, and nothing else`, async () => {
    const queue = new Kind<unknown>(2);
    const lock = new Lock();
    const abort = new AbortController();
    const put = queue.putMany([lock, lock, lock, lock], { signal: abort.signal });
    assert.equal(await settled(put), false);
    assert.equal(queue.qsize(), 2);
    abort.abort('enough');
    await assert.rejects(put, (error) => error === 'enough');
    assert.equal(queue.statistics().putters, 0);
    assert.equal(queue.tryGetMany(9).length, 2);
    assert.equal(heap.load(lock[AT] + BLOCK.COUNT), 1);
  });

  check(`${name}: the items before one that can't be copied are in`, async () => {
    const queue = new Kind<unknown>();
    const items = [...numbers(100), Symbol('bad'), 5];
    await assert.rejects(queue.putMany(items), { name: 'CloneError', message: /^value can't be copied/ });
    assert.equal(queue.qsize(), 100);
    assert.throws(() => queue.putManySync(items), { name: 'CloneError' });
    assert.equal(queue.qsize(), 200);
    assert.throws(() => queue.tryPutMany(items), { name: 'CloneError' });
    assert.equal(queue.qsize(), 300);
  });

  check(`${name}: an iterable is taken as far as needed, closed when given up, and may throw`, async () => {
    const queue = new Kind<number>(5);
    let closed = 0;
    let given = 0;
    function* endless(): Generator<number> {
      try {
        for (;;) yield given++;
      } finally {
        closed++;
      }
    }
    assert.throws(() => queue.putManySync(endless(), { timeout: 0 }), Full);
    assert.equal(closed, 1);
    assert.ok(given < 100, 'encoded a few at a time');
    queue.tryGetMany(9);
    const put = queue.putMany(endless());
    for (let got = 0; got < 1000; ) got += (await queue.getMany(10)).length;
    queue.shutdown({ immediate: true });
    await assert.rejects(put, ShutDown);
    assert.equal(closed, 2);
    const other = new Kind<number>();
    function* failing(): Generator<number> {
      yield* [1, 2, 3];
      throw new Error('no fourth');
    }
    await assert.rejects(other.putMany(failing()), /no fourth/);
    assert.equal(other.qsize(), 3);
  });

  for (const [producers, consumers, maxSize, at] of [
    [1, 1, 10, 7],
    [2, 2, 3, 10],
    [3, 1, 0, 100],
  ]) {
    check(`${name}: ${producers} to ${consumers}, ${at} at a time, bound ${maxSize}: each item once`, async () => {
      const count = rounds(2_000, 100_000);
      const queue = new Kind<unknown>(maxSize);
      await using threads = new AsyncDisposableStack();
      const takers = Array.from({ length: consumers }, () => threads.use(start('consumeMany', queue, at)));
      const makers = Array.from({ length: producers }, (_, producer) =>
        threads.use(start('produceMany', queue, producer, count, at)),
      );
      for (const maker of makers) await maker.result();
      assert.equal(await queue.join({ timeout: 15_000 }), true);
      queue.shutdown();
      const outcomes = (await Promise.all(takers.map((taker) => taker.result()))) as Taken[];
      assertExactlyOnce(outcomes, producers, count, Kind === Queue);
    });
  }
}

check('PriorityQueue: putMany with one priority, or with each item’s own', async () => {
  const queue = new PriorityQueue<string>();
  await queue.putMany(['a', 'b'], { priority: 2 });
  queue.putManySync(['ccc', 'd', 'ee'], { priority: (item) => item.length });
  assert.equal(queue.tryPutMany(['zero'], { priority: -1 }), 1);
  assert.deepEqual(queue.getManySync(10), ['zero', 'd', 'a', 'b', 'ee', 'ccc']);
});
