/** Results that are hard to store: each is stored as it is, or its record fails and the others are stored. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { SinkError } from '../../src/cli/errors.ts';
import { SqliteSink } from '../../src/cli/sinks/sqlite.ts';
import { csvText, resultWriter } from '../../src/cli/worker/write-results.ts';
import { Folder, mapTo, type Outcome, rowsOf } from './telaio.ts';

const deadline = { timeout: 20_000 };

/** Maps the numbers from 0 to `count` through a function given as source, `n` being its argument. */
async function mapNumbers(
  folder: Folder,
  count: number,
  source: string,
  to: string,
  ...options: string[]
): Promise<Outcome> {
  const numbers = Array.from({ length: count }, (_, n) => n);
  return await mapTo(folder, to, `((n: any): any => ${source})(record)`, numbers, ...options);
}

test('SQLite: what comes after the first hundred rows is not converted to their type', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.db');
  const source = 'n < 150 ? { zip: 10000 + n, name: "x" } : { zip: "00101", name: 7 }';
  await mapNumbers(folder, 151, source, `sqlite:${path}#t`, '--chunk', '50');
  const last = rowsOf(path, 'SELECT zip, typeof(zip) AS a, name, typeof(name) AS b FROM t ORDER BY rowid DESC LIMIT 1');
  assert.deepEqual(last, [{ zip: '00101', a: 'text', name: 7, b: 'integer' }]);
});

test('SQLite: whole numbers are integers, the others are not', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.db');
  const source = '({ a: 5, b: 0.5, c: 2 ** 53, d: -0, e: -(2 ** 53 - 1), f: true })';
  await mapNumbers(folder, 1, source, `sqlite:${path}#t`);
  const types = 'abcdef'.split('').map((name) => `typeof(${name}) AS ${name}`);
  assert.deepEqual(rowsOf(path, `SELECT ${types.join(', ')} FROM t`), [
    { a: 'integer', b: 'real', c: 'real', d: 'real', e: 'integer', f: 'integer' },
  ]);
  assert.deepEqual(rowsOf(path, 'SELECT a, b, c, d, e, f FROM t').length, 1);
});

test('SQLite: a value that it cannot hold fails its record, and only that', deadline, async () => {
  const wide = 'Object.fromEntries(Array.from({ length: 2001 }, (_, at) => ["c" + at, at]))';
  for (const [bad, message] of [
    ['{ n: 2n ** 63n }', /"n" is 9223372036854775808n, more than SQLite's 64 bits/],
    ['{ n: -(2n ** 63n) - 1n }', /"n" is -9223372036854775809n/],
    ['{ n: 1, "a\\0b": 2 }', /the property "a\\u0000b" has a NUL in its name/],
    ['{ n: 1, N: 2 }', /"N" is there twice, in another case/],
    ['{ n: 1, x: 1, X: 2 }', /"X" is there twice, in another case/],
    [wide, /a table has 2000 columns at most/],
  ] as const) {
    using folder = new Folder();
    const path = folder.at('out.db');
    const failed = folder.at('failed');
    const source = `n === 7 ? (${bad}) : { n }`;
    const outcome = await mapNumbers(folder, 20, source, `sqlite:${path}#t`, '--on-error', failed, '--chunk', '5');
    assert.equal(outcome.code, 0, outcome.stderr);
    const numbers = rowsOf(path, 'SELECT n FROM t').map(({ n }) => n);
    assert.deepEqual(
      numbers,
      Array.from({ length: 20 }, (_, n) => n).filter((n) => n !== 7),
    );
    assert.deepEqual(Object.keys(rowsOf(path, 'SELECT * FROM t')[0]), ['n'], 'no column of the failed record');
    const report = JSON.parse(folder.read('failed'));
    assert.equal(report.line, 8);
    assert.match(report.error.message, message);
  }
});

test('SQLite: the least and the greatest integer are held', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.db');
  await mapNumbers(folder, 1, '({ a: -(2n ** 63n), b: 2n ** 63n - 1n })', `sqlite:${path}#t`);
  assert.deepEqual(rowsOf(path, 'SELECT CAST(a AS TEXT) AS a, CAST(b AS TEXT) AS b FROM t'), [
    { a: '-9223372036854775808', b: '9223372036854775807' },
  ]);
});

test('SQLite: a run that fails within its first hundred rows keeps the good ones', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.db');
  const outcome = await mapNumbers(folder, 20, 'n === 12 ? { n: 2n ** 70n } : { n }', `sqlite:${path}#t`);
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /^telaio: stdin, line 13: the result can't be written to SQLite: "n" is .*\n$/);
  assert.equal(rowsOf(path, 'SELECT n FROM t').length, 12);
});

