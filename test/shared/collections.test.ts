/** Several threads at one SharedMap, SharedList, Atomic: exact sums, no torn values, iterations that survive. */
import assert from 'node:assert/strict';
import { Queue } from '../../src/queue/index.ts';
import { Atomic, f64, i64, SharedArray, SharedList, SharedMap, u32 } from '../../src/shared/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, turns } from '../support/threads.ts';
import { belongs, Everything, isTagged, Scores } from './fixtures/roles.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

check('updates from three threads are counted exactly', async () => {
  const map = new SharedMap<string, number>();
  const times = rounds(30_000, 2_000_000);
  const threads = [1, 2].map(() => start('countUp', map, 100, times));
  for (let index = 0; index < times; index++) map.update(`key ${index % 100}`, (value = 0) => value + 1);
  for (const thread of threads) await thread.result();
  assert.equal(map.size, 100);
  for (const [key, value] of map) assert.equal(value, (3 * times) / 100, key);
});

check('getOrSet makes each key once', async () => {
  for (let round = 0; round < rounds(3, 200); round++) {
    const map = new SharedMap<number, number>();
    const made = new Atomic(u32);
    const found = await Promise.all([1, 2, 3].map(() => start('makeOnce', map, made, 2000).result()));
    assert.equal(made.load(), 2000);
    assert.deepEqual(found[0], found[1]);
    assert.deepEqual(found[0], found[2]);
  }
});

check('no reader sees half a value, or another key’s', async () => {
  const map = new SharedMap<number, unknown>();
  const writers = [1, 2].map((seed) => start('churn', map, 300, seed));
  for (const writer of writers) await writer.running();
  let seen = 0;
  for (let round = 0; round < rounds(40_000, 3_000_000); round++) {
    const key = round % 300;
    const value = map.get(key);
    if (value !== undefined) {
      assert.ok(belongs(key, value), `key ${key} has ${String(value)}`);
      seen++;
    }
    if (round % 2000 === 0) await turns(1);
  }
  for (const writer of writers) writer.stop();
  for (const writer of writers) await writer.result();
  assert.ok(seen > 1000);
  const entries = [...map];
  assert.equal(entries.length, map.size);
  for (const [key, value] of entries) assert.ok(belongs(key, value));
});

check('an iteration sees every key that stays, once, while tables grow and shrink under it', async () => {
  const map = new SharedMap<string, number>();
  for (let index = 0; index < 500; index++) map.set(`stays ${index}`, index);
  const writers = [start('come', map, 3000), start('come', map, 700)];
  for (const writer of writers) await writer.running();
  for (let round = 0; round < rounds(60, 5000); round++) {
    const stays = new Set<string>();
    const all = new Set<string>();
    for (const [key, value] of map) {
      assert.ok(!all.has(key), `${key} twice`);
      all.add(key);
      assert.equal(Number(key.split(' ')[1]), value);
      if (key.startsWith('stays')) stays.add(key);
    }
    assert.equal(stays.size, 500);
    for (let index = 0; index < 500; index += 7) assert.equal(map.get(`stays ${index}`), index);
    await turns(1);
  }
  for (const writer of writers) writer.stop();
  for (const writer of writers) await writer.result();
});

check('what threads push is in once, and what they pop comes out once', async () => {
  const list = new SharedList<unknown>();
  const each = rounds(20_000, 1_000_000);
  await Promise.all([0, 1, 2].map((number) => start('pushAll', list, number * each, each).result()));
  assert.equal(list.length, 3 * each);
  const numbers = [...list].map((item) => (typeof item === 'number' ? item : (item as { index: number }).index));
  // Each thread's own in their order.
  for (let number = 0; number < 3; number++) {
    const own = numbers.filter((item) => Math.trunc(item / each) === number);
    assert.deepEqual(
      own,
      Array.from({ length: each }, (_, index) => number * each + index),
    );
  }
  const taken = (await Promise.all([0, 1].map(() => start('popAll', list).result()))) as number[][];
  assert.deepEqual(
    taken.flat().sort((a, b) => a - b),
    Array.from({ length: 3 * each }, (_, index) => index),
  );
  assert.equal(list.length, 0);
});

check('no reader sees half an item of a list', async () => {
  const list = new SharedList<unknown>();
  const writers = [1, 2].map((seed) => start('churnList', list, seed));
  for (const writer of writers) await writer.running();
  for (let round = 0; round < rounds(300, 20_000); round++) {
    for (const item of list) assert.ok(isTagged(item), String(item));
    const last = list.at(-1);
    assert.ok(last === undefined || isTagged(last));
    if (round % 20 === 0) await turns(1);
  }
  for (const writer of writers) writer.stop();
  for (const writer of writers) await writer.result();
});

check('Atomics count exactly', async () => {
  const small = new Atomic(u32, 2 ** 32 - 5);
  const large = new Atomic(i64, 2n ** 40n);
  const times = rounds(100_000, 10_000_000);
  await Promise.all([
    ...[1, 2].map(() => start('addUp', small, times).result()),
    ...[1, 2].map(() => start('swapUp', large, times / 10).result()),
  ]);
  assert.equal(small.load(), 2 * times - 5);
  assert.equal(large.load(), 2n ** 40n + BigInt(times / 5));
});

check('all of them cross by reference, as the classes that they are', async () => {
  const scores = new Scores([['a', 1]]);
  assert.deepEqual(await start('raise', scores, 'a').result(), [true, 2]);
  assert.equal(scores.get('a'), 2);
  const everything = new Everything({ hits: 7, large: 2n });
  const array = new SharedArray(f64, [0, 1, 2]);
  const [isOne, hits, length, isArray] = (await start('touchBack', everything, array).result()) as unknown[];
  assert.deepEqual([isOne, hits, length, isArray], [true, 7, 3, true]);
  assert.equal(everything.map.get('from there'), array);
  assert.deepEqual([...everything.list], [everything.map, array]);
  assert.deepEqual([everything.hits.load(), everything.large.load(), array.get(2)], [8, 7n, 2.5]);
  everything.list.clear();
});

check('updates inside of each other, crossed: refused by name rather than for ever', async () => {
  const [one, other] = [new SharedMap<string, number>(), new SharedMap<string, number>()];
  const times = rounds(3000, 100_000);
  const threads = [start('crossed', one, other, times), start('crossed', other, one, times)];
  const circles = (await Promise.all(threads.map((thread) => thread.result()))) as number[];
  // What was refused changed nothing of its own, but the inner update of the other one may have come before.
  assert.ok(one.get('k')! + other.get('k')! >= 2 * (2 * times - circles[0] - circles[1]));
});

check('disposed by the code of the value that is put in: DisposedError, and nothing is written', () => {
  const disposing = (object: Disposable): object => ({
    get it() {
      object[Symbol.dispose]();
      return 1;
    },
  });
  const map = new SharedMap<number, object>();
  assert.throws(() => map.set(1, disposing(map)), { name: 'DisposedError' });
  const list = new SharedList<object>();
  assert.throws(() => list.push(disposing(list)), { name: 'DisposedError' });
  const full = new SharedList<object>([{}]);
  assert.throws(() => full.set(0, disposing(full)), { name: 'DisposedError' });
  const queue = new Queue<object>();
  assert.throws(() => queue.putManySync([{}, disposing(queue)]), { name: 'DisposedError' });
});
