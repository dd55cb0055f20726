import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import '../../src/functions/message-codec.ts';
import {
  Atomic,
  any,
  array,
  atomic,
  bool,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  Shared,
  SharedArray,
  text,
  u8,
  u16,
  u32,
  u64,
} from '../../src/shared/index.ts';
import { check, rounds } from '../support/check.ts';

const NUMBERS = [
  [i8, Int8Array],
  [u8, Uint8Array],
  [i16, Int16Array],
  [u16, Uint16Array],
  [i32, Int32Array],
  [u32, Uint32Array],
] as const;
const OPERATIONS = ['add', 'sub', 'and', 'or', 'xor', 'store', 'exchange', 'compareExchange'] as const;

for (const [type, View] of NUMBERS) {
  check(`Atomic(${type.name}) does what Atomics does to an element of its type`, () => {
    const cell = new View(1);
    const fitting = fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }).map((value) => {
      cell[0] = value;
      return cell[0];
    });
    const step = fc.tuple(fc.constantFrom(...OPERATIONS), fitting, fitting, fc.boolean());
    fc.assert(
      fc.property(fitting, fc.array(step, { maxLength: 30 }), (first, steps) => {
        using one = new Atomic(type, first);
        const model = new View([first]);
        for (const [name, value, other, hit] of steps) {
          if (name === 'store') {
            one.store(value);
            Atomics.store(model, 0, value);
          } else if (name === 'compareExchange') {
            const expected = hit ? model[0] : other;
            assert.equal(one.compareExchange(expected, value), Atomics.compareExchange(model, 0, expected, value));
          } else {
            assert.equal(one[name](value), Atomics[name](model, 0, value));
          }
          assert.equal(one.load(), model[0]);
        }
      }),
      { numRuns: rounds(100, 5000) },
    );
  });
}