test('SQLite: columns too many only together: what was held is stored', deadline, () => {
  using folder = new Folder();
  const path = folder.at('out.db');
  const sink = new SqliteSink(path, 't');
  const batch = (columns: string[]) => ({
    records: 1,
    table: { columns, rows: [columns.map(() => 1)] },
    failures: [],
    duration: 1,
  });
  sink.write(batch(['a']));
  assert.throws(() => sink.write(batch(Array.from({ length: 2000 }, (_, at) => `c${at}`))), SinkError);
  sink.close();
  assert.deepEqual(rowsOf(path, 'SELECT * FROM t'), [{ a: 1 }]);
});

test('SQLite: columns are compared without case, across records and batches too', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.db');
  const source = 'n % 2 ? { Name: n } : { name: n, É: 1, é: 2 }';
  const outcome = await mapNumbers(folder, 300, source, `sqlite:${path}#t`, '--chunk', '7');
  assert.deepEqual([outcome.code, outcome.stderr], [0, '']);
  const rows = rowsOf(path, 'SELECT * FROM t');
  assert.deepEqual(rows[0], { name: 0, É: 1, é: 2 });
  assert.deepEqual(
    rows.map(({ name }) => name),
    Array.from({ length: 300 }, (_, n) => n),
  );
});

test('SQLite: in a table that is there, what a result lacks gets its default', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.db');
  {
    using db = new DatabaseSync(path);
    db.exec(`CREATE TABLE t (Id INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'new', n)`);
  }
  const source = 'n === 0 ? { N: 5 } : n === 1 ? { n: null, STATE: "old" } : n === 2 ? { n, state: undefined } : null';
  const outcome = await mapNumbers(folder, 4, source, `sqlite:${path}#t`);
  assert.deepEqual([outcome.code, outcome.stderr], [0, '']);
  assert.deepEqual(rowsOf(path, 'SELECT * FROM t'), [
    { Id: 1, state: 'new', n: 5 },
    { Id: 2, state: 'old', n: null },
    { Id: 3, state: 'new', n: 2 },
    { Id: 4, state: 'new', n: null },
  ]);
});

test('SQLite: a locked database is waited for once, and nothing is stored after the error', deadline, () => {
  using folder = new Folder();
  const path = folder.at('out.db');
  const sink = new SqliteSink(path, 't', ['PRAGMA busy_timeout = 1500']);
  const rows = Array.from({ length: 100 }, (_, n) => [n]);
  using other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  assert.throws(() => sink.write({ records: 100, table: { columns: ['n'], rows }, failures: [], duration: 1 }), {
    message: `can't write ${path}#t: database is locked`,
  });
  const started = performance.now();
  sink.close();
  assert.ok(performance.now() - started < 1000, 'no second wait');
  other.exec('ROLLBACK');
  const late = new SqliteSink(path, 't', ['PRAGMA busy_timeout = 10']);
  other.exec('BEGIN IMMEDIATE');
  assert.throws(() => late.write({ records: 100, table: { columns: ['n'], rows }, failures: [], duration: 1 }));
  other.exec('ROLLBACK');
  late.close();
  assert.deepEqual(rowsOf(path, 'SELECT name FROM sqlite_master'), []);
});

test('results of which JSON keeps nothing are refused by name', deadline, async () => {
  for (const [bad, message] of [
    ['(function* () { yield 1; })()', 'an iterator, '],
    ['(async function* () { yield 1; })()', 'an iterator, '],
    ['[1].values()', 'an iterator, '],
    ['new Map([[1, 2]])', 'a Map, '],
    ['Object.assign(new Set([1]), { extra: 1 })', 'a Set, '],
    ['new RangeError("x")', 'an Error, '],
    ['/x/', 'a RegExp, '],
    ['new ArrayBuffer(8)', 'an ArrayBuffer, '],
  ] as const) {
    using folder = new Folder();
    for (const to of ['-', folder.at('o.ndjson'), folder.at('o.csv'), `sqlite:${folder.at('o.db')}#t`]) {
      const top = await mapNumbers(folder, 1, bad, to);
      assert.match(top.stderr, new RegExp(`^telaio: stdin, line 1: the result is ${message}`), `${bad} to ${to}`);
      const inner = await mapNumbers(folder, 1, `({ a: ${bad} })`, to);
      assert.match(inner.stderr, new RegExp(`line 1: the result's property "a" is ${message}`), `${bad} to ${to}`);
      assert.equal(inner.code, 1);
    }
  }
  using folder = new Folder();
  const promise = await mapNumbers(folder, 1, '[Promise.resolve(1)]', '-');
  assert.match(promise.stderr, /the result's property "0" is a Promise, which can't be written; await it\n$/);
});

