import assert from 'node:assert/strict';
import { test } from 'node:test';
import '../../src/functions/message-codec.ts';
import { AT, HEAP, heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { any, array, f64, field, i32, ref, Shared, text, Value } from '../../src/shared/index.ts';
import { Lock } from '../../src/sync/index.ts';

const limit = { timeout: 60_000 };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Bytes in use after a first round, and after all of them. */
async function growth(rounds: number, step: (round: number) => void): Promise<number> {
  for (let round = 0; round < rounds / 10; round++) step(round);
  await turn();
  const before = heap.usedBytes();
  for (let round = 0; round < rounds; round++) {
    step(round);
    // What only a collection gives back needs the event loop.
    if (round % 1000 === 0) await turn();
  }
  await turn();
  return heap.usedBytes() - before;
}

class Item extends Shared({ id: i32, name: text(20), data: any, lock: Lock }) {}
class Link extends Shared({ id: i32, next: ref() }) {}

test('100,000 objects made and disposed leave nothing', limit, async () => {
  const grown = await growth(100_000, (round) => {
    using item = new Item({ id: round, name: 'abc', data: { round, list: [1, 2, 3] } });
    item.data = [round];
  });
  assert.ok(grown <= 2 ** 17, `${grown} bytes more are in use`);
});

test('100,000 exchanges of any, text and ref leave nothing', limit, async () => {
  const item = new Item();
  const link = new Link();
  const grown = await growth(100_000, (round) => {
    item.data = { round, text: 'x'.repeat(round % 3000) };
    item.name = `name ${round}`;
    using next = new Link({ id: round });
    link.next = next;
  });
  assert.ok(grown <= 2 ** 18, `${grown} bytes more are in use`);
  assert.equal((link.next as Link).id, 99_999);
});

test('an object that could not be made leaves nothing', limit, async () => {
  const grown = await growth(20_000, () => {
    assert.throws(() => new Item({ data: 'x'.repeat(3000), name: 'far too long for this field' }), RangeError);
    assert.throws(() => new Item({ name: 'short', data: Symbol('x') }));
  });
  assert.ok(grown <= 2 ** 17, `${grown} bytes more are in use`);
});

test('what a record holds lives as long as the record', limit, () => {
  const lock = new Lock();
  const count = () => heap.load(lock[AT] + 1);
  const alone = count();
  const Holder = Shared({ lock: Lock, other: ref(Lock), copy: any });
  const holder = new Holder({ lock, other: lock, copy: [lock, lock] });
  assert.ok(count() > alone + 2);
  assert.equal(holder.lock, lock);
  holder[Symbol.dispose]();
  assert.equal(count(), alone);
  assert.throws(() => holder.lock, { code: 'TELAIO_DISPOSED' });
});

test('a chain of 100,000 records falls at once, without a stack', limit, () => {
  const used = heap.usedBytes();
  let head = new Link();
  const last = head;
  const lastAt = last[AT];
  for (let id = 1; id < 100_000; id++) {
    const link: Link = new Link({ id, next: head });
    head[Symbol.dispose]();
    head = link;
  }
  assert.ok(heap.usedBytes() > used + 2 ** 20);
  assert.equal(heap.load(lastAt + 1), 1);
  head[Symbol.dispose]();
  assert.equal(heap.load(lastAt + 1), 0);
});

test('a view outlives the object it came from', limit, () => {
  const Samples = Shared({ values: array(f64, 4) });
  const samples = new Samples({ values: [1, 2, 3] });
  const at = samples[AT];
  const { values } = samples;
  assert.equal(samples.values, values);
  const part = values.subarray(1, 3);
  samples[Symbol.dispose]();
  for (let round = 0; round < 1000; round++) new Samples({ values: [9, 9, 9, 9] });
  assert.equal(heap.load(at + 1), 1);
  assert.deepEqual([...values], [1, 2, 3, 0]);
  assert.deepEqual([...part], [2, 3]);
  assert.deepEqual([...part.subarray(1)], [3]);
});

test('a Value and what it holds are given back', limit, async () => {
  const grown = await growth(50_000, (round) => {
    using value = new Value(any, { round });
    value.value = [round];
  });
  assert.ok(grown <= 2 ** 17, `${grown} bytes more are in use`);
});

test('an object made by a function is held by the record alone', limit, () => {
  const made: number[] = [];
  const Box = Shared({
    queue: field(() => {
      const queue = new Queue<number>(1);
      made.push(queue[AT]);
      return queue;
    }),
  });
  const box = new Box();
  box.queue.putSync(3);
  assert.equal(box.queue.getSync(), 3);
  assert.equal(box.queue, box.queue);
  const again = box.queue;
  again[Symbol.dispose]();
  assert.notEqual(box.queue, again);
  assert.equal(box.queue[AT], made[0]);
  assert.equal(box[HEAP], heap);
});
