import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type AnyFunction, captureFunction, rebuildFunction } from '../../src/functions/index.ts';
import { Far } from './far.ts';
import { type Packed, pack } from './fixtures/far.ts';
import plusHundred, * as lib from './fixtures/lib.ts';

const far = new Far();
after(() => far[Symbol.asyncDispose]());
const limit = { timeout: 20_000 };
const url = new URL('./fixtures/lib.ts', import.meta.url).href;

describe('bindings of an ES module', () => {
  const kinds: [string, AnyFunction, unknown[], unknown][] = [
    ['exported arrow', lib.exported, [4], '4px'],
    ['exported under another name', lib.shown, [4], 'hidden b 4px'],
    ['not exported', lib.unexported.never, [], 'thread'],
    ['default export without a name', plusHundred, [1], 101],
    ['async', lib.slow, [4], 8],
    ['method of an object', lib.object.times, [4], 12],
    ['arrow deep in an object', lib.object.inner.deep, [4], 'deep 4px'],
    ['static method', lib.Point.origin, [], 0],
    ['made by a factory', lib.wrapped, [4], 5],
  ];
  for (const [name, fn, args, expected] of kinds) {
    test(name, limit, async () => {
      const { reference, values } = captureFunction(fn);
      assert.equal(reference.kind, 'binding');
      assert.equal(reference.module, url);
      assert.deepEqual(values, []);
      assert.deepEqual(structuredClone(reference), reference);
      assert.deepEqual(await far.call(fn, ...args), expected);
      assert.equal(captureFunction(fn), captureFunction(fn));
      assert.equal(rebuildFunction(reference, []), fn, 'comes back as itself');
    });
  }
  test('generator', limit, async () => {
    assert.deepEqual(await far.order({ fn: pack(lib.count), args: [3], how: 'next' }), [0, 1, 2]);
  });
  test('method of a class, called on an instance there', limit, async () => {
    assert.equal(captureFunction(lib.Point.prototype.x).reference.path!.join('.'), 'prototype.x');
    assert.equal(await far.order({ fn: pack(lib.Point), args: [5], how: 'new', method: 'x' }), 5);
  });
  test('a class that is not exported', limit, async () => {
    assert.equal(await far.order({ fn: pack(lib.hiddenClass()), args: [5], how: 'new', method: 'name' }), 'Hidden 5px');
  });
  test('a variable that was assigned again is not taken for its first value', limit, async () => {
    assert.equal(captureFunction(lib.reassigned).reference.kind, 'source');
    assert.equal(await far.call(lib.reassigned, 1), 8);
  });
  test('the module is loaded once', limit, async () => {
    assert.equal(await far.call(lib.getLoads), 1);
  });
});

describe('closures', () => {
  const made = lib.closures(10);
  const kinds: [string, AnyFunction, unknown[], unknown, string[]][] = [
    ['arrow with captures', made.arrow, [1], '13px', ['bag', 'k']],
    ['captured function', made.helped, [1], 22, ['helper']],
    ['recursive named expression', made.named, [5], 120, []],
    ['async method', made.slow, [1], 11, ['k']],
    ['computed method', (made as never as Record<string, AnyFunction>).computed!, [1], -9, ['k']],
    ['dynamic import relative to the module', made.imports, [], 'sibling', []],
    ['shadowed module name', made.shadow, [1], '1none', []],
    ['closed', made.closed, [1, 2], 3, []],
  ];
  for (const [name, fn, args, expected, captures] of kinds) {
    test(name, limit, async () => {
      const { reference } = captureFunction(fn);
      assert.deepEqual([...reference.captures!].sort(), captures);
      assert.deepEqual(await far.call(fn, ...args), expected);
      assert.deepEqual(await far.order({ fn: pack(fn), args, how: 'again' }), expected, 'sent on by the receiver');
    });
  }
  test('generator method', limit, async () => {
    assert.deepEqual(await far.order({ fn: pack(made.walk), args: [], how: 'next' }), [10, 11]);
  });
  test('values are read at each capture', limit, async () => {
    assert.equal(await far.call(made.later), 'early');
    made.setLater('late');
    assert.equal(await far.call(made.later), 'late');
  });
  test('class that extends one of the module', limit, async () => {
    assert.equal(await far.order({ fn: pack(made.Local), args: [5], how: 'new', method: 'own' }), '5 10px');
  });
  test('class that extends a captured one', limit, async () => {
    assert.equal(captureFunction(made.Derived).reference.eager, true);
    assert.equal(await far.order({ fn: pack(made.Derived), args: [], how: 'new', method: 'sum' }), 20);
  });
  test('class with captures in static fields', limit, async () => {
    assert.equal(await far.order({ fn: pack(made.Static), args: [], how: 'new', method: 'read' }), 10);
  });
  test('import.meta', limit, async () => {
    const [href, filename, dirname, main, resolved] = (await far.call(made.meta)) as string[];
    assert.equal(href, url);
    assert.match(filename!, /lib\.ts$/);
    assert.match(dirname!, /fixtures$/);
    assert.equal(main, false);
    assert.equal(resolved, new URL('./x.ts', url).href);
  });
  test('a closure made by a rebuilt one can be sent back', limit, async () => {
    const back = (await far.call(made.returnsClosure)) as Packed;
    assert.equal(back.$fn.module, url);
    assert.deepEqual(back.$fn.captures, ['k', 'bag']);
    assert.deepEqual(back.values, [10, { list: [10, 11] }]);
  });
  test("a stack shows the user's own file, line and column", limit, async () => {
    const here = lib.threw(1);
    const place = (stack: string) => /lib\.ts:\d+:\d+/.exec(stack)![0];
    let own = '';
    try {
      here();
    } catch (error) {
      own = place((error as Error).stack!);
    }
    await assert.rejects(far.call(here), (error: Error) => place(error.stack!) === own);
  });
});
