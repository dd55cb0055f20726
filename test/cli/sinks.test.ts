/** Sinks: what stands in them, and what is left when they fail. */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { SqliteSink } from '../../src/cli/sinks/sqlite.ts';
import { Folder, mapTo, rowsOf, shell } from './telaio.ts';

const deadline = { timeout: 20_000 };

test('standard output: strings as lines, other values as JSON, undefined left out', deadline, async () => {
  using folder = new Folder();
  const values = ['plain', { a: [1, 'x'] }, 1.5, null, true, 'drop'];
  const { stdout, code } = await mapTo(folder, '-', `record === 'drop' ? undefined : record`, values);
  assert.deepEqual([code, stdout], [0, 'plain\n{"a":[1,"x"]}\n1.5\nnull\ntrue\n']);
});

test('NDJSON: everything as JSON, an older file is replaced', deadline, async () => {
  using folder = new Folder();
  const path = folder.file('out.ndjson', 'what was here before and is longer than what comes');
  const { code, stdout, stderr } = await mapTo(folder, path, `record === 'drop' ? undefined : record`, [
    'x',
    null,
    'drop',
    { y: 1 },
  ]);
  assert.deepEqual([code, stdout, stderr], [0, '', '']);
  assert.equal(folder.read('out.ndjson'), '"x"\nnull\n{"y":1}\n');
});

test('CSV: columns from the first results, cells quoted where needed, nested values as JSON', deadline, async () => {
  using folder = new Folder();
  const records = [
    { zip: '00501', n: 1 },
    { zip: 'a,"b"\nc', extra: [1], ok: true },
    null,
    { n: 0.1, zip: null, ok: false },
  ];
  const { code, stderr } = await mapTo(folder, folder.at('out.csv'), 'record', records);
  assert.deepEqual([code, stderr], [0, '']);
  const expected = 'zip,n,extra,ok\n00501,1,,\n"a,""b""\nc",,[1],true\n,,,\n,0.1,,false\n';
  assert.equal(folder.read('out.csv'), expected);
});

test('CSV: rows after the first hundred are written by the workers, in the same columns', deadline, async () => {
  using folder = new Folder();
  const records = Array.from({ length: 1000 }, (_, n) => n);
  const source = 'record % 2 ? { b: record, a: "x" } : { a: record }';
  const { code, stderr } = await mapTo(folder, folder.at('out.csv'), source, records);
  assert.deepEqual([code, stderr], [0, '']);
  const rows = records.map((n) => (n % 2 ? `x,${n}` : `${n},`));
  assert.equal(folder.read('out.csv'), `a,b\n${rows.join('\n')}\n`);
});

test(
  'CSV: plain values stand in the column value; nothing but dropped records leaves an empty file',
  deadline,
  async () => {
    using folder = new Folder();
    await mapTo(folder, folder.at('out.csv'), 'record', [1, 'x', null]);
    assert.equal(folder.read('out.csv'), 'value\n1\nx\n""\n');
    await mapTo(folder, folder.at('none.csv'), 'undefined', [1, 'x']);
    assert.equal(folder.read('none.csv'), '');
  },
);

test('CSV: a property that comes too late for the header is an error, what was written stays', deadline, async () => {
  using folder = new Folder();
  const records = Array.from({ length: 300 }, (_, n) => n);
  const source = 'record < 250 ? { n: record } : { n: record, late: 1 }';
  const { code, stderr } = await mapTo(folder, folder.at('out.csv'), source, records, '--chunk', '50');
  assert.equal(code, 1);
  assert.match(stderr, /^telaio: can't write .*out\.csv: a result has the property "late".*\n$/);
  assert.equal(folder.read('out.csv'), `n\n${records.slice(0, 250).join('\n')}\n`);
});

test('SQLite: columns without a type, leading zeros kept, nested values as JSON text', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.sqlite');
  const records = [
    { zip: '00501', n: 1, km: 1.5, ok: true, tags: ['a'], mixed: '007', none: null },
    { zip: '10001', n: 2, km: 2, ok: false, tags: { b: 1 }, mixed: 7.5, none: null },
  ];
  const { code, stderr } = await mapTo(folder, `sqlite:${path}#my "table"`, 'record', records);
  assert.deepEqual([code, stderr], [0, '']);
  const columns = rowsOf(path, `SELECT name, type FROM pragma_table_info('my "table"')`);
  assert.deepEqual(
    columns.map(({ name, type }) => `${name} ${type}`.trim()),
    ['zip', 'n', 'km', 'ok', 'tags', 'mixed', 'none'],
  );
  assert.deepEqual(rowsOf(path, 'SELECT * FROM "my ""table"""'), [
    { zip: '00501', n: 1, km: 1.5, ok: 1, tags: '["a"]', mixed: '007', none: null },
    { zip: '10001', n: 2, km: 2, ok: 0, tags: '{"b":1}', mixed: 7.5, none: null },
  ]);
});

