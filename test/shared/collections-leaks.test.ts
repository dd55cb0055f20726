/** What collections and circles give back, and what they don't. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { addressOf, heap } from '../../src/memory/index.ts';
import { Atomic, atomic, f64, i32, ref, Shared, SharedArray, SharedList, SharedMap } from '../../src/shared/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const count = (address: number): number => heap.load(address + 1);

async function assertFlat(steps: number, step: (number: number) => void): Promise<void> {
  for (let number = 0; number < steps / 5; number++) step(number);
  await turn();
  const used = heap.usedBytes();
  for (let number = 0; number < steps; number++) {
    step(number);
    if (number % 500 === 0) await turn();
  }
  await turn();
  assert.ok(heap.usedBytes() <= used + 2 ** 17, `${heap.usedBytes() - used} bytes more`);
}

check('entries replaced, removed and cleared give everything back', async () => {
  const map = new SharedMap<string, unknown>();
  const list = new SharedList<unknown>();
  const lock = new Lock();
  const large = 'x'.repeat(3000);
  await assertFlat(rounds(30_000, 1_000_000), (number) => {
    const key = `key ${number % 50}`;
    map.set(key, { number, lock });
    map.set(key, large);
    map.update(key, () => [lock, lock]);
    map.getOrSet(`${key}?`, () => lock);
    map.delete(`${key}?`);
    if (number % 100 === 99) map.clear();
    list.push(lock, large, number, { lock });
    list.set(-1, [lock]);
    list.update(0, () => ({ number, lock }));
    list.pop();
    if (number % 100 === 99) list.clear();
  });
  map.clear();
  list.clear();
  assert.equal(count(addressOf(lock)), 1);
});

check('what is refused gives everything back', async () => {
  const map = new SharedMap<string, unknown>([['a', 1]]);
  const list = new SharedList<unknown>([1]);
  const lock = new Lock();
  const bad = [lock, 'x'.repeat(3000), Symbol('mine')];
  await assertFlat(rounds(4000, 40_000), () => {
    assert.throws(() => map.set('a', bad), { name: 'CloneError' });
    assert.throws(() => map.update('a', () => bad), { name: 'CloneError' });
    assert.throws(() => map.getOrSet('b', () => bad), { name: 'CloneError' });
    assert.throws(() => list.push(lock, 'x'.repeat(3000), bad), { name: 'CloneError' });
    assert.throws(() => list.set(5, [lock, 'x'.repeat(3000)]), RangeError);
    assert.throws(() => list.update(0, () => bad), { name: 'CloneError' });
  });
  assert.equal(count(addressOf(lock)), 1);
  assert.deepEqual([[...map], [...list]], [[['a', 1]], [1]]);
});

check('objects made and disposed leave nothing', async () => {
  class Counters extends Shared({ hits: atomic(i32), map: SharedMap, list: SharedList }) {}
  const lock = new Lock();
  await assertFlat(rounds(10_000, 200_000), (number) => {
    using map = new SharedMap<number, unknown>([[number, lock]]);
    using list = new SharedList<unknown>([lock, map]);
    for (const _entry of map) break;
    for (const _item of list) break;
    new Atomic(i32, number)[Symbol.dispose]();
    new SharedArray(f64, 1 + ((number * 37) % 5000))[Symbol.dispose]();
    using counters = new Counters({ hits: 5 });
    counters.hits.add(number);
    counters.map.set('lock', lock);
    counters.list.push(map);
    counters.hits[Symbol.dispose]();
    counters.map[Symbol.dispose]();
    counters.list[Symbol.dispose]();
  });
  assert.equal(count(addressOf(lock)), 1);
});

// biome-ignore lint/suspicious/noExplicitAny: the class's own type, which would be circular
class Node extends Shared({ id: i32, next: ref((): any => Node), lock: Lock }) {}

check('two that refer to each other stay until the circle is broken, and take just their own memory', () => {
  // Broken by clearing the reference: all is given back at once.
  const one = new Node({ id: 1 });
  const other = new Node({ id: 2, next: one });
  one.next = other;
  const [first, second] = [addressOf(one), addressOf(other)];
  assert.deepEqual([count(first), count(second)], [2, 2]);
  one.next = null;
  other[Symbol.dispose]();
  assert.deepEqual([count(first), count(second)], [1, 0]);
  one[Symbol.dispose]();
  assert.equal(count(first), 0);
  // Dropped as a circle: each keeps the other, for as long as the process lives. That costs their records alone.
  const used = heap.usedBytes();
  const circles = 10_000;
  for (let index = 0; index < circles; index++) {
    using a = new Node({ id: index });
    using b = new Node({ id: index, next: a });
    a.next = b;
  }
  const each = (heap.usedBytes() - used) / circles;
  // Two structs and two locks, in blocks of 32 to 64 bytes.
  assert.ok(each >= 4 * 32 - 8 && each <= 4 * 64, `${each} bytes a circle`);
});

check(
  'what is dropped is collected: maps, lists, iterations, typed arrays; circles stay',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      fileURLToPath(new URL('./fixtures/dropped.ts', import.meta.url)),
    ]);
    const { grown, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, {
      collections: true,
      nested: true,
      iterations: true,
      view: true,
      keptView: true,
      droppedView: true,
      wrappersOfCycles: true,
      cyclesStay: true,
      broken: true,
      clearedSelf: true,
    });
    assert.ok(grown <= 2 ** 20, `${grown} bytes more after 20 rounds of 200 maps`);
  },
  { timeout: 60_000 },
);

check('a full heap is refused by name; what is in stays, and room that is given back can be used', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [fileURLToPath(new URL('./fixtures/exhausted.ts', import.meta.url))],
    { env: { ...process.env, TELAIO_HEAP: '8MiB' } },
  );
  const { said, texts, keys, numbers, ...rest } = JSON.parse(stdout);
  assert.deepEqual(said, new Array(3).fill('TELAIO_HEAP_EXHAUSTED'));
  assert.deepEqual(rest, { updated: 'TELAIO_HEAP_EXHAUSTED', whole: true, again: ['again', 'again'] });
  // Pages that texts of one length have taken stay theirs.
  assert.ok(texts > 1000 && keys > 500 && numbers > 500, `${texts} ${keys} ${numbers}`);
});
