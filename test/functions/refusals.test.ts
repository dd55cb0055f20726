import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, describe, test } from 'node:test';
import vm from 'node:vm';
import { FunctionError } from '../../src/errors.ts';
import { type AnyFunction, captureFunction, describeFunction, rebuildFunction } from '../../src/functions/index.ts';
import { Far } from './far.ts';
import * as fixture from './fixtures/refused.ts';

const require = createRequire(import.meta.url);
const limit = { timeout: 20_000 };

/** The message has to name the function, its file and line, what is wrong, and the mend. */
function assertRefused(fn: AnyFunction, ...parts: (string | RegExp)[]): void {
  assert.throws(
    () => captureFunction(fn),
    (error: Error) => {
      assert.ok(error instanceof FunctionError);
      assert.equal(error.code, 'TELAIO_FUNCTION');
      for (const part of parts)
        assert.ok(part instanceof RegExp ? part.test(error.message) : error.message.includes(part), error.message);
      return true;
    },
  );
}

describe('refused at capture', () => {
  fixture.setCapture(captureFunction);
  const made = fixture.refused(1);
  const { Holder } = fixture;
  const place = /refused\.ts:\d+:\d+\)/;
  const inner = made.inner.prototype as unknown as Record<string, AnyFunction>;
  const { get: accessor } = Object.getOwnPropertyDescriptor(made.inner.prototype, 'accessor')!;
  const rows: [string, AnyFunction, ...string[]][] = [
    ['this from outside', new Holder().arrowWithThis(), "'this'", 'as an argument'],
    ['this in a field', new made.inner().field, 'field', "'this'", 'as an argument'],
    ['super from outside', new Holder().parent(), "'super'", 'Send the class'],
    ['super of a local method', inner.above!, 'above', "'super'", 'Send the class'],
    ['arguments from outside', made.takesArguments(), "'arguments'", '[...arguments]'],
    ['new.target from outside', made.takesNewTarget(), "'new.target'", 'variable'],
    ['++', made.increments, 'increments', "'count'", 'Value'],
    ['=', made.assigns, 'assigns', "'list'", 'Share it'],
    ['destructuring', made.destructures, 'destructures', "'count'", 'Share it'],
    ['for-of', made.loops, 'loops', "'count'", 'Share it'],
    ['??=', made.adds, 'adds', "'box'", 'Share it'],
    ['private name from outside', Holder.reader(), "'#secret'", 'Send the class'],
    ['private name in a local method', inner.private!, 'private', "'#own'", 'Send the class'],
    ['direct eval', made.evaluates, 'evaluates', 'eval', '(0, eval)'],
    ['accessor', accessor!, 'accessor', 'Pass a function'],
  ];
  for (const [name, fn, ...parts] of rows) test(name, limit, () => assertRefused(fn, place, ...parts));

  test('the line of the variable', limit, () => {
    const text = captureError(made.assigns).message;
    const [, first, second] = /refused\.ts:(\d+):\d+\).*\(line (\d+)\)/.exec(text)!;
    assert.equal(Number(second), Number(first) + 1);
  });
  test('a variable in its dead zone', limit, () => {
    const { deadZone } = made;
    assert.ok(deadZone instanceof FunctionError);
    assert.match(deadZone.message, /early \(.*refused\.ts:\d+:\d+\).*'late' has no value.*after the declaration/);
  });
  test('with', limit, () => {
    const { closures } = require('./fixtures/common.cjs') as { closures(k: number): Record<string, AnyFunction> };
    assertRefused(closures(1).withs!, 'withs', 'common.cjs:', "'with'");
  });
  test('native code, bound functions and proxies', limit, () => {
    assertRefused(Math.max, 'max', 'native', 'arrow function');
    assertRefused(captureError.bind(null), 'captureError', 'bind', 'arrow function');
    assertRefused(new Proxy(captureError, {}), 'native');
  });
  test("an assignment to a variable of the module is the module's own affair", limit, async () => {
    await using far = new Far();
    assert.equal(await far.call(fixture.assignsModule(2)), 2);
    assert.equal(await far.call(fixture.assignsModule(2)), 4);
  });
});

describe('code that exists only in memory', () => {
  const far = new Far();
  after(() => far[Symbol.asyncDispose]());
  const run = (text: string): AnyFunction => vm.runInThisContext(text, { filename: '/nowhere/made.js' });

  test('a closed function works', limit, async () => {
    assert.equal(await far.call(run('(a) => Math.max(a, 2)'), 1), 2);
    assert.equal(await far.call(new Function('a', 'return a + 1'), 1), 2);
    const { eval: evaluate } = globalThis;
    assert.equal(await far.call(evaluate('(function f(n) { return n && n + f(n - 1) })'), 3), 6);
  });
  test('captured values go along', limit, async () => {
    assert.equal(await far.call(run('((k) => (a) => a + k)(5)'), 1), 6);
  });
  test('a class works', limit, () => {
    const { reference } = captureFunction(run('(class Foo { m() { return 1 } })'));
    const Foo = rebuildFunction(structuredClone(reference), []) as new () => { m(): number };
    assert.equal(new Foo().m(), 1);
  });
  test('a name of the module is refused', limit, () => {
    assertRefused(run('const secret = 1; () => secret'), "'secret'", 'only in memory', 'file');
    assertRefused(run('() => somewhere'), "'somewhere'", 'only in memory');
    assertRefused(run('const escape = 1; () => escape'), "'escape'", 'only in memory');
    assertRefused(run("() => import('./x.js')"), "'import()'", 'only in memory');
  });
  test('a data: module', limit, async () => {
    const text: string = 'data:text/javascript,const k = 1; export const f = () => k; export const g = (a) => a';
    const { f, g } = await import(text);
    assertRefused(f, "'k'", 'only in memory');
    assert.equal(await far.call(g, 3), 3);
  });
});

test('describeFunction never throws', limit, () => {
  assert.match(describeFunction(captureError), /^captureError \(.*refusals\.test\.ts:\d+:\d+\)$/);
  assert.match(
    describeFunction(() => 1),
    /^\(anonymous\) \(.*refusals\.test\.ts:\d+:\d+\)$/,
  );
  assert.equal(describeFunction(Math.max), 'max (native code)');
  const hostile = new Proxy(captureError, {
    get: () => {
      throw new Error('no');
    },
  });
  assert.equal(typeof describeFunction(hostile), 'string');
  assert.equal(typeof describeFunction(undefined as never), 'string');
});

function captureError(fn: AnyFunction): Error {
  try {
    captureFunction(fn);
  } catch (error) {
    return error as Error;
  }
  throw new Error('not refused');
}