test('SQLite: plain values, big integers, bytes and dates', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.sqlite');
  await mapTo(folder, `sqlite:${path}#plain`, 'record', ['a', null]);
  assert.deepEqual(rowsOf(path, 'SELECT * FROM plain'), [{ value: 'a' }, { value: null }]);
  const source = '({ big: BigInt(record), bytes: new Uint8Array([1, 2]), date: new Date(0) })';
  await mapTo(folder, `sqlite:${path}#others`, source, ['9007199254740993']);
  assert.deepEqual(rowsOf(path, 'SELECT CAST(big AS TEXT) AS big, hex(bytes) AS bytes, date FROM others'), [
    { big: '9007199254740993', bytes: '0102', date: '1970-01-01T00:00:00.000Z' },
  ]);
});

test('SQLite: a table that is there is appended to, and keeps its columns', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.sqlite');
  const to = `sqlite:${path}#t`;
  await mapTo(folder, to, '({ a: record })', [1]);
  await mapTo(folder, to, '({ a: record })', [2]);
  assert.deepEqual(rowsOf(path, 'SELECT * FROM t'), [{ a: 1 }, { a: 2 }]);
  const { code, stderr } = await mapTo(folder, to, '({ a: record, b: 1 })', [3]);
  assert.equal(code, 1);
  assert.match(stderr, /^telaio: can't write .*out\.sqlite#t: the table has no column "b"; it has a\. /);
  assert.deepEqual(rowsOf(path, 'SELECT * FROM t'), [{ a: 1 }, { a: 2 }]);
});

test('SQLite: a table made by this run gets columns that come later', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.sqlite');
  const records = Array.from({ length: 300 }, (_, n) => n);
  const source = 'record < 250 ? { n: record } : { late: "x", n: record }';
  const { code } = await mapTo(folder, `sqlite:${path}#t`, source, records, '--chunk', '50');
  assert.equal(code, 0);
  assert.deepEqual(
    rowsOf(path, 'SELECT * FROM t'),
    records.map((n) => ({ n, late: n < 250 ? null : 'x' })),
  );
});

test('SQLite: the journal mode of the database is as it was', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.sqlite');
  await mapTo(folder, `sqlite:${path}#t`, 'record', [1]);
  assert.deepEqual(rowsOf(path, 'PRAGMA journal_mode'), [{ journal_mode: 'delete' }]);
});

test('SQLite: a full database keeps the batches that went in, whole', deadline, async () => {
  using folder = new Folder();
  const path = folder.at('out.sqlite');
  const sink = new SqliteSink(path, 't', ['PRAGMA max_page_count = 20']);
  const batch = (from: number) => ({
    records: 50,
    table: { columns: ['n', 'text'], rows: Array.from({ length: 50 }, (_, at) => [from + at, 'x'.repeat(100)]) },
    failures: [],
    duration: 1,
  });
  let stored = 0;
  assert.throws(
    () => {
      for (; stored < 10_000; stored += 50) sink.write(batch(stored));
    },
    { code: 'TELAIO_CLI_SINK', message: `can't write ${path}#t: database or disk is full` },
  );
  sink.close();
  assert.ok(stored >= 100);
  const numbers = rowsOf(path, 'SELECT n FROM t ORDER BY rowid').map(({ n }) => n);
  assert.deepEqual(
    numbers,
    Array.from({ length: stored }, (_, n) => n),
  );
});

