/** Every field type in every combination: nothing overlaps, nested and referenced structs included. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import '../../src/functions/message-codec.ts';
import type { SharedObject } from '../../src/memory/index.ts';
import {
  Atomic,
  any,
  array,
  atomic,
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
  SharedArray,
  SharedList,
  SharedMap,
  text,
  u8,
  u16,
  u32,
  u64,
  Value,
} from '../../src/shared/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';

/** A declaration, values for it, and how a field is written and read as a plain value. */
type Sort = {
  declare: () => unknown;
  values: fc.Arbitrary<unknown>;
  zero: unknown;
  write?: (object: never, value: never) => void;
  read?: (object: never) => unknown;
};

class Inner extends Shared({ byte: u8, wide: f64, name: text(5) }) {}
class Outer extends Shared({ flag: bool, inner: Inner, list: array(i64, 3), next: ref(Inner) }) {}

const integer = (low: number, high: number): fc.Arbitrary<number> => fc.integer({ min: low, max: high });
const shortText = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((value) => Buffer.byteLength(value) <= 13);
const cell = { write: (one: { store(v: unknown): void }, v: unknown) => one.store(v), read: (one: { load(): unknown }) => one.load() } as Pick<Sort, 'write' | 'read'>; // biome-ignore format: one line

const sorts: Sort[] = [
  { declare: () => i8, values: integer(-128, 127), zero: 0 },
  { declare: () => u8, values: integer(0, 255), zero: 0 },
  { declare: () => i16, values: integer(-32_768, 32_767), zero: 0 },
  { declare: () => u16, values: integer(0, 65_535), zero: 0 },
  { declare: () => i32, values: fc.integer(), zero: 0 },
  { declare: () => u32, values: integer(0, 2 ** 32 - 1), zero: 0 },
  { declare: () => i64, values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), zero: 0n },
  { declare: () => u64, values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), zero: 0n },
  { declare: () => f32, values: fc.float(), zero: 0 },
  { declare: () => f64, values: fc.double(), zero: 0 },
  { declare: () => bool, values: fc.boolean(), zero: false },
  { declare: () => text(13), values: shortText, zero: '' },
  { declare: () => any, values: fc.jsonValue(), zero: undefined },
  {
    declare: () => array(u16, 3),
    values: fc.tuple(integer(0, 9), integer(0, 9), integer(0, 9)),
    zero: [0, 0, 0],
    write: (view: Uint16Array, value: number[]) => view.set(value),
    read: (view: Uint16Array) => [...view],
  },
  { declare: () => atomic(i32), values: fc.integer(), zero: 0, ...cell },
  { declare: () => atomic(u64), values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), zero: 0n, ...cell },
  { declare: () => field(() => new Atomic(bool)), values: fc.boolean(), zero: false, ...cell },
  {
    declare: () => Inner,
    values: fc.record(
      { byte: integer(0, 255), wide: fc.double(), name: fc.constantFrom('', 'abcde', 'é') },
      { noNullPrototype: true },
    ),
    zero: { byte: 0, wide: 0, name: '' },
    write: (inner: Inner, value: object) => Object.assign(inner, value),
    read: ({ byte, wide, name }: Inner) => ({ byte, wide, name }),
  },
  {
    declare: () => Outer,
    values: fc.tuple(fc.boolean(), integer(0, 255), fc.bigInt({ min: -5n, max: 5n }), fc.option(integer(0, 255))),
    zero: [false, 0, 0n, null],
    write: (outer: Outer, [flag, byte, long, next]: [boolean, number, bigint, number | null]) => {
      outer.flag = flag;
      outer.inner.byte = byte;
      outer.list[2] = long;
      outer.next = next === null ? null : new Inner({ byte: next });
    },
    read: (outer: Outer) => [outer.flag, outer.inner.byte, outer.list[2], outer.next?.byte ?? null],
  },
  {
    declare: () => SharedMap,
    values: fc.integer(),
    zero: undefined,
    write: (map: SharedMap, value: number) => map.set('key', value),
    read: (map: SharedMap) => map.get('key'),
  },
  {
    declare: () => SharedList,
    values: fc.jsonValue(),
    zero: undefined,
    write: (list: SharedList, value: unknown) => list.push(value),
    read: (list: SharedList) => list.at(-1),
  },
  {
    declare: () => field(() => new SharedArray(f32, 2)),
    values: fc.float(),
    zero: 0,
    write: (numbers: SharedArray<Float32Array>, value: number) => numbers.set(1, value),
    read: (numbers: SharedArray<Float32Array>) => numbers.get(1),
  },
  {
    declare: () => field(() => new Value(text(13), '')),
    values: shortText,
    zero: '',
    write: (value: Value<string>, to: string) => {
      value.value = to;
    },
    read: (value: Value<string>) => value.value,
  },
  {
    declare: () => Lock,
    values: fc.boolean(),
    zero: false,
    write: (lock: Lock, held: boolean) => {
      if (held && !lock.locked()) lock.acquireSync();
      else if (!held && lock.locked()) lock.release();
    },
    read: (lock: Lock) => lock.locked(),
  },
];

const declaration = fc.array(fc.nat(sorts.length - 1), { minLength: 1, maxLength: 14 }).chain((chosen) =>
  fc.tuple(
    fc.constant(chosen),
    fc.array(
      fc.nat(chosen.length - 1).chain((at) => fc.tuple(fc.constant(at), sorts[chosen[at]].values)),
      { maxLength: 40 },
    ),
  ),
);

check('fields of all types, in any order, keep what is written to them and nothing else', () => {
  fc.assert(
    fc.property(declaration, ([chosen, steps]) => {
      const fields = Object.fromEntries(chosen.map((sort, index) => [`field${index}`, sorts[sort].declare()]));
      const Type = Shared(fields as never) as unknown as new () => SharedObject & Record<string, unknown>;
      using object = new Type();
      const model = chosen.map((sort) => sorts[sort].zero);
      const assertAll = (): void => {
        chosen.forEach((sort, index) => {
          const value = object[`field${index}`];
          assert.deepEqual(sorts[sort].read ? sorts[sort].read(value as never) : value, model[index]);
        });
      };
      assertAll();
      for (const [at, value] of steps) {
        const { write } = sorts[chosen[at]];
        if (write) write(object[`field${at}`] as never, value as never);
        else object[`field${at}`] = value;
        model[at] = value;
        assertAll();
      }
    }),
    { numRuns: rounds(60, 3000) },
  );
});
