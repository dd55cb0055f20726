import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import '../../src/functions/message-codec.ts';
import { Queue } from '../../src/queue/index.ts';
import {
  any,
  array,
  bool,
  f32,
  f64,
  field,
  i8,
  i16,
  i32,
  i64,
  ref,
  Shared,
  text,
  u8,
  u16,
  u32,
  u64,
  Value,
} from '../../src/shared/index.ts';
import { Condition, Event, Lock, RLock, Semaphore } from '../../src/sync/index.ts';

const limit = { timeout: 60_000 };

class Everything extends Shared({
  flag: bool,
  byte: i8,
  count: u64,
  octet: u8,
  name: text(40),
  short: i16,
  ratio: f32,
  word: u16,
  data: any,
  whole: i32,
  exact: f64,
  natural: u32,
  large: i64,
  list: array(i16, 5),
  lock: Lock,
  event: ref(Event),
}) {}

const values = {
  flag: fc.boolean(),
  byte: fc.integer({ min: -128, max: 127 }),
  count: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  octet: fc.integer({ min: 0, max: 255 }),
  name: fc.string({ unit: 'grapheme', maxLength: 10 }).filter((value) => Buffer.byteLength(value) <= 40),
  short: fc.integer({ min: -32_768, max: 32_767 }),
  ratio: fc.float(),
  word: fc.integer({ min: 0, max: 65_535 }),
  data: fc.jsonValue(),
  whole: fc.integer(),
  exact: fc.double(),
  natural: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  large: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
};
type Name = keyof typeof values;
const names = Object.keys(values) as Name[];
const operation = fc.oneof(
  ...names.map((name) => fc.tuple(fc.nat(2), fc.constant(name), values[name] as fc.Arbitrary<unknown>)),
);

test('fields are what was last assigned to them, and nothing else changes', limit, () => {
  fc.assert(
    fc.property(fc.record(values, { requiredKeys: [] }), fc.array(operation, { maxLength: 60 }), (initial, steps) => {
      const zero = {
        flag: false,
        count: 0n,
        large: 0n,
        name: '',
        data: undefined,
        ...Object.fromEntries(
          ['byte', 'octet', 'short', 'ratio', 'word', 'whole', 'exact', 'natural'].map((n) => [n, 0]),
        ),
      };
      const objects = [new Everything(initial as never), new Everything(), new Everything({ list: [1, -2, 3] })];
      const reference = [{ ...zero, ...initial }, { ...zero }, { ...zero }] as Record<string, unknown>[];
      for (const [number, name, value] of steps) {
        (objects[number] as unknown as Record<string, unknown>)[name] = value;
        reference[number][name] = value;
      }
      objects.forEach((object, number) => {
        for (const name of names) {
          const wanted = reference[number][name];
          // Whole numbers have one zero.
          const given = typeof wanted === 'number' && !['exact', 'ratio', 'data'].includes(name) ? wanted + 0 : wanted;
          assert.deepEqual(object[name], given, name);
        }
        assert.deepEqual([...object.list], number === 2 ? [1, -2, 3, 0, 0] : [0, 0, 0, 0, 0]);
        assert.equal(object.lock.locked(), false);
        assert.equal(object.event, null);
        object[Symbol.dispose]();
      });
    }),
    { numRuns: 300 },
  );
});

test('numbers out of range are refused and change nothing', limit, () => {
  const ranges: [string, number | bigint, number | bigint][] = [
    ['byte', -128, 127],
    ['octet', 0, 255],
    ['short', -32_768, 32_767],
    ['word', 0, 65_535],
    ['whole', -(2 ** 31), 2 ** 31 - 1],
    ['natural', 0, 2 ** 32 - 1],
    ['large', -(2n ** 63n), 2n ** 63n - 1n],
    ['count', 0n, 2n ** 64n - 1n],
  ];
  const object = new Everything() as unknown as Record<string, unknown>;
  for (const [name, low, high] of ranges) {
    for (const edge of [low, high]) {
      object[name] = edge;
      assert.equal(object[name], edge);
    }
    const one = typeof low === 'bigint' ? 1n : 1;
    const wrong: unknown[] = [(low as number) - (one as number), (high as number) + (one as number)];
    if (typeof low === 'number') wrong.push(0.5, Number.NaN, Infinity, -Infinity);
    for (const value of wrong) {
      assert.throws(() => (object[name] = value), {
        name: 'RangeError',
        message: new RegExp(`^Everything\\.${name} is`),
      });
      assert.equal(object[name], high);
    }
  }
  object.ratio = 0.1;
  assert.equal(object.ratio, Math.fround(0.1));
  object.ratio = -Infinity;
  assert.throws(() => (object.ratio = 1e300), /Everything\.ratio is declared f32: give a number up to 3\.4/);
  assert.equal(object.ratio, -Infinity);
});

