/** The receiving side: bindings and closures in an isolate of its own or in the main thread, modules loaded once. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FunctionError } from '../../src/errors.ts';
import {
  type AnyFunction,
  captureFunction,
  type FunctionReference,
  installModuleHooks,
  isImportingModule,
  loadModuleOf,
  prepareFunction,
  rebuildFunction,
} from '../../src/functions/index.ts';

const limit = { timeout: 20_000 };
const fixture = (name: string) => new URL(`./fixtures/${name}`, import.meta.url).href;
installModuleHooks();

/** The codec's part: each function is described once, and made before its captures are. */
type Sent = { reference: FunctionReference; captures: number[]; values: unknown[] };

function flatten(fn: AnyFunction): Sent[] {
  const known = new Map<AnyFunction, number>();
  const sent: Sent[] = [];
  const visit = (value: AnyFunction): number => {
    const seen = known.get(value);
    if (seen !== undefined) return seen;
    const { reference, values } = captureFunction(value);
    const index = sent.push({ reference, captures: [], values }) - 1;
    known.set(value, index);
    sent[index]!.captures = values.map((item) => (typeof item === 'function' ? visit(item as AnyFunction) : -1));
    sent[index]!.values = values.map((item) => (typeof item === 'function' ? undefined : item));
    return index;
  };
  visit(fn);
  return structuredClone(sent);
}

function restore(sent: Sent[]): AnyFunction {
  const made = sent.map(({ reference }) => prepareFunction(reference));
  sent.forEach(({ captures, values }, index) => {
    made[index]!.setCaptures(values.map((value, k) => (captures[k] === -1 ? value : made[captures[k]!]!.fn)));
  });
  return made[0]!.fn!;
}

describe('captures that lead back', async () => {
  const { cycles } = (await import(fixture('cycles.ts'))) as typeof import('./fixtures/cycles.ts');
  const made = cycles(3);
  test('a function that captures itself', limit, () => {
    const down = restore(flatten(made.down));
    assert.notEqual(down, made.down);
    assert.equal(down(5), 3);
  });
  test('two functions that call each other', limit, () => {
    const isEven = restore(flatten(made.isEven));
    assert.deepEqual([isEven(10), isEven(7)], [true, false]);
  });
  test('a class and a function that make each other', limit, () => {
    const Chain = restore(flatten(made.Chain)) as unknown as typeof made.Chain;
    assert.ok(new Chain().next().next() instanceof Chain);
  });
  test('a class that names itself', limit, () => {
    const Tree = restore(flatten(made.Tree)) as unknown as typeof made.Tree;
    assert.equal(new Tree([Tree.leaf()]).size(), 8);
  });
  test('each rebuilt closure has variables of its own', limit, () => {
    const [one, two] = [cycles(1).down, cycles(2).down].map((down) => restore(flatten(down)));
    assert.deepEqual([one!(4), two!(4)], [1, 2]);
  });
});

describe('modules', () => {
  const reference = (binding: string, extra: Partial<FunctionReference> = {}): FunctionReference => ({
    kind: 'binding',
    name: binding,
    module: fixture('awaits.mts'),
    format: 'module',
    line: 1,
    column: 1,
    binding,
    ...extra,
  });
  test('top-level await: first refused, then loaded, then found without waiting', limit, async () => {
    globalThis.importing = isImportingModule;
    const late = reference('late', { exported: true });
    assert.throws(
      () => rebuildFunction(late, []),
      (error: Error) => error instanceof FunctionError && /top-level await.*Import the module/.test(error.message),
    );
    assert.equal(isImportingModule(), undefined);
    await Promise.all([loadModuleOf(late), loadModuleOf(late)]);
    assert.equal(rebuildFunction(late, [])(1), 3);
    assert.equal(rebuildFunction(reference('inside'), [])(), 2);
    assert.equal(isImportingModule(), undefined);
  });
  test('code knows that it runs while its module is imported, also after an await', limit, async () => {
    const { seen } = (await import(fixture('awaits.mts'))) as typeof import('./fixtures/awaits.mts');
    assert.deepEqual(seen, [fixture('awaits.mts'), fixture('awaits.mts')]);
  });
  test('a name that the module does not have', limit, () => {
    for (const extra of [{}, { exported: true }]) {
      assert.throws(
        () => rebuildFunction(reference('nobody', extra), []),
        (error: Error) =>
          error instanceof FunctionError && /nobody \(.*awaits\.mts:1:1\).*'nobody'/.test(error.message),
      );
    }
  });
  test('a namespace shows nothing of the evaluator', limit, async () => {
    assert.deepEqual(Object.keys(await import(fixture('cycles.ts'))), ['cycles']);
  });
  test("the module's own error comes through", limit, async () => {
    await assert.rejects(loadModuleOf(reference('x', { module: fixture('missing.mts') })), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
  });
});

describe('the main thread as receiver', () => {
  const run = (...args: string[]) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
      execFile(process.execPath, args, { env, timeout: 15_000 }, (error, stdout, stderr) => {
        if (error !== null || stderr !== '') reject(new Error(`${stderr} ${stdout}`, { cause: error }));
        else resolve(JSON.parse(stdout));
      });
    });
  const program = fileURLToPath(fixture('main-receives.ts'));

  test('its entry module was there first: exported, sent and closed functions', limit, async () => {
    const { hidden, closure, ...rest } = await run(program);
    assert.deepEqual(rest, { runs: 1, exported: 15, sent: 50, source: 6, same: true });
    assert.match(String(hidden), /hidden \(.*main-receives\.ts:\d+:\d+\).*export it.*--import telaio\/register/);
    assert.match(String(closure), /\(anonymous\) \(.*main-receives\.ts:\d+:\d+\).*--import telaio\/register/);
  });
  test('its top level still awaits: what it exports is not found, and the mend is named', limit, async () => {
    const message = await run(fileURLToPath(fixture('awaiting-main.ts')));
    assert.match(
      String(message),
      /^FunctionError: .*Pipeline .*main module uses top-level await.*async function main\(\)/,
    );
  });
  test('with --import telaio/register: everything', limit, async () => {
    const register = fileURLToPath(new URL('../../src/functions/register.ts', import.meta.url));
    const out = await run('--import', register, program);
    assert.deepEqual(out, { runs: 1, exported: 15, hidden: -5, sent: 50, closure: 16, source: 6, same: true });
  });
});
