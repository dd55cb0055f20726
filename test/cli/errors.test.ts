/** Errors told so that a person can mend the cause: whatever is thrown, and modules that can't be used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeError } from '../../src/cli/worker/describe-error.ts';
import { Folder, start, telaio } from './telaio.ts';

const deadline = { timeout: 20_000 };

function throwing(): never {
  throw new Error('do not look');
}

test('whatever is thrown is described, also what resists', deadline, () => {
  const resisting = new Proxy({}, { get: throwing, has: throwing, ownKeys: throwing, getPrototypeOf: throwing });
  const bare = Object.assign(Object.create(null), { reason: 'none' });
  const textless = { toString: throwing, [Symbol.toPrimitive]: throwing };
  for (const thrown of [resisting, bare, textless, Object.create(null), undefined, null, Symbol('s'), 5n, throwing]) {
    const { name, message } = describeError(thrown, import.meta.url);
    assert.deepEqual([name, typeof message], [thrown === null ? 'null' : typeof thrown, 'string']);
  }
  assert.match(describeError(bare, '').message, /reason: 'none'/);
  for (const key of ['name', 'message', 'code', 'stack', 'cause', 'errors']) {
    const error = Object.defineProperty(new AggregateError([1], 'told'), key, { get: throwing });
    const { message } = describeError(error, 'no such module');
    assert.equal(message, key === 'message' ? '(a message that can not be read)' : 'told');
  }
  const revoked = Proxy.revocable([], {});
  revoked.revoke();
  assert.equal(describeError(Object.assign(new Error('x'), { errors: revoked.proxy }), '').errors, undefined);
});

test('a thrown value that resists fails its record only', deadline, async () => {
  using folder = new Folder();
  const source = 'export default (n: string) => { if (n === "1") throw Object.create(null); return n; }';
  const outcome = await telaio(['map', folder.file('target.ts', source), '--on-error', 'skip'], { stdin: '0\n1\n2\n' });
  assert.deepEqual(outcome, {
    code: 0,
    stdout: '0\n2\n',
    stderr: 'telaio: 1 of 3 records failed and were left out\n',
  });
});

test('causes and the errors of an AggregateError, on the terminal and in the file', deadline, async () => {
  using folder = new Folder();
  const source = `export default () => {
    const cause = new RangeError('deep', { cause: 'deeper' });
    throw new AggregateError([new TypeError('one'), 'two'], 'outer', { cause });
  }`;
  const target = folder.file('target.ts', source);
  const { code, stderr } = await telaio(['map', target], { stdin: '0\n' });
  assert.equal(code, 1);
  const lines = stderr.split('\n').filter((line) => !/^ *at /.test(line));
  assert.deepEqual(lines, [
    'telaio: stdin, line 1: AggregateError: outer',
    '  [cause]: RangeError: deep',
    '    [cause]: string: deeper',
    '  [errors 0]: TypeError: one',
    '  [errors 1]: string: two',
    '',
  ]);
  assert.ok(!stderr.includes('src/cli'), 'no frame of the library');
  await telaio(['map', target, '--on-error', folder.at('failed')], { stdin: '0\n' });
  const { error } = JSON.parse(folder.read('failed'));
  assert.deepEqual(
    [error.cause.name, error.cause.message, error.cause.cause.message],
    ['RangeError', 'deep', 'deeper'],
  );
  assert.deepEqual(
    error.errors.map(({ name, message }: Error) => `${name}: ${message}`),
    ['TypeError: one', 'string: two'],
  );
});

test('a chain of causes without an end is described to a bounded depth', deadline, () => {
  const error = new Error('round');
  error.cause = error;
  let depth = 0;
  for (let at = describeError(error, ''); at.cause !== undefined; at = at.cause) depth++;
  assert.equal(depth, 5);
});

test('a syntax error: the file of the user and the line', deadline, async () => {
  using folder = new Folder();
  folder.file('package.json', '{"type":"commonjs"}');
  const broken = 'export const a = 1;\nexport default (x) => {\n  const y = ;\n};\n';
  const inMjs = folder.file('broken.mjs', broken);
  for (const [path, told] of [
    [inMjs, `SyntaxError: Unexpected token ';' (${inMjs}:3)`],
    [folder.file('broken.cjs', 'const y = ;\n'), `SyntaxError: Unexpected token ';' (${folder.at('broken.cjs')}:1)`],
    [
      folder.file('imports.mjs', "import './broken.mjs';\nexport default (x) => x;\n"),
      "SyntaxError: Unexpected token ';' (in a module that it imports)",
    ],
    [
      folder.file('esm.js', 'export const n = 1, f = (x) => x, g = import.meta.url;\nexport default (x) => x;\n'),
      `SyntaxError: Unexpected token 'export' (${folder.at('esm.js')}:1); its package.json makes it CommonJS: ` +
        'write "type": "module" there, or end its name in .mts or .mjs',
    ],
  ]) {
    const { code, stderr } = await telaio(['map', path], { stdin: 'x\n' });
    assert.deepEqual([code, stderr], [2, `telaio: ${path} can't be loaded: ${told}\n`]);
  }
  const typed = folder.file('broken.mts', broken);
  const { stderr } = await telaio(['map', typed], { stdin: 'x\n' });
  assert.match(stderr, /^telaio: .*broken\.mts can't be loaded: SyntaxError: .*\(file:.*broken\.mts:3\)\n$/);
  // In a worker, frames of the library stand where those of the user's module would.
  folder.file('missing.mjs', "import './none.mjs';\n");
  const program = await start(['map', 'missing.mjs', 'missing.mjs'], { cwd: folder.path }).ended;
  assert.match(program.stderr, /^telaio: .*missing\.mjs can't be loaded: Error: Cannot find module [^()]*\n$/);
});

test('a class is refused before anything is read', deadline, async () => {
  using folder = new Folder();
  for (const [name, exported] of [
    ['a.ts#Row', 'Row'],
    ['a.ts', 'Row'],
    ['b.ts', 'default'],
  ]) {
    folder.file('a.ts', 'export class Row {}');
    folder.file('b.ts', 'export default class {}');
    const { code, stderr } = await telaio(['map', folder.at(name), '--to', folder.at('o.csv')], { stdin: 'x\n' });
    const told = `exports ${exported}, but it is a class, which can't be called without new`;
    assert.deepEqual([code, stderr], [2, `telaio: ${folder.at(name.slice(0, 4))} ${told}\n`]);
  }
});

test('CommonJS: names that Node does not find by itself', deadline, async () => {
  using folder = new Folder();
  const path = folder.file('a.cjs', 'module.exports = Object.fromEntries([["add", (x) => x + 1], ["n", 1]]);');
  const wrapped = folder.file('b.cjs', 'module.exports = { __esModule: true, default: (x) => x + 1, other() {} };');
  const callable = folder.file(
    'c.cjs',
    'module.exports = Object.assign((x) => x, Object.fromEntries([["add", (x) => x + 1]]));',
  );
  for (const argument of [path, `${path}#add`, wrapped, `${callable}#add`]) {
    const outcome = await telaio(['map', argument], { stdin: 'x\n' });
    assert.deepEqual(outcome, { code: 0, stdout: 'x1\n', stderr: '' }, argument);
  }
  for (const [argument, told] of [
    [`${path}#none`, `${path} has no export named none; it has #add`],
    [`${path}#n`, `${path} exports n, but it is a number, not a function`],
    [`${callable}#none`, `${callable} has no export named none; it has #add`],
  ]) {
    const { code, stderr } = await telaio(['map', argument], { stdin: 'x\n' });
    assert.deepEqual([code, stderr], [2, `telaio: ${told}\n`]);
  }
});

test('packages and empty names: a file is asked for', deadline, async () => {
  for (const argument of ['left-pad#pad', '@scope/name', 'node:fs#existsSync', 'https://example.org/a.js']) {
    const { code, stderr } = await telaio(['map', argument], { stdin: '' });
    assert.equal(code, 2);
    assert.match(stderr, /can't be loaded: .*; write the path of a file: packages and URLs are not looked up\n$/);
  }
  for (const argument of ['', '#name']) {
    const { code, stderr } = await telaio(['map', argument], { stdin: '' });
    const told = `telaio: the module's name is missing in "${argument}": write FILE[#export]\n`;
    assert.deepEqual([code, stderr], [2, told]);
  }
});

test('a broken TSV record is not called CSV', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (record: unknown) => record');
  const { stderr } = await telaio(['map', target, folder.file('a.tsv', 'a\tb\n1\t2"3\n')]);
  assert.match(stderr, /a\.tsv, line 2: this is not valid TSV: /);
});

test('null and undefined, thrown by a module or for a record, are told as what they are', deadline, async () => {
  using folder = new Folder();
  for (const thrown of ['null', 'undefined']) {
    const path = folder.file(`${thrown}.ts`, `throw ${thrown};`);
    const importing = await telaio(['map', path], { stdin: 'x\n' });
    assert.deepEqual([importing.code, importing.stderr], [2, `telaio: ${path} can't be loaded: ${thrown}\n`]);
    const target = folder.file(`f-${thrown}.ts`, `export default () => { throw ${thrown}; };`);
    const { code, stderr } = await telaio(['map', target], { stdin: 'x\n' });
    assert.deepEqual([code, stderr], [1, `telaio: stdin, line 1: ${thrown}\n`]);
  }
});

test('a module whose import never settles: one line that names it', deadline, async () => {
  using folder = new Folder();
  const path = folder.file('never.mjs', 'await new Promise(() => {});\nexport default (x) => x;\n');
  const { code, stdout, stderr } = await start(['map', path, path, '--workers', '2']).ended;
  const told = 'Error: its import never ends: it awaits at its top level what nothing will ever settle';
  assert.deepEqual([code, stdout, stderr], [2, '', `telaio: ${path} can't be loaded: ${told}\n`]);
});
