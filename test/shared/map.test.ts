/** SharedMap in one thread: what it promises, beside a plain Map. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { addressOf, heap } from '../../src/memory/index.ts';
import { any, i32, type MapKey, Shared, SharedList, SharedMap } from '../../src/shared/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';

check('keys are equal as in a Map, and values come back as they went in', () => {
  const pairs: [MapKey, unknown][] = [
    ['', 0],
    ['1', 1],
    [1, -0],
    [1.5, Number.NaN],
    [Number.NaN, 'not a number'],
    [-(2 ** 31), 2 ** 31],
    [2 ** 31, 'ünïcödé 日本 \ud800'],
    [Number.MIN_VALUE, 5n],
    [Infinity, -(10n ** 40n)],
    [-Infinity, [1, , 3]],
    [0n, { a: { b: [] } }],
    [-1n, null],
    [10n ** 50n, undefined],
    [true, false],
    [false, true],
    [null, new Date(5)],
    [undefined, Symbol.for('here')],
    [Symbol.for('key'), new Map([[1, new Set([2])]])],
    [Symbol.for('日本'), new Uint8Array(5000)],
    ['ÿ', 'x'.repeat(100_000)],
    ['日本', new Error('kept')],
    ['k'.repeat(10_000), 'k'],
  ];
  const map = new SharedMap<MapKey, unknown>(pairs);
  const model = new Map(pairs);
  assert.equal(map.size, model.size);
  for (const [key, value] of model) {
    assert.deepEqual(map.get(key), value, inspect(key));
    assert.equal(map.has(key), true);
  }
  assert.equal(new Set(map.keys()).size, model.size);
  for (const [key, value] of map) assert.deepEqual(value, model.get(key));
  map.set(-0, 'zero');
  assert.deepEqual([map.get(0), map.get(-0)], ['zero', 'zero']);
  assert.ok([...map.keys()].some((key) => Object.is(key, 0)));
  assert.equal(map.get('0'), undefined);
  assert.equal(map.has(0n), true);
  assert.equal(map.get(1n), undefined);
});

check('set, get, has, delete, clear, size, iteration: as a Map has them', () => {
  const map = new SharedMap<string, number>();
  assert.equal(map.set('a', 1).set('b', 2), map);
  assert.deepEqual([map.size, map.get('a'), map.get('c'), map.has('b'), map.has('c')], [2, 1, undefined, true, false]);
  assert.deepEqual([map.delete('a'), map.delete('a'), map.size], [true, false, 1]);
  map.set('b', 3).set('z', 26);
  assert.deepEqual([...map.keys()].sort(), ['b', 'z']);
  assert.deepEqual([...map.values()].sort(), [26, 3]);
  assert.deepEqual([...map.entries()].sort(), [...map].sort());
  const seen: unknown[] = [];
  const self = {};
  map.forEach(function (this: unknown, value, key, whole) {
    seen.push(value, key, whole === map, this === self);
  }, self);
  assert.deepEqual(seen.length, 8);
  map.clear();
  map.clear();
  assert.deepEqual([map.size, [...map], map.get('b')], [0, [], undefined]);
  assert.deepEqual(new SharedMap(null).size, 0);
  assert.deepEqual(map.statistics(), { size: 0, capacity: 0, stripes: 16 });
  map.set('c', 3);
  assert.match(inspect(map), /^<SharedMap #[0-9a-f]+ 1 entry>$/);
  assert.match(String(map.set('d', 4)), /^<SharedMap #[0-9a-f]+ 2 entries>$/);
});

check('update and getOrSet', () => {
  const map = new SharedMap<string, number | undefined>();
  assert.equal(
    map.update('a', (value, key) => {
      assert.deepEqual([value, key], [undefined, 'a']);
      return 1;
    }),
    1,
  );
  assert.equal(
    map.update('a', (value) => value! + 1),
    2,
  );
  assert.equal(
    map.getOrSet('a', () => assert.fail()),
    2,
  );
  assert.equal(
    map.getOrSet('b', (key) => key.length),
    1,
  );
  // Undefined is a value, as in a Map.
  map.update('u', () => undefined);
  assert.deepEqual([map.has('u'), map.getOrSet('u', () => assert.fail())], [true, undefined]);
  // What throws changes nothing, and leaves the map usable.
  const fails = (): never => {
    throw new Error('mine');
  };
  assert.throws(() => map.update('a', fails), /^Error: mine$/);
  assert.throws(() => map.getOrSet('c', fails), /^Error: mine$/);
  assert.throws(() => map.update('a', (async () => 1) as never), { code: 'TELAIO_CLONE', message: /await it first/ });
  assert.deepEqual([map.get('a'), map.has('c'), map.size], [2, false, 3]);
  const other = new SharedMap<string, number>([['x', 5]]);
  assert.equal(
    map.update('a', () => other.update('x', (value) => value! * 2)),
    10,
  );
});

check('handles, large values and users classes come by reference, with the right counts', () => {
  const count = (lock: Lock): number => heap.load(addressOf(lock) + 1);
  const map = new SharedMap<number, unknown>();
  const lock = new Lock();
  const alone = count(lock);
  for (let key = 0; key < 100; key++) map.set(key, { lock, large: 'x'.repeat(5000) });
  assert.equal(count(lock), alone + 100);
  assert.equal((map.get(7) as { lock: Lock }).lock, lock);
  map.set(7, lock);
  assert.equal(map.get(7), lock);
  assert.equal(count(lock), alone + 100);
  map.update(7, (same) => [same, same]);
  assert.deepEqual(map.get(7), [lock, lock]);
  for (let key = 0; key < 50; key++) map.delete(key);
  assert.equal(count(lock), alone + 50);
  map.clear();
  assert.equal(count(lock), alone);
  map.set(1, lock);
  map[Symbol.dispose]();
  assert.equal(count(lock), alone);
  assert.throws(() => map.get(1), { code: 'TELAIO_DISPOSED' });
  assert.equal(inspect(map), '<disposed SharedMap>');
});

check('an iteration outlives what becomes of the map meanwhile', () => {
  const map = new SharedMap<number, unknown>();
  const lock = new Lock();
  const alone = heap.load(addressOf(lock) + 1);
  for (let key = 0; key < 1000; key++) map.set(key, key % 2 ? lock : key);
  const seen = new Set<number>();
  for (const [key, value] of map) {
    assert.ok(!seen.has(key));
    seen.add(key);
    assert.equal(value, key % 2 ? lock : key);
    map.set(key, value);
    // Odd as well, or not.
    if (key < 1000) map.set(key + 1000, key % 2 ? lock : key + 1000);
    if (seen.size === 400) map.clear();
  }
  assert.ok(seen.size >= 400);
  for (let key = 0; key < 1000; key++) map.set(key, lock);
  const broken = map.entries();
  broken.next();
  broken.return(undefined);
  const iteration = map.values();
  iteration.next();
  const { size } = map;
  map[Symbol.dispose]();
  assert.equal([...iteration].length, size - 1);
  assert.equal(heap.load(addressOf(lock) + 1), alone);
});

class Scores extends SharedMap<string, number> {
  raise(name: string): number {
    return this.update(name, (score = 0) => score + 1);
  }
}
class Board extends Shared({ scores: SharedMap, names: SharedList, extra: any, rounds: i32 }) {}

check('subclasses, and maps inside of structs and of each other', () => {
  const scores = new Scores([['a', 4]]);
  assert.deepEqual([scores.raise('a'), scores.raise('b')], [5, 1]);
  assert.match(inspect(scores), /^<Scores #[0-9a-f]+ 2 entries>$/);
  const board = new Board();
  board.scores.set('x', { nested: board.names });
  board.names.push('n', board.scores);
  assert.equal((board.scores.get('x') as { nested: unknown }).nested, board.names);
  assert.equal(board.names.at(1), board.scores);
  const outer = new SharedMap<string, SharedMap<string, number>>();
  outer.getOrSet('inner', () => new SharedMap()).set('deep', 1);
  assert.equal(outer.get('inner')?.get('deep'), 1);
  board.names.clear();
});

check('misuse is refused by name, and the map is usable afterwards', () => {
  const map = new SharedMap<MapKey, unknown>([['a', 1]]);
  const name = /^<SharedMap #[0-9a-f]+ 1 entry>/.source;
  const table: [() => unknown, string, RegExp][] = [
    [
      () => map.set({} as never, 1),
      'TypeError',
      / can't have a plain object as a key: keys are primitives, since another thread has another copy of an object\. Take an id of it, or a text\.$/,
    ],
    [() => map.get((() => 1) as never), 'TypeError', / can't have the function \(anonymous\) as a key/],
    [
      () => map.has(Symbol('mine')),
      'TypeError',
      / can't have the key Symbol\(mine\), a symbol of this thread alone: use Symbol\.for\(\), which is the same in every thread\.$/,
    ],
    [() => map.set('b', { list: [1, Symbol('x')] }), 'CloneError', /^value\.list\[1\] can't be copied/],
    [
      () => map.update('a', 5 as never),
      'TypeError',
      /\.update\(…, the number 5\): give a function that returns the new value\.$/,
    ],
    [() => map.getOrSet('a', undefined as never), 'TypeError', /\.getOrSet\(…, undefined\): give a function/],
    [() => new SharedMap(5 as never), 'TypeError', /^new SharedMap\(the number 5\): give pairs of a key and a value/],
    [() => new SharedMap([1] as never), 'TypeError', /^new SharedMap\(…\): an entry is a pair \[key, value\], not the/],
  ];
  for (const [misuse, error, message] of table) assert.throws(misuse, { name: error, message });
  const inside: ((map: SharedMap<MapKey, unknown>) => unknown)[] = [
    (same) => same.get('b'),
    (same) => same.set('a', 1),
    (same) => same.delete('a'),
    (same) => same.has('a'),
    (same) => same.clear(),
    (same) => [...same],
    (same) => same.update('b', () => 1),
    (same) => same.getOrSet('a', () => 1),
    (same) => same[Symbol.dispose](),
  ];
  for (const use of inside) {
    const error = {
      code: 'TELAIO_REENTRANT',
      message: new RegExp(`${name} was used inside of a function that it runs under its lock, in update or getOrSet: `),
    };
    assert.throws(() => map.update('a', () => use(map)), error);
    assert.throws(() => map.getOrSet('new', () => use(map)), error);
    assert.throws(() => map.update('a', () => ({ get getter() { return use(map); } })), error); // biome-ignore format: one line
    const [first] = [map.entries()];
    first.next();
    assert.throws(() => map.update('a', () => [...first]), error);
    first.return(undefined);
  }
  assert.deepEqual([...map], [['a', 1]]);
  // What needs no lock works.
  assert.equal(
    map.update('a', () => map.size),
    1,
  );
});

const key = fc.oneof(
  fc.integer({ min: -5, max: 40 }),
  fc.string({ maxLength: 2 }),
  fc.constantFrom<MapKey[]>(Number.NaN, -0, 1.5, null, undefined, true, false, 3n, Symbol.for('s'), '日', Infinity),
);
const value = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.jsonValue(), fc.constantFrom(undefined, -0, 7n));
const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('set' as const), key, value) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('delete' as const), key, value) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('update' as const), key, value) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('getOrSet' as const), key, value) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const), key, value) },
);

check('behaves as a Map, whatever is done to it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      using map = new SharedMap<MapKey, unknown>();
      const model = new Map<MapKey, unknown>();
      for (const [name, at, given] of steps) {
        if (name === 'set') {
          map.set(at, given);
          model.set(at, given);
        } else if (name === 'delete') {
          assert.equal(map.delete(at), model.delete(at));
        } else if (name === 'update') {
          assert.deepEqual(
            map.update(at, (old) => [old]),
            [model.get(at)],
          );
          model.set(at, [model.get(at)]);
        } else if (name === 'getOrSet') {
          if (!model.has(at)) model.set(at, given);
          assert.deepEqual(
            map.getOrSet(at, () => given),
            model.get(at),
          );
        } else {
          map.clear();
          model.clear();
        }
        assert.equal(map.size, model.size);
        assert.deepEqual(map.get(at), model.get(at));
        assert.equal(map.has(at), model.has(at));
      }
      const entries = [...map];
      assert.equal(entries.length, model.size);
      assert.deepEqual(new Map(entries), model);
    }),
    { numRuns: rounds(300, 20_000) },
  );
});

check('grows and shrinks: 200,000 keys come and go', () => {
  const map = new SharedMap<number, number>();
  const used = heap.usedBytes();
  for (let round = 0; round < rounds(1, 20); round++) {
    for (let index = 0; index < 200_000; index++) map.set(index, -index);
    assert.equal(map.size, 200_000);
    assert.ok(map.statistics().capacity >= 200_000);
    for (let index = 0; index < 200_000; index += 997) assert.equal(map.get(index), -index);
    for (let index = 0; index < 200_000; index++) assert.ok(map.delete(index));
    assert.equal(map.size, 0);
    assert.ok(map.statistics().capacity <= 16 * 8);
  }
  // Freed blocks stay in their size class; the tables are given back.
  const entries = 200_000 * 32;
  assert.ok(heap.usedBytes() - used <= entries * 1.3, `${heap.usedBytes() - used} bytes more`);
  // And are used again.
  const after = heap.usedBytes();
  for (let index = 0; index < 200_000; index++) map.set(index, index);
  map.clear();
  assert.ok(heap.usedBytes() - after <= 2 ** 18);
});
