/** Threads that are terminated at any moment: nothing is lost but what the dead one had in hand, nothing comes twice. */
import assert from 'node:assert/strict';
import { setEnvironmentData } from 'node:worker_threads';
import { AT, BLOCK, heap } from '../../src/memory/index.ts';
import { LifoQueue, PriorityQueue, Queue, SimpleQueue } from '../../src/queue/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, until } from '../support/threads.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

type Numbered = number | { id: number };
const idOf = (item: Numbered): number => (typeof item === 'number' ? item : item.id);

const marks = new Uint8Array(new SharedArrayBuffer(1_000_000));
setEnvironmentData('marks', marks as never);

const kinds: [string, () => Queue<Numbered>][] = [
  ['Queue', () => new Queue()],
  ['Queue(20)', () => new Queue(20)],
  ['LifoQueue(20)', () => new LifoQueue(20)],
  ['PriorityQueue(20)', () => new PriorityQueue(20)],
  ['PriorityQueue', () => new PriorityQueue()],
  ['SimpleQueue', () => new SimpleQueue() as unknown as Queue<Numbered>],
];

for (const [name, make] of kinds) {
  for (const at of [1, 5]) {
    check(
      `${name}: producers die, ${at} at a time: what they have put is there, each item once`,
      async () => {
        for (let round = 0; round < rounds(3, 100); round++) {
          const queue = make();
          await using first = start('putNumbered', queue, 0, at);
          await using second = start('putNumbered', queue, 500_000, at);
          const seen = new Set<number>();
          const take = (): void => {
            for (const item of queue.tryGetMany(200)) {
              assert.ok(!seen.has(idOf(item)), `${idOf(item)} comes a second time`);
              seen.add(idOf(item));
            }
          };
          await until(() => {
            take();
            return first.progress > (round * 37) % 300 && second.progress > 0;
          });
          await first.terminate();
          const kept = second.progress;
          // The other one goes on: nothing that the dead one held stays in its way.
          await until(() => {
            take();
            return second.progress > kept + 30;
          });
          await second.terminate();
          // What a dead producer had begun may need another's look.
          while (queue.qsize() >= 20) take();
          queue.putSync(999_999, { timeout: 5000 });
          while (!seen.has(999_999)) take();
          take();
          assert.equal(queue.qsize(), 0);
          for (const [from, thread] of [
            [0, first],
            [500_000, second],
          ] as const) {
            let put = 0;
            while (seen.has(from + put)) put++;
            assert.ok(put >= thread.progress, `${put} of ${thread.progress} arrived`);
            // Those it died with, while it put them in, may be in as well.
            assert.ok(put <= thread.progress + at, `${put} arrived, and it had come to ${thread.progress}`);
            const more = [...seen].filter((id) => id < 999_999 && id >= from + put && id < from + 400_000);
            assert.deepEqual(more, []);
          }
        }
      },
      { timeout: 40_000 },
    );

    check(
      `${name}: consumers die, ${at} at a time: what they have not taken comes to the others, each item once`,
      async () => {
        const queue = make();
        marks.fill(0);
        let put = 0;
        let deaths = 0;
        await using survivor = start('mark', queue, at);
        await survivor.running();
        for (let round = 0; round < rounds(4, 150); round++) {
          await using dead = start('mark', queue, at);
          await dead.running();
          const enough = (round * 53) % 200;
          await until(() => {
            for (let left = 20; left > 0 && queue.qsize() < 40 && put < marks.length; left--) {
              const item = put % 3 === 0 ? put : put % 3 === 1 ? { id: put } : { id: put, text: 'x'.repeat(1500) };
              if (!queue.tryPut(item)) break;
              put++;
            }
            return dead.progress > enough || dead.isParked();
          });
          await dead.terminate();
          deaths++;
        }
        await until(() => queue.qsize() === 0 && survivor.isParked());
        let lost = 0;
        for (let id = 0; id < put; id++) {
          assert.ok(marks[id] <= 1, `${id} came ${marks[id]} times`);
          if (marks[id] === 0) lost++;
        }
        assert.ok(lost <= deaths * at, `${lost} of ${put} lost, with ${deaths} deaths`);
        assert.deepEqual(queue.tryGetMany(5), []);
      },
      { timeout: 40_000 },
    );
  }

  if (!name.includes('20')) continue;
  check(`${name}: a producer that dies while it waits gives back what it holds`, async () => {
    for (let round = 0; round < rounds(3, 100); round++) {
      const queue = make() as unknown as Queue<unknown>;
      const lock = new Lock();
      for (let item = 0; item < 20; item++) queue.putSync(item);
      await using one = start('putOnce', queue, { lock, text: 'x'.repeat(5000) });
      await using several = start('putManySync', queue, [lock, lock, [lock]]);
      await one.parked();
      await several.parked();
      await one.terminate();
      await several.terminate();
      assert.equal(queue.statistics().putters, 0);
      assert.equal(heap.load(lock[AT] + BLOCK.COUNT), 1);
      assert.equal(queue.tryGetMany(100).length, 20);
    }
  });
}

for (const [name, Kind] of [
  ['Queue', Queue],
  ['LifoQueue', LifoQueue],
  ['PriorityQueue', PriorityQueue],
] as const) {
  check(`${name}: consumers die, and nobody else takes: the producers fill it up all the same`, async () => {
    for (let round = 0; round < rounds(5, 300); round++) {
      const queue = new Kind<unknown>(2);
      await using dead = start('drainAll', queue);
      await using maker = start('flood', queue);
      await until(() => dead.progress > (round * 37) % 300);
      await dead.terminate();
      await until(() => maker.isParked() && queue.qsize() === 2);
      await maker.terminate();
      assert.equal(queue.tryGetMany(5).length, 2);
    }
  });
}

check(
  'consumers that die over large items leave none of their memory behind',
  async () => {
    const queue = new Queue<unknown>(4);
    const large = new Uint8Array(2 ** 20);
    let before = 0;
    for (let round = 0; round < rounds(12, 300); round++) {
      await using dead = start('drainAll', queue);
      await until(() => {
        queue.tryPut(large);
        return dead.progress > round % 7;
      });
      await dead.terminate();
      queue.tryGetMany(10);
      if (round === 4) before = heap.usedBytes();
    }
    // An encoder or a decoder may have had one in hand.
    assert.ok(heap.usedBytes() <= before + 4 * 2 ** 20, `${(heap.usedBytes() - before) / 2 ** 20} MB more`);
  },
  { timeout: 40_000 },
);