check('64 bits are bigints, and wrap around', () => {
  const signed = new Atomic(i64, -1n);
  const natural = new Atomic(u64);
  assert.equal(natural.sub(1n), 0n);
  assert.equal(natural.load(), 2n ** 64n - 1n);
  assert.equal(signed.add(2n ** 63n), -1n);
  assert.equal(signed.load(), 2n ** 63n - 1n);
  assert.equal(signed.compareExchange(0n, 5n), 2n ** 63n - 1n);
  assert.equal(signed.and(0xffn), 2n ** 63n - 1n);
  assert.equal(signed.exchange(-7n), 0xffn);
  assert.match(inspect(signed), /^<Atomic #[0-9a-f]+ i64 -7>$/);
  assert.throws(() => natural.store(-1n), RangeError);
});

check('a bool is true or false', () => {
  const flag = new Atomic(bool);
  assert.deepEqual([flag.load(), flag.exchange(true), flag.load()], [false, false, true]);
  assert.deepEqual([flag.compareExchange(true, false), flag.compareExchange(true, true)], [true, false]);
  assert.deepEqual([flag.or(true), flag.xor(true), flag.load(), flag.and(true)], [false, true, false, false]);
  assert.equal(new Atomic(bool, true).load(), true);
});

check('fields of a struct: made with it, at hand, and of its definition', () => {
  class Hits extends Shared({ count: atomic(u32), big: atomic(i64), on: atomic(bool), name: text(8) }) {}
  const hits = new Hits({ count: 5, on: true });
  assert.equal(hits.count, hits.count);
  assert.deepEqual([hits.count.add(1), hits.count.load(), hits.big.load(), hits.on.load()], [5, 6, 0n, true]);
  const shared = new Hits({ count: hits.count });
  shared.count.add(10);
  assert.equal(hits.count.load(), 16);
  assert.equal(Shared({ n: atomic(i8) }), Shared({ n: atomic(i8) }));
  assert.notEqual(Shared({ n: atomic(i8) }), Shared({ n: atomic(u8) }));
  const refused: [() => unknown, RegExp][] = [
    [() => new Hits({ count: -1 }), /^Hits\.count is declared atomic\(u32\): give a whole number from 0 to 4294967295/],
    [() => new Hits({ count: 'x' as never }), /^Hits\.count is declared atomic\(u32\): give a whole number/],
    [
      () => new Hits({ count: new Atomic(i32) }),
      /^Hits\.count is declared atomic\(u32\): give its first value, or an Atomic\(u32\), not an object of class Atomic\.$/,
    ],
    [
      () => {
        (hits as { count: unknown }).count = 5;
      },
      /^Hits\.count is made with the object and can't be replaced/,
    ],
    [() => atomic(f64), /^Atomic\(f64\): processors have atomic operations for whole numbers and flags/],
  ];
  for (const [misuse, message] of refused) assert.throws(misuse, { message });
});

check('misuse is refused by name, with the mend', () => {
  const one = new Atomic(i32, 1);
  const table: [() => unknown, string, RegExp][] = [
    [
      () => new Atomic(f64),
      'TypeError',
      /^Atomic\(f64\): processors have atomic operations for whole numbers and flags, i8 to u64 and bool\. For anything else take a Value, whose update\(\) holds its lock\.$/,
    ],
    [() => new Atomic(f32), 'TypeError', /^Atomic\(f32\)/],
    [() => new Atomic(text(5) as never), 'TypeError', /^Atomic\(text\(5\)\)/],
    [() => new Atomic(any as never), 'TypeError', /take a Value/],
    [() => new Atomic(undefined as never), 'TypeError', /^Atomic\(undefined\)/],
    [() => new Atomic(array(i32, 2) as never), 'TypeError', /^Atomic\(array\(i32, 2\)\)/],
    [() => new Atomic(u8, 256), 'RangeError', /^Atomic\.value is declared u8: give a whole number from 0 to 255, not/],
    [() => one.store(1.5), 'RangeError', /^Atomic\.value is declared i32/],
    [() => one.store('1' as never), 'TypeError', /not the string "1"\.$/],
    [() => one.compareExchange(1n as never, 2), 'TypeError', /not the bigint 1n\.$/],
    [() => one.add(1n as never), 'TypeError', /\.add\(the bigint 1n\): give a whole number\.$/],
    [() => one.add(0.5), 'RangeError', /\.add\(the number 0\.5\): give a whole number\.$/],
    [() => new Atomic(i64).add(1 as never), 'TypeError', /\.add\(the number 1\): give a bigint\.$/],
    [() => new Atomic(bool).add(1 as never), 'TypeError', /\.add\(\): there is nothing to count on a flag\./],
    [() => new Atomic(bool).or(1 as never), 'TypeError', /give true or false, not the number 1/],
  ];
  for (const [misuse, name, message] of table) assert.throws(misuse, { name, message });
});

check('SharedArray: a typed array over the heap', () => {
  const samples = new SharedArray(f64, 1000);
  assert.ok(samples.array instanceof Float64Array);
  assert.equal(samples.array, samples.array);
  assert.ok(samples.array.buffer instanceof SharedArrayBuffer);
  samples.array[4] = 1.5;
  samples.set(5, 2.5);
  assert.deepEqual([samples.get(4), samples.array[5], samples.at(-996), samples.at(1000)], [1.5, 2.5, 1.5, undefined]);
  assert.deepEqual([samples.length, samples.array.length, [...samples].length], [1000, 1000, 1000]);
  const copy = samples.slice(3, 7);
  assert.deepEqual([...copy], [0, 1.5, 2.5, 0]);
  assert.ok(copy.buffer instanceof ArrayBuffer);
  copy[0] = 9;
  assert.equal(samples.get(3), 0);
  assert.deepEqual([...samples.slice(-2), ...samples.slice(5, 3)], [0, 0]);
  samples
    .copyFrom([7, 8], 998)
    .copyFrom(new Float64Array([1, 2]), 10)
    .copyFrom(new Int8Array([-1]), 12);
  assert.deepEqual([samples.at(-1), samples.get(11), samples.get(12)], [8, 2, -1]);
  assert.equal(samples.fill(3), samples);
  assert.equal(
    [...samples].reduce((sum, value) => sum + value),
    3000,
  );
  assert.match(inspect(samples), /^<SharedArray #[0-9a-f]+ f64 × 1000>$/);
  assert.deepEqual([...new SharedArray(i64, [1n, -2n])], [1n, -2n]);
  assert.deepEqual([...new SharedArray(u8, new Uint8Array([1, 2, 255]))], [1, 2, 255]);
  assert.deepEqual([...new SharedArray(i8, [1, -2]), ...new SharedArray(i16, [3])], [1, -2, 3]);
  assert.deepEqual([...new SharedArray(u16, [1, 2]), ...new SharedArray(u32, [2 ** 32 - 1])], [1, 2, 2 ** 32 - 1]);
  assert.deepEqual([...new SharedArray(f32, [0.5, Infinity])], [0.5, Infinity]);
  assert.deepEqual([...new SharedArray(u64, 2)], [0n, 0n]);
  const none = new SharedArray(i32, 4).array;
  for (let round = 0; round < 1000; round++) new SharedArray(i32, [9, 9, 9, 9])[Symbol.dispose]();
  assert.deepEqual([...none], [0, 0, 0, 0]);
});

check('SharedArray: its typed array outlives it', () => {
  const numbers = new SharedArray(i32, [1, 2, 3, 4]);
  const part = numbers.array.subarray(1, 3);
  numbers[Symbol.dispose]();
  for (let round = 0; round < 1000; round++) new SharedArray(i32, [9, 9, 9, 9])[Symbol.dispose]();
  assert.deepEqual([...part], [2, 3]);
  assert.throws(() => numbers.get(0), { code: 'TELAIO_DISPOSED' });
});

check('SharedArray: misuse is refused by name', () => {
  const numbers = new SharedArray(u8, [1, 2]);
  const table: [() => unknown, string, RegExp][] = [
    [
      () => new SharedArray(bool as never, 3),
      'TypeError',
      /^SharedArray\(bool, …\): elements are numbers, i8 to f64\. For/,
    ],
    [() => new SharedArray(text(3) as never, 3), 'TypeError', /^SharedArray\(text\(3\), …\)/],
    [
      () => new SharedArray(u8, 0),
      'RangeError',
      /^SharedArray\(u8, 0\): give a whole number of elements, 1 to 268435456/,
    ],
    [() => new SharedArray(u8, 2.5), 'RangeError', /give a whole number of elements/],
    [() => new SharedArray(u8, undefined as never), 'RangeError', /^SharedArray\(u8, undefined\)/],
    [
      () => new SharedArray(u8, [1, 256]),
      'RangeError',
      /^SharedArray\.array\[1\] is declared u8: give a whole number from 0/,
    ],
    [() => numbers.get(2), 'RangeError', /\.get\(2\): indexes are whole numbers from 0 to 1\.$/],
    [() => numbers.get('0' as never), 'TypeError', /\.get\(the string "0"\): give an index\.$/],
    [() => numbers.set(-1, 0), 'RangeError', /\.set\(-1\): indexes/],
    [() => numbers.set(0, 256), 'RangeError', /^SharedArray\.array\[0\] is declared u8/],
    [() => numbers.set(0, '1' as never), 'TypeError', /not the string "1"/],
    [() => numbers.copyFrom([1, 2, 3]), 'RangeError', /\.copyFrom\(\): 3 elements from index 0 on don't fit into 2\.$/],
    [() => numbers.copyFrom([0, 0], -1), 'RangeError', /don't fit/],
    [() => numbers.copyFrom([9, 300]), 'RangeError', /array\[1\]/],
    [() => numbers.copyFrom(5 as never), 'TypeError', /\.copyFrom\(the number 5\): give an array or a typed array\.$/],
  ];
  for (const [misuse, name, message] of table) assert.throws(misuse, { name, message });
  assert.deepEqual([...numbers], [1, 2]);
});