test('values of a wrong type are refused by class, field, type and value', limit, () => {
  const object = new Everything() as unknown as Record<string, unknown>;
  const rows: [string, unknown, RegExp][] = [
    ['whole', '5', /^Everything\.whole is declared i32: give a whole number .*, not the string "5"\.$/],
    ['whole', 5n, /not the bigint 5n/],
    ['whole', undefined, /not undefined/],
    ['whole', { valueOf: () => 5 }, /not a plain object/],
    ['large', 5, /Everything\.large is declared i64: give a bigint .*, not the number 5/],
    ['exact', null, /declared f64: give a number, not null/],
    ['flag', 1, /declared bool: give true or false, not the number 1/],
    ['name', 7, /declared text\(40\): give a string, not the number 7/],
    ['lock', new Lock(), /Everything\.lock is made with the object and can't be replaced: declare it ref\(Lock\)/],
    ['list', [1], /Everything\.list is an array inside the object .*object\.list\.set\(/],
    ['event', new Lock(), /declared ref\(Event\): give an object of class Event or null, not an object of class Lock/],
    ['event', undefined, /not undefined/],
  ];
  for (const [name, value, message] of rows) {
    assert.throws(() => (object[name] = value), { name: 'TypeError', message }, `${name} = ${String(value)}`);
  }
  assert.throws(() => (object.data = { list: [1, new WeakMap()] }), { name: 'CloneError', message: /list\[1\]/ });
});

test('a text is never cut', limit, () => {
  const object = new Everything({ name: 'ä'.repeat(20) });
  assert.throws(() => (object.name = `${'ä'.repeat(20)}x`), {
    name: 'RangeError',
    message:
      'Everything.name holds 40 bytes of UTF-8 at most and was given 41: declare it text(41) or more, or shorten the text.',
  });
  assert.throws(() => (object.name = 'a\ud800'), { name: 'RangeError', message: /lone surrogates/ });
  assert.equal(object.name, 'ä'.repeat(20));
  object.name = '';
  assert.equal(object.name, '');
});

test('misuse of declarations and constructors', limit, () => {
  const declare = (fields: unknown) => () => Shared(fields as never);
  const rows: [() => unknown, RegExp][] = [
    [
      () => new Everything({ nam: 'x' } as never),
      /new Everything\(\{ nam: … \}\): there is no such field; it has \{ flag: bool/,
    ],
    [() => new Everything(5 as never), /new Everything\(the number 5\): give initial values as an object/],
    [
      () => new Everything({ lock: new Event() } as never),
      /Everything\.lock is declared Lock: give an object of class Lock/,
    ],
    [() => new Everything({ list: 'abc' } as never), /list is declared array\(i16, 5\): give up to 5 elements/],
    [() => new Everything({ list: [1, 2, 3, 4, 5, 6] }), /list has room for 5 elements and was given 6/],
    [() => new Everything({ list: [1, 2.5] }), /Everything\.list\[1\] is declared i16: give a whole number/],
    [declare({ toString: i32 }), /can't have a field toString/],
    [declare({ constructor: i32 }), /can't have a field constructor/],
    [declare({ [Symbol.dispose]: i32 }), /can't have a field Symbol\(Symbol\.dispose\)/],
    [declare({ x: 5 }), /field x is declared as the number 5, which is no field type/],
    [declare({ x: 'i32' }), /the string "i32", which is no field type/],
    [declare({ x: Map }), /the function Map, which is no field type/],
    [declare({ x: undefined }), /undefined, which is no field type/],
    [declare(null), /Shared\(null\): give the fields/],
    [() => text(0), /text\(0\): give the most bytes/],
    [() => text(1.5), /text\(1\.5\)/],
    [() => array(bool as never, 3), /array\(bool, …\): elements are numbers/],
    [() => array(text(3) as never, 3), /array\(text\(3\), …\): elements are numbers/],
    [() => array(Lock as never, 3), /array\(the function Lock, …\): elements are numbers/],
    [() => array(i32, 0), /array\(i32, 0\): give a whole number of elements/],
    [() => ref(Map as never), /ref\(Map\): its objects are not shared/],
    [() => ref(5 as never), /ref\(the number 5\)/],
    [() => field(Lock as never), /field\(the function Lock\): give a function that makes the object/],
    [
      () => new (Shared({ x: field((() => 5) as never) }))(),
      /Shared\.x is declared field\(…\): give an object of class SharedObject/,
    ],
    [() => new Value(Lock as never), /Value\(Lock\): a Value holds what can be assigned/],
    [() => new Value(array(i32, 3) as never), /Value\(array\(i32, 3\)\)/],
    [() => new Value(i32, 1.5), /Value\.value is declared i32/],
  ];
  for (const [run, message] of rows) assert.throws(run, { message }, String(run));
});

test('objects of every class of the library can be fields', limit, () => {
  class All extends Shared({
    lock: Lock,
    rlock: RLock,
    event: Event,
    semaphore: Semaphore,
    condition: Condition,
    queue: Queue,
    three: field(() => new Semaphore(3)),
    inner: Everything,
    point: Shared({ x: f64, y: f64 }),
  }) {}
  const all = new All();
  for (const [name, cls] of [
    ['lock', Lock],
    ['rlock', RLock],
    ['event', Event],
    ['semaphore', Semaphore],
  ] as const) {
    assert.ok(all[name] instanceof cls);
    assert.equal(all[name], all[name]);
  }
  assert.ok(all.condition instanceof Condition && all.queue instanceof Queue);
  assert.equal(all.three.statistics().value, 3);
  all.inner.whole = 7;
  all.point.y = 1.5;
  assert.deepEqual([all.inner.whole, all.point.x, all.point.y], [7, 0, 1.5]);
  assert.notEqual(new All().lock, all.lock);
  assert.match(all.toString(), /^<All #[0-9a-f]+ lock: Lock rlock: RLock/);
  assert.match(all.point.toString(), /^<Shared #[0-9a-f]+ x=0 y=1\.5>$/);
});

test('a Value is a number with a lock', limit, async () => {
  const value = new Value(i32, 3);
  assert.match(String(value), /^<Value #[0-9a-f]+ i32 3>$/);
  value.value = 5;
  assert.equal(value.addSync(2), 7);
  assert.equal(await value.add(1), 8);
  assert.equal(await value.update((old) => old * 2), 16);
  assert.equal(
    value.updateSync((old) => old + 1),
    17,
  );
  assert.equal(value.tryAdd(3), 20);
  assert.equal(value.getLock(), value.getLock());
  await value.getLock().run(async () => {
    assert.equal(value.getLock().locked(), true);
    assert.equal(await value.add(1), 21);
    await Promise.resolve();
  });
  assert.equal(value.getLock().locked(), false);
  await assert.rejects(value.add(2 ** 31), RangeError);
  assert.throws(() => value.addSync('1' as never), /can't add the string "1": give a number/);
  assert.throws(() => value.updateSync((async () => 1) as never), /not an object of class Promise/);
  assert.throws(() => new Value(text(5)).addSync(1 as never), /can't add the number 1 to the string ""/);
  assert.equal(value.value, 21);
  assert.equal(value.getLock().locked(), false);
  const largest = new Value(u64, 2n ** 64n - 2n);
  assert.equal(largest.addSync(1n), 2n ** 64n - 1n);
  assert.throws(() => largest.addSync(1n), RangeError);
  const texts = new Value(text(5), 'abc');
  assert.equal(texts.value, 'abc');
  const event = new Event();
  const held = new Value(ref(Event), event);
  assert.equal(held.value, event);
  const lastly = new Value(any<number[]>(), [1]);
  assert.deepEqual(
    lastly.updateSync((list) => [...list, 2]),
    [1, 2],
  );
});
