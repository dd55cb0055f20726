/** SharedList in one thread: what it promises, beside a plain array. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { addressOf, heap } from '../../src/memory/index.ts';
import { SharedList } from '../../src/shared/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';

check('values come back as they went in', () => {
  const values = [
    0, -0, 1.5, Number.NaN, Infinity, 2 ** 53, -5e-324, 'text', '', '日本', 5n, true, false, null, undefined,
    { a: [1, 2] }, [1, , 3], new Date(3), Symbol.for('s'), 'x'.repeat(50_000), new Map([[1, 2]]),
  ]; // biome-ignore format: a table
  const list = new SharedList(values);
  assert.equal(list.length, values.length);
  assert.deepEqual([...list], values);
  for (const [index, value] of values.entries()) assert.deepEqual(list.at(index), value);
  // Bits of a NaN that are one of our marks.
  const odd = new Float64Array(new Int32Array([7, -5]).buffer)[0];
  list.push(odd);
  assert.ok(Number.isNaN(list.at(-1)));
  assert.ok(Number.isNaN(list.pop()));
});

check('push, pop, at, set, length, iteration: as an array has them', () => {
  const list = new SharedList<string>();
  assert.deepEqual(
    [list.length, list.pop(), list.at(0), list.at(-1), [...list]],
    [0, undefined, undefined, undefined, []],
  );
  assert.equal(list.push('a'), 1);
  assert.equal(list.push('b', 'c', 'd'), 4);
  assert.equal(list.push(), 4);
  assert.deepEqual([list.at(0), list.at(3), list.at(-1), list.at(-4), list.at(4), list.at(-5)], ['a', 'd', 'd', 'a', undefined, undefined]); // biome-ignore format: pairs
  assert.deepEqual([list.at(1.9), list.at(Number.NaN), list.at(Infinity)], ['b', 'a', undefined]);
  assert.equal(list.set(1, 'B').set(-1, 'D'), list);
  assert.deepEqual([...list], ['a', 'B', 'c', 'D']);
  assert.equal(
    list.update(0, (value, index) => value + index),
    'a0',
  );
  assert.deepEqual([...list.entries()][0], [0, 'a0']);
  const seen: unknown[] = [];
  list.forEach((value, index, whole) => {
    seen.push([value, index, whole === list]);
  });
  assert.deepEqual(seen[3], ['D', 3, true]);
  assert.equal(list.pop(), 'D');
  assert.deepEqual(list.statistics(), { length: 3, capacity: 16 });
  assert.match(inspect(list), /^<SharedList #[0-9a-f]+ 3 items>$/);
  list.clear();
  list.clear();
  assert.deepEqual([list.length, list.at(0), list.statistics()], [0, undefined, { length: 0, capacity: 0 }]);
  assert.equal(new SharedList(Array.from({ length: 5000 }, (_, index) => index)).length, 5000);
});

check('handles have the right counts', () => {
  const lock = new Lock();
  const count = (): number => heap.load(addressOf(lock) + 1);
  const alone = count();
  const list = new SharedList<unknown>();
  for (let index = 0; index < 100; index++) list.push({ lock });
  assert.equal(count(), alone + 100);
  assert.deepEqual(list.pop(), { lock });
  list.set(0, 'gone');
  assert.equal(count(), alone + 98);
  list.update(1, (value) => [value, value]);
  assert.equal(count(), alone + 98);
  assert.throws(() => list.push({ lock }, Symbol('x')), { name: 'CloneError' });
  assert.throws(() => list.set(500, { lock }), RangeError);
  assert.equal(count(), alone + 98);
  for (const value of list) {
    if (list.length > 50) list.pop();
    assert.ok(value);
  }
  const iteration = list.values();
  iteration.next();
  list[Symbol.dispose]();
  iteration.next();
  assert.ok(count() > alone);
  iteration.return(undefined);
  assert.equal(count(), alone);
});

check('misuse is refused by name, and the list is usable afterwards', () => {
  const list = new SharedList<unknown>([1, 2]);
  const table: [() => unknown, string, RegExp][] = [
    [
      () => list.set(2, 0),
      'RangeError',
      /^<SharedList #[0-9a-f]+ 2 items>\.set\(2, …\): there is no such item\. Indexes go from -2 to 1; push\(\) makes new ones\.$/,
    ],
    [() => list.set(-3, 0), 'RangeError', /there is no such item/],
    [() => list.set(0.5, 0), 'RangeError', /there is no such item/],
    [() => list.set('0' as never, 0), 'TypeError', /\.set\(the string "0", …\): give an index\.$/],
    [
      () => list.update(0, 5 as never),
      'TypeError',
      /\.update\(…, the number 5\): give a function that returns the new/,
    ],
    [() => list.update(9, () => 1), 'RangeError', /there is no such item/],
    [() => list.push(1, Promise.resolve()), 'CloneError', /await it first/],
    [() => new SharedList(5 as never), 'TypeError', /^new SharedList\(the number 5\): give items in an array/],
  ];
  for (const [misuse, name, message] of table) assert.throws(misuse, { name, message });
  for (const use of [
    () => list.at(0),
    () => list.at(-1),
    () => list.push(1),
    () => list.pop(),
    () => list.set(0, 1),
    () => list.clear(),
    () => [...list],
    () => list.update(1, () => 1),
    () => list[Symbol.dispose](),
  ]) {
    assert.throws(() => list.update(0, use), { code: 'TELAIO_REENTRANT' });
  }
  assert.throws(
    () =>
      list.update(0, () => {
        throw new Error('mine');
      }),
    /mine/,
  );
  assert.equal(
    list.update(0, () => list.length),
    2,
  );
  assert.deepEqual([...list], [2, 2]);
});

const value = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.jsonValue(), fc.constantFrom(undefined, null, true));
const step = fc.tuple(
  fc.constantFrom('push', 'push', 'push3', 'push3', 'pop', 'set', 'update', 'clear' as const),
  fc.integer({ min: -60, max: 60 }),
  value,
);

check('behaves as an array, whatever is done to it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      using list = new SharedList<unknown>();
      const model: unknown[] = [];
      for (const [name, index, given] of steps) {
        const place = index < 0 ? index + model.length : index;
        if (name === 'push') assert.equal(list.push(given), model.push(given));
        else if (name === 'push3') assert.equal(list.push(given, 1, given), model.push(given, 1, given));
        else if (name === 'pop') assert.deepEqual(list.pop(), model.pop());
        else if (name === 'clear' && index % 4 === 0) {
          list.clear();
          model.length = 0;
        } else if (place in model) {
          if (name === 'set') list.set(index, given);
          else if (name === 'update') list.update(index, () => given);
          else continue;
          model[place] = given;
        }
        assert.equal(list.length, model.length);
        assert.deepEqual(list.at(index), model.at(index));
      }
      assert.deepEqual([...list], model);
    }),
    { numRuns: rounds(300, 20_000) },
  );
});

check('grows and shrinks at its end, and gives its memory back', () => {
  const list = new SharedList<number>();
  const used = heap.usedBytes();
  for (let round = 0; round < rounds(2, 50); round++) {
    for (let index = 0; index < 300_000; index++) list.push(index);
    for (let index = 0; index < 300_000; index += 1013) assert.equal(list.at(index), index);
    assert.ok(heap.usedBytes() - used >= 300_000 * 8);
    for (let index = 299_999; index >= 0; index--) assert.equal(list.pop(), index);
    assert.deepEqual(list.statistics(), { length: 0, capacity: 16 });
  }
  assert.ok(heap.usedBytes() - used <= 2 ** 18, `${heap.usedBytes() - used} bytes more`);
});
