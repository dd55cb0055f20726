/** Many producers and consumers at once: every item exactly once, per-producer order, the bound. */
import assert from 'node:assert/strict';
import { Queue } from '../../src/queue/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, until } from '../support/threads.ts';
import { assertExactlyOnce, type Taken } from './exactly-once.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

for (const [producers, consumers, turning, maxSize] of [
  [1, 1, 0, 10],
  [3, 1, 0, 4],
  [1, 2, 1, 4],
  [2, 2, 1, 1],
  [2, 2, 1, 0],
]) {
  check(
    `${producers} producers, ${consumers} blocking and ${turning} turning consumers, bound ${maxSize}`,
    async () => {
      const count = rounds(2_000, 100_000);
      const queue = new Queue<unknown>(maxSize);
      await using threads = new AsyncDisposableStack();
      const takers = [
        ...Array.from({ length: consumers }, () => threads.use(start('consume', queue, maxSize))),
        ...Array.from({ length: turning }, () => threads.use(start('consumeAsync', queue))),
      ];
      const makers = Array.from({ length: producers }, (_, producer) =>
        threads.use(start('produce', queue, producer, count)),
      );
      for (const maker of makers) await maker.result();
      queue.shutdown();
      const outcomes = (await Promise.all(takers.map((taker) => taker.result()))) as Taken[];
      assertExactlyOnce(outcomes, producers, count);
      assert.equal(queue.qsize(), 0);
      assert.equal(await queue.join({ timeout: 0 }), true);
    },
  );
}

check('the bound holds exactly while threads put without a pause', async () => {
  const queue = new Queue<unknown>(5);
  await using first = start('flood', queue);
  await using second = start('flood', queue);
  await first.parked();
  await second.parked();
  assert.equal(queue.qsize(), 5);
  for (let round = 0; round < rounds(2_000, 100_000); round++) {
    await queue.get();
    // Only this thread takes, so what it reads is exact.
    const size = queue.qsize();
    assert.ok(size >= 0 && size <= 5, `${size} of 5`);
  }
  // A put counts as a step after it has returned: then all are in, and one more than the bound would show here.
  await until(() => first.progress + second.progress >= rounds(2_000, 100_000) + 5);
  await until(() => queue.statistics().putters === 2);
  assert.equal(queue.qsize(), 5);
  assert.equal(first.progress + second.progress, rounds(2_000, 100_000) + 5);
});

check('a shutdown at any moment loses nothing that was put', async () => {
  for (let round = 0; round < rounds(12, 1000); round++) {
    const queue = new Queue<unknown>(round % 2 ? 0 : 3);
    await using threads = new AsyncDisposableStack();
    const maker = threads.use(start('flood', queue));
    const taker = threads.use(start('consumeCount', queue));
    await until(() => maker.progress > 20 + round);
    queue.shutdown();
    await assert.rejects(maker.result(), { code: 'TELAIO_SHUT_DOWN' });
    assert.equal(await taker.result(), maker.progress);
    assert.equal(queue.qsize(), 0);
  }
});
