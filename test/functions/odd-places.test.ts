/** Closures wherever the language lets one stand, each through a round trip within this isolate. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AnyFunction, captureFunction, installModuleHooks, rebuildFunction } from '../../src/functions/index.ts';

installModuleHooks();
const limit = { timeout: 20_000 };
const { rows, classes } = (await import('./fixtures/odd.ts')) as typeof import('./fixtures/odd.ts');

/** Functions among captured values are rebuilt in turn, so nothing of the original is left. */
function trip(fn: AnyFunction): AnyFunction {
  const { reference, values } = captureFunction(fn);
  return rebuildFunction(
    structuredClone(reference),
    values.map((value) => (typeof value === 'function' ? trip(value as AnyFunction) : structuredClone(value))),
  );
}

describe('functions', () => {
  for (const [name, fn, ...args] of rows(3)) {
    test(name, limit, async () => {
      const rebuilt = trip(fn);
      assert.notEqual(rebuilt, fn);
      assert.equal(rebuilt.name, fn.name);
      assert.equal(rebuilt.length, fn.length);
      const run = async (target: AnyFunction) => {
        const value = await target(...args);
        return typeof value === 'function' ? value(10) : value;
      };
      assert.deepEqual(await run(rebuilt), await run(fn));
      assert.deepEqual(await run(trip(rebuilt)), await run(fn), 'twice');
    });
  }
});

describe('classes', () => {
  const { Leaf, Anonymous, WithAccessors } = classes(5);
  test('a mixin that is called with a captured class', limit, () => {
    const rebuilt = trip(Leaf) as unknown as typeof Leaf;
    assert.equal(rebuilt.name, 'Leaf');
    assert.notEqual(rebuilt, Leaf);
    assert.deepEqual(new rebuilt().leaf, [5, 'm', 5]);
    assert.deepEqual(new (trip(rebuilt) as unknown as typeof Leaf)().leaf, [5, 'm', 5]);
  });
  test('a class expression with a computed static field', limit, () => {
    const rebuilt = trip(Anonymous) as unknown as typeof Anonymous;
    assert.deepEqual(
      [rebuilt.name, new rebuilt().value, [...(rebuilt as never as Iterable<number>)]],
      ['Anonymous', 5, [5]],
    );
  });
  test('accessors, private fields and generators', limit, async () => {
    const object = new (trip(WithAccessors) as unknown as typeof WithAccessors)();
    object.v += 1;
    assert.equal((await object.walk().next()).value, 6);
  });
});
