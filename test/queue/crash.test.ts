/** Workers that are terminated in the middle of putting and taking: the queue stays whole, and nobody waits for ever. */
import assert from 'node:assert/strict';
import { addressOf, heap, QUEUE } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Thread } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, until } from '../support/threads.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

/** Takes out what is in, and sees that the queue works as a new one does. */
async function assertWhole(queue: Queue<unknown>): Promise<void> {
  const size = queue.qsize();
  let taken = 0;
  while (queue.tryGet() !== undefined) taken++;
  assert.equal(taken, size);
  // A producer that died in the middle of a put: the next one ends it, and the item, which nobody was promised, is in.
  queue.putSync('marker', { timeout: 5000 });
  while (queue.getSync({ timeout: 5000 }) !== 'marker') taken++;
  assert.ok(taken - size <= 1, 'one at most');
  assert.deepEqual([queue.qsize(), queue.statistics().putters, queue.statistics().getters], [0, 0, 0]);
  for (const item of [1, 0.5, { item: 'x' }, 'y'.repeat(5000)]) queue.putSync(item, { timeout: 5000 });
  for (const item of [1, 0.5, { item: 'x' }, 'y'.repeat(5000)]) assert.deepEqual(await queue.get(), item);
}

function describeCrashes(
  title: string,
  maxSize: number,
  victim: 'flood' | 'drainAll',
  other: 'flood' | 'drainAll',
): void {
  check(
    title,
    async () => {
      const queue = new Queue<unknown>(maxSize);
      await using survivor = start(other, queue);
      await survivor.running();
      for (let round = 0; round < rounds(8, 400); round++) {
        await using dead = start(victim, queue);
        const before = survivor.progress;
        // Another moment each time: 0 to 700 steps in, whatever it is doing then.
        await until(() => dead.progress >= (round * 37) % 700 || dead.isParked());
        await dead.terminate();
        const after = survivor.progress;
        if (victim !== other) continue;
        // The survivor goes on with our help, and is not stuck on what the dead one held.
        await until(() => {
          if (other === 'flood') queue.tryGet();
          else if (queue.qsize() < 5) queue.tryPut(round);
          return survivor.progress > Math.max(before, after);
        });
      }
      await survivor.terminate();
      await assertWhole(queue);
    },
    { timeout: 30_000 },
  );
}

describeCrashes('producers die while a consumer takes', 50, 'flood', 'drainAll');
describeCrashes('producers die beside another producer', 50, 'flood', 'flood');
describeCrashes('consumers die beside a producer', 50, 'drainAll', 'flood');
describeCrashes('consumers die beside another consumer', 0, 'drainAll', 'drainAll');

check('a worker that dies in an asynchronous get leaves no trace, and its item goes to the next', async () => {
  for (let round = 0; round < rounds(4, 300); round++) {
    const queue = new Queue<number>();
    await using dead = start('consumeAsync', queue);
    await until(() => queue.statistics().getters === 1);
    await using alive = start('getOnce', queue);
    await alive.parked();
    await dead.terminate();
    assert.equal(queue.statistics().getters, 1);
    queue.putSync(round);
    assert.equal(await alive.result(), round);
  }
});

check('what a dead consumer was about to take is there for the next', async () => {
  for (let round = 0; round < rounds(4, 200); round++) {
    const queue = new Queue<number>();
    await using dead = start('getOnce', queue);
    await dead.parked();
    await using alive = start('getOnce', queue);
    await alive.parked();
    // The wake-up may be on its way to the one that is ended in the same moment.
    queue.putSync(1);
    const ended = dead.terminate();
    await ended;
    if (queue.qsize() === 0 && alive.isParked()) queue.putSync(2);
    await alive.result();
  }
});

check('an item for which nobody was called, since one looked on: when that one dies, another gets it', async () => {
  for (let round = 0; round < rounds(4, 200); round++) {
    const queue = new Queue<number>();
    await using dead = start('lookForEver', queue);
    await until(() => dead.progress > 0);
    await using alive = start('getOnce', queue);
    await alive.parked();
    queue.putSync(round);
    await dead.terminate();
    assert.equal(await alive.result(), round);
    assert.equal(heap.load(addressOf(queue) + QUEUE.LOOKING), 0);
  }
});

check('only those whose death is noticed are counted among those that look on', async () => {
  /** How many look now; whoever takes an item soon looks for the next. */
  const looking = (queue: Queue<number>): number => {
    if (queue.qsize() === 0) queue.putSync(1);
    return heap.load(addressOf(queue) + QUEUE.LOOKING);
  };
  const [own, foreign] = [new Queue<number>(), new Queue<number>()];
  const drain = (queue: Queue<number>): void => {
    for (;;) queue.getSync();
  };
  const thread = new Thread({ target: drain, args: [own] }).start();
  await until(() => looking(own) === 1);
  await thread.terminate();
  // As a worker that another library has started.
  await using other = start('drainAll', foreign);
  await until(() => {
    assert.equal(looking(foreign), 0);
    return other.progress > 2_000;
  });
});
