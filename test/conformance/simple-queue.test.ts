/** What CPython promises of `queue.SimpleQueue`, a test a promise. */
import assert from 'node:assert/strict';
import { AT, BLOCK, heap } from '../../src/memory/index.ts';
import { Empty, SimpleQueue } from '../../src/queue/index.ts';
import { Lock, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { feed, take } from './fixtures/queues.ts';

check('first in, first out; sizes; every way to find it empty (BaseSimpleQueueTest.test_basic)', async () => {
  const queue = new SimpleQueue<number>();
  assert.deepEqual([queue.empty(), queue.qsize()], [true, 0]);
  queue.putSync(1);
  assert.deepEqual([queue.empty(), queue.qsize()], [false, 1]);
  await queue.put(2);
  assert.equal(queue.tryPut(3), true);
  queue.putSync(4);
  assert.deepEqual([queue.empty(), queue.qsize()], [false, 4]);
  assert.equal(queue.getSync(), 1);
  assert.equal(queue.tryGet(), 2);
  assert.equal(await queue.get({ timeout: 0 }), 3);
  assert.equal(queue.getSync({ timeout: 100 }), 4);
  assert.deepEqual([queue.empty(), queue.qsize()], [true, 0]);
  assert.equal(queue.tryGet(), undefined);
  assert.throws(() => queue.getSync({ timeout: 0 }), Empty);
  assert.throws(() => queue.getSync({ timeout: 1 }), Empty);
  await assert.rejects(queue.get({ timeout: 1 }), Empty);
  assert.equal(queue.qsize(), 0);
});

check(
  'a negative timeout is refused, also with an item there (BaseSimpleQueueTest.test_negative_timeout_raises_exception)',
  async () => {
    const queue = new SimpleQueue<number>();
    queue.putSync(1);
    assert.throws(() => queue.getSync({ timeout: -1 }), RangeError);
    await assert.rejects(queue.get({ timeout: -1 }), RangeError);
    assert.equal(queue.qsize(), 1);
  },
);

check('from one thread to another in order (BaseSimpleQueueTest.test_order)', async () => {
  const queue = new SimpleQueue<number>();
  const consumer = new Thread({ target: take, args: [queue, 100, 'wait'] }).start();
  const producer = new Thread({ target: feed, args: [queue, 0, 100] }).start();
  assert.deepEqual(await consumer.result(), [...Array(100).keys()]);
  await producer.result();
  assert.equal(queue.empty(), true);
});

for (const [title, how, each] of [
  ['waiting', 'wait', 100],
  ['polling (BaseSimpleQueueTest.test_many_threads_nonblock)', 'poll', 100],
  ['with a timeout that is over at once (BaseSimpleQueueTest.test_many_threads_timeout)', 'time', 1000],
] as const) {
  check(`many threads, ${title}`, async () => {
    const queue = new SimpleQueue<number>();
    const sides = [...Array(4).keys()];
    const consumers = sides.map(() => new Thread({ target: take, args: [queue, each, how] }).start());
    const producers = sides.map((side) => new Thread({ target: feed, args: [queue, side * each, each] }).start());
    const taken = await Promise.all(consumers.map((consumer) => consumer.result()));
    for (const producer of producers) await producer.result();
    for (const mine of taken) {
      // Of each producer, in the order in which it put them in.
      for (const side of sides) {
        const its = mine.filter((item) => Math.trunc(item / each) === side);
        assert.deepEqual(
          its,
          its.toSorted((a, b) => a - b),
        );
      }
    }
    assert.deepEqual(
      taken.flat().sort((a, b) => a - b),
      [...Array(4 * each).keys()],
    );
    assert.equal(queue.empty(), true);
  });
}

check('an item that has left the queue is not held by it (BaseSimpleQueueTest.test_references) [adapted]', () => {
  const queue = new SimpleQueue<Lock>();
  const locks = Array.from({ length: 20 }, () => new Lock());
  for (const lock of locks) queue.putSync(lock);
  for (const lock of locks) assert.equal(heap.load(lock[AT] + BLOCK.COUNT), 2);
  for (const lock of locks) {
    assert.equal(queue.getSync(), lock);
    assert.equal(heap.load(lock[AT] + BLOCK.COUNT), 1);
  }
  // Copies of large items likewise: their memory is given back as they leave.
  const texts = new SimpleQueue<string>();
  const before = heap.usedBytes();
  for (let round = 0; round < 50; round++) {
    texts.putSync('x'.repeat(2 ** 20));
    assert.equal(texts.getSync().length, 2 ** 20);
  }
  assert.ok(heap.usedBytes() <= before + 2 ** 21);
});