test('a full disk: one line that says so, exit code 1', deadline, async () => {
  using folder = new Folder();
  for (const name of ['full.ndjson', 'full.csv']) {
    const path = folder.at(name);
    symlinkSync('/dev/full', path);
    const { code, stderr } = await mapTo(folder, path, 'record', [1, 2, 3]);
    assert.deepEqual([code, stderr], [1, `telaio: can't write ${path}: no space left on the device (ENOSPC)\n`]);
  }
});

test('a file that may not grow any more, in the middle of a run: whole batches are left', deadline, async () => {
  using folder = new Folder();
  folder.file('wide.ts', 'export default (line: string) => ({ n: Number(line), text: "x".repeat(200) });');
  const tooLarge = 'the file would become larger than allowed (EFBIG)';
  for (const [to, message] of [
    ['out.ndjson', `out.ndjson: ${tooLarge}`],
    ['out.csv', `out.csv: ${tooLarge}`],
    ['sqlite:out.db#t', 'out.db#t: disk I/O error'],
  ]) {
    const command = `ulimit -f 256; seq 20000 | telaio map wide.ts --to '${to}' --chunk 100`;
    const { code, stderr } = await shell(command, folder.path);
    assert.deepEqual([code, stderr], [1, `telaio: can't write ${message}\n`]);
  }
  const lines = (name: string): string[] => folder.read(name).split('\n').slice(0, -1);
  const numbers = [
    lines('out.ndjson').map((line) => JSON.parse(line).n),
    lines('out.csv')
      .slice(1)
      .map((line) => Number.parseInt(line, 10)),
    rowsOf(folder.at('out.db'), 'SELECT n FROM t ORDER BY rowid').map(({ n }) => n),
  ];
  for (const stored of numbers) {
    assert.ok(stored.length >= 100 && stored.length % 100 === 0, `${stored.length} stored`);
    assert.deepEqual(
      stored,
      stored.map((_, at) => at + 1),
    );
  }
});

test('a destination that cannot be opened: one line, exit code 1', deadline, async () => {
  using folder = new Folder();
  const missing = folder.at('no/such/folder/out');
  for (const [to, message] of [
    [`${missing}.ndjson`, `can't write ${missing}.ndjson: no such file or directory (ENOENT)`],
    [`${missing}.csv`, `can't write ${missing}.csv: no such file or directory (ENOENT)`],
    [`sqlite:${missing}.db#t`, `can't write ${missing}.db#t: unable to open database file`],
    [
      `sqlite:${folder.file('text.txt', 'x'.repeat(5000))}#t`,
      `can't write ${folder.at('text.txt')}#t: file is not a database`,
    ],
  ]) {
    const { code, stderr } = await mapTo(folder, to, 'record', [1]);
    assert.deepEqual([code, stderr], [1, `telaio: ${message}\n`]);
  }
  const { code, stderr } = await mapTo(folder, '-', 'record', [1], '--on-error', missing);
  assert.deepEqual([code, stderr], [1, `telaio: can't write ${missing}: no such file or directory (ENOENT)\n`]);
});

test('a result that cannot be written is its record’s failure', deadline, async () => {
  using folder = new Folder();
  const circular = '(() => { const a: any = {}; a.a = a; return a; })()';
  for (const [to, source, message] of [
    ['-', '() => 1', "the result is a function, which can't be written"],
    ['-', '({ n: 1n })', "the result can't be written as JSON: Do not know how to serialize a BigInt"],
    ['-', circular, "the result can't be written as JSON: Converting circular structure to JSON"],
    [folder.at('a.csv'), '({ deep: Symbol.iterator })', "the result is a symbol, which can't be written"],
  ]) {
    const { code, stderr } = await mapTo(folder, to, source, [1]);
    assert.deepEqual([code, stderr], [1, `telaio: stdin, line 1: ${message}\n`]);
  }
});