test('values that become plain ones: toJSON, boxed primitives, class instances', deadline, async () => {
  using folder = new Folder();
  const source = `[
    new URL('https://example.org/a'), new Date(0), new String('x'), Object(5n), new (class P { x = 1 }),
    { toJSON: () => ({ b: 2 }) }, new (class Empty {}),
  ][n]`;
  const lines = await mapNumbers(folder, 7, source, '-', '--on-error', 'skip');
  assert.equal(lines.stdout, '"https://example.org/a"\n"1970-01-01T00:00:00.000Z"\nx\n{"x":1}\n{"b":2}\n{}\n');
  const path = folder.at('out.db');
  await mapNumbers(folder, 7, source, `sqlite:${path}#t`);
  const empty = { value: null, x: null, b: null };
  assert.deepEqual(rowsOf(path, 'SELECT * FROM t'), [
    { ...empty, value: 'https://example.org/a' },
    { ...empty, value: '1970-01-01T00:00:00.000Z' },
    { ...empty, value: 'x' },
    { ...empty, value: 5 },
    { ...empty, x: 1 },
    { ...empty, b: 2 },
    empty,
  ]);
  await mapNumbers(
    folder,
    1,
    '({ url: new URL("https://example.org/"), at: new Date(0), no: new Date(NaN), s: new String("y") })',
    `sqlite:${path}#nested`,
  );
  assert.deepEqual(rowsOf(path, 'SELECT * FROM nested'), [
    { url: 'https://example.org/', at: '1970-01-01T00:00:00.000Z', no: null, s: 'y' },
  ]);
});

test('results of more text than a string can hold', { timeout: 60_000 }, () => {
  const writer = resultWriter('lines', undefined);
  const result = 'x'.repeat(90 * 1024 * 1024);
  for (let n = 0; n < 6; n++) writer.add(result);
  const { text } = writer.finish();
  assert.equal(text?.length, 6 * (result.length + 1));
  for (let n = 1; n <= 6; n++) assert.equal(text?.[n * (result.length + 1) - 1], 10);
});

test('CSV text that is too large is the batch’s fault and names --chunk', deadline, () => {
  const cell = 'x'.repeat(200 * 1024 * 1024);
  assert.throws(() => csvText([[cell, cell, cell]], 3), { name: 'BatchTooLarge', message: /--chunk/ });
});

test('sqlite::memory: is refused by name', deadline, async () => {
  using folder = new Folder();
  for (const to of ['sqlite::memory:#t', 'sqlite:file::memory:?cache=shared#t']) {
    const { code, stderr } = await mapNumbers(folder, 1, 'n', to);
    assert.equal(code, 2);
    assert.match(stderr, /^telaio: --to sqlite:.*:memory:.*#t names a database in memory, .*name a file\n$/);
  }
});

test('CSV: long values are written, however many of them come first', { timeout: 60_000 }, async () => {
  using folder = new Folder();
  const source = '({ n, x: "x".repeat(6e6) })';
  const outcome = await mapNumbers(folder, 100, source, folder.at('o.csv'), '--chunk', '1');
  assert.deepEqual(outcome, { code: 0, stdout: '', stderr: '' });
  assert.equal(statSync(folder.at('o.csv')).size, 'n,x\n'.length + 10 * 2 + 90 * 3 + 100 * (6e6 + 1));
});

test('what JSON would lose is refused at every level', deadline, async () => {
  for (const [bad, place] of [
    ['{ a: { b: new Map([[1, 2]]) } }', 'a.b'],
    ['[[{ c: new Map() }]]', '0.0.c'],
    ['{ list: [1, { deep: { deeper: new Map() } }] }', 'list.1.deep.deeper'],
  ]) {
    using folder = new Folder();
    for (const to of ['-', folder.at('o.ndjson'), folder.at('o.csv'), `sqlite:${folder.at('o.db')}#t`]) {
      const { code, stderr } = await mapNumbers(folder, 1, `(${bad})`, to);
      const told = `telaio: stdin, line 1: the result's property "${place}" is a Map, which can't be written; `;
      assert.deepEqual([code, stderr], [1, `${told}return a plain object or an array\n`], `${bad} to ${to}`);
    }
  }
});

test('what contains itself in many ways is refused at once', deadline, async () => {
  using folder = new Folder();
  const source = '(() => { const a: any = {}; a.b = a; a.c = [a, a]; return a; })()';
  const { code, stderr } = await mapNumbers(folder, 1, source, '-');
  assert.equal(code, 1);
  assert.match(stderr, /the result can't be written as JSON: Converting circular structure to JSON\n$/);
});

test('what is thrown resists every look at it: the record fails, the others go on', deadline, async () => {
  using folder = new Folder();
  const resist = 'new Proxy({}, { getPrototypeOf() { throw 1; } })';
  const source = `{ if (record === 2) throw ${resist}; if (record === 3) throw Object.create(${resist}); return record; }`;
  const failures = folder.at('failures.ndjson');
  const { code, stdout } = await mapTo(folder, '-', `(() => ${source})()`, [1, 2, 3, 4], '--on-error', failures);
  assert.deepEqual([code, stdout], [0, '1\n4\n']);
  assert.deepEqual(
    folder
      .read('failures.ndjson')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line).line),
    [2, 3],
  );
});
