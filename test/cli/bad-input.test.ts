/** Bad input: what is said, what it ends with, and that nothing was touched. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Folder, telaio } from './telaio.ts';

const deadline = { timeout: 20_000 };

/** Runs and expects one line on standard error and nothing on standard output. */
async function refused(argv: string[], code: number, message: string | RegExp, stdin = 'x\n'): Promise<void> {
  const outcome = await telaio(argv, { stdin });
  if (typeof message === 'string') assert.equal(outcome.stderr, `telaio: ${message}\n`);
  else assert.match(outcome.stderr, message);
  assert.equal(outcome.stderr.split('\n').length, 2, 'one line');
  assert.deepEqual([outcome.code, outcome.stdout], [code, '']);
}

test('the module or its function can not be used: exit code 2, nothing written', deadline, async () => {
  using folder = new Folder();
  const out = folder.at('out.ndjson');
  const module = (source: string): string => folder.file('module.ts', source);
  const missing = folder.at('missing.ts');
  await refused(
    ['map', missing, '--to', out],
    2,
    `the module ${missing} can't be loaded: no such file or directory (ENOENT)`,
  );
  await refused(
    ['map', folder.path, '--to', out],
    2,
    `the module ${folder.path} can't be loaded: it is a directory (EISDIR)`,
  );
  const several = module('export const one = () => 1, two = () => 2; export const table = [1], absent = null;');
  for (const [name, message] of [
    ['#three', 'has no export named three; it has #one, #two'],
    ['#table', 'exports table, but it is an array, not a function'],
    ['#absent', 'exports absent, but it is null, not a function'],
    ['', 'has no default export and several functions; name one of #one, #two'],
  ]) {
    await refused(['map', `${several}${name}`, '--to', out], 2, `${several} ${message}`);
  }
  const throwing = folder.file('throws.ts', 'const x: number = 1;\nthrow new RangeError("no\\ntable");\n');
  await refused(
    ['map', throwing, '--to', out],
    2,
    /^telaio: .*throws\.ts can't be loaded: RangeError: no \(file:.*throws\.ts:2:7\)\n$/,
  );
  const broken = folder.file('broken.mjs', 'export default (\n');
  await refused(['map', broken, '--to', out], 2, /^telaio: .*broken\.mjs can't be loaded: SyntaxError: /);
  const empty = folder.file('empty.ts', 'export const n = 1');
  await refused(['map', empty, '--to', out], 2, `${empty} exports no function`);
  assert.equal(existsSync(out), false);
});

test('default export, or the only function, of modules of every kind', deadline, async () => {
  using folder = new Folder();
  for (const [name, source] of [
    ['a.ts', 'export default (s: string): string => s + 1; export const other = () => 0;'],
    ['b.mts', 'export const table: number[] = []; export function only(s: string) { return s + 1; }'],
    ['c.mjs', 'export default async (s) => s + 1'],
    ['d.cjs', 'module.exports = (s) => s + 1'],
    ['e.cjs', 'exports.only = (s) => s + 1'],
    ['f#g.mjs', 'export default (s) => s + 1'],
  ]) {
    const outcome = await telaio(['map', folder.file(name, source)], { stdin: 'x\ny' });
    assert.deepEqual(outcome, { code: 0, stdout: 'x1\ny1\n', stderr: '' }, name);
  }
});

test('options that are wrong or not there yet: exit code 2, by name', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (s: string) => s');
  const mend = ' (telaio map --help explains)';
  for (const [argv, message] of [
    [['--backend', 'processes'], '--backend processes is not available yet; use --backend threads'],
    [['--backend', 'cluster'], '--backend cluster is not available yet; use --backend threads'],
    [['--backend', 'steam'], '--backend steam is unknown; use --backend threads'],
    [['--retries', '3'], '--retries is not available yet; leave it out'],
    [['--resume'], '--resume is not available yet; leave it out'],
    [['--timeout', '100'], '--timeout is not available yet; leave it out'],
    [
      ['--to', 'out.parquet'],
      '--to out.parquet is none of: - (standard output), FILE.ndjson, FILE.csv, sqlite:FILE#TABLE',
    ],
    [['--to', 'sqlite:out.db'], '--to sqlite:out.db names no table: write sqlite:FILE#TABLE'],
    [['--workers', '0'], `option '--workers <n>' argument '0' is invalid. It must be a whole number from 1 up.${mend}`],
    [['--workers', '257'], `option '--workers <n>' argument '257' is invalid. It must be 256 at most.${mend}`],
    [['--on-error', ''], '--on-error is empty: give stop, skip or a file'],
    [['--on-error', '-'], '--on-error - would mix failures and results: give stop, skip or a file'],
    [['--chunk', 'x'], `option '--chunk <n>' argument 'x' is invalid. It must be a whole number from 1 up.${mend}`],
    [
      ['--from', 'xml'],
      `option '--from <format>' argument 'xml' is invalid. Allowed choices are lines, ndjson, csv, tsv.${mend}`,
    ],
    [['--resort'], `unknown option '--resort'${mend}`],
    [['-', '-'], 'standard input (-) can be read only once'],
  ] as const) {
    await refused(['map', target, ...argv], 2, message);
  }
  await refused([], 2, `name a command: telaio map <module>[#export] [inputs...]${mend}`);
  await refused(['map'], 2, `missing required argument 'module'${mend}`);
  await refused(['fold'], 2, `unknown command 'fold'${mend}`);
});

test('--help and --version', deadline, async () => {
  const help = await telaio(['map', '--help']);
  assert.equal(help.code, 0);
  for (const word of ['--on-error', '--queue', 'sqlite:FILE#TABLE', 'Examples:', 'Exit codes:'])
    assert.ok(help.stdout.includes(word));
  assert.ok(!help.stdout.includes('--retries'));
  assert.match((await telaio(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('an input that can not be read: exit code 1 before anything is done', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (s: string) => s');
  const out = folder.at('out.ndjson');
  const good = folder.file('good.txt', 'x\n');
  const missing = folder.at('missing.txt');
  const message = `${missing} can't be read: no such file or directory (ENOENT)`;
  await refused(['map', target, good, missing, '--to', out], 1, message);
  await refused(
    ['map', target, folder.path, '--to', out],
    1,
    `${folder.path} can't be read: it is a directory (EISDIR)`,
  );
  assert.equal(existsSync(out), false);
});

const root = process.getuid?.() === 0 ? 'root may read everything' : false;
test('an input without permission', { ...deadline, skip: root }, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (s: string) => s');
  const secret = folder.file('secret.txt', 'x');
  chmodSync(secret, 0);
  await refused(['map', target, secret], 1, `${secret} can't be read: permission denied (EACCES)`);
});

test('an input that is a destination too is not overwritten', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (s: string) => s');
  const data = folder.file('data.ndjson', '1\n');
  await refused(['map', target, data, '--to', data], 2, `${data} would be overwritten: it is named twice`);
  await refused(['map', target, data, '--on-error', data], 2, `${data} would be overwritten: it is named twice`);
  assert.equal(folder.read('data.ndjson'), '1\n');
});

test('broken records: file and line, what came before is stored', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (record: unknown) => record');
  for (const [name, content, line, message, before] of [
    [
      'a.ndjson',
      '1\n\n{"a":\n2\n',
      3,
      'this is not valid JSON: Expected property name|this is not valid JSON: ',
      '1\n',
    ],
    ['a.csv', 'a,b\n"1\n",2\n1\n3,4\n', 4, 'the record has 1 field, the header has 2 fields', '{"a":"1\\n","b":"2"}\n'],
    ['b.csv', 'a,b\n1,2\n1,2"3\n', 3, 'this is not valid CSV: Invalid Opening Quote', '{"a":"1","b":"2"}\n'],
    ['c.csv', 'a,b\n1,2\n"x"y,3\n', 3, 'this is not valid CSV: Invalid Closing Quote', '{"a":"1","b":"2"}\n'],
    ['d.csv', 'a,b\n1,2\n"x,3\n4,5\n', 3, 'this is not valid CSV: Quote Not Closed', '{"a":"1","b":"2"}\n'],
    ['e.csv', '\na,b,a\n1,2\n', 2, 'the header names the column "a" twice', ''],
  ] as const) {
    const path = folder.file(name, content);
    const outcome = await telaio(['map', target, path]);
    assert.match(outcome.stderr, new RegExp(`^telaio: .*${name}, line ${line}: (${message}).*\n$`));
    assert.deepEqual([outcome.code, outcome.stdout], [1, before], name);
  }
});

test('broken gzip: the file is named, what came before is stored', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (record: unknown) => record');
  const packed = gzipSync(Array.from({ length: 100_000 }, (_, n) => `${n}\n`).join(''));
  const path = folder.file('a.gz', packed.subarray(0, packed.length - 1000));
  const outcome = await telaio(['map', target, path]);
  assert.deepEqual([outcome.code, outcome.stderr], [1, `telaio: ${path} is not valid gzip: unexpected end of file\n`]);
  const lines = outcome.stdout.split('\n').slice(0, -1);
  assert.ok(lines.length > 50_000);
  assert.ok(lines.every((line, n) => line === String(n)));
});

const FAILS = `
export default function half(line: string) {
  if (line === '7') throw Object.assign(new RangeError('seven is\\nout'), { code: 'E_SEVEN' });
  if (line === '8') throw 'a string';
  return Number(line);
}
`;
const LINES = Array.from({ length: 10 }, (_, n) => `${n}\n`).join('');

test(
  'a function that throws, --on-error stop: file, line, its own stack; what came before is stored',
  deadline,
  async () => {
    using folder = new Folder();
    const target = folder.file('target.ts', FAILS);
    for (const order of [[], ['--unordered']]) {
      const { code, stdout, stderr } = await telaio([
        'map',
        target,
        folder.file('in.txt', LINES),
        '--chunk',
        '3',
        '--workers',
        '2',
        ...order,
      ]);
      assert.equal(code, 1);
      // Without an order, the batch after the one that failed is stored if it is done by then.
      assert.match(stdout, order.length > 0 ? /^0\n1\n2\n3\n4\n5\n6\n(9\n)?$/ : /^0\n1\n2\n3\n4\n5\n6\n$/);
      const [first, second, frame, ...rest] = stderr.split('\n');
      assert.match(first, /^telaio: .*in\.txt, line 8: RangeError: seven is$/);
      assert.equal(second, 'out');
      assert.match(frame, /^ {4}at half \(file:.*target\.ts:3:\d+\)$/);
      assert.deepEqual(rest, [''], 'no frame of the library');
    }
  },
);

test('a function that throws, --on-error skip: the others are stored, the end says how many', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', FAILS);
  const outcome = await telaio(['map', target, '--on-error', 'skip'], { stdin: LINES });
  assert.deepEqual(outcome, {
    code: 0,
    stdout: '0\n1\n2\n3\n4\n5\n6\n9\n',
    stderr: 'telaio: 2 of 10 records failed and were left out\n',
  });
});

test('a function that throws, --on-error FILE: failed records with place and error', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', FAILS);
  const failed = folder.at('failed.ndjson');
  const outcome = await telaio(['map', target, '--on-error', failed], { stdin: LINES });
  assert.equal(outcome.stdout, '0\n1\n2\n3\n4\n5\n6\n9\n');
  assert.deepEqual(
    [outcome.code, outcome.stderr],
    [0, `telaio: 2 of 10 records failed and were written to ${failed}\n`],
  );
  const [seven, eight] = folder
    .read('failed.ndjson')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.match(seven.error.stack, /^RangeError: seven is\nout\n {4}at half .*target\.ts:3:\d+\)$/);
  delete seven.error.stack;
  assert.deepEqual(seven, {
    file: 'stdin',
    line: 8,
    error: { name: 'RangeError', message: 'seven is\nout', code: 'E_SEVEN' },
    record: '7',
  });
  assert.deepEqual(eight, { file: 'stdin', line: 9, error: { name: 'string', message: 'a string' }, record: '8' });
});

test('broken records are failed records too', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (record: any) => record.b ?? record');
  const failed = folder.at('failed');
  const csv = folder.file('in.csv', 'a,b\n1,2\n3\n"x"y,4\n5,6\n');
  const json = folder.file('in.ndjson', '1\n{\n2\n');
  const outcome = await telaio(['map', target, csv, json, '--on-error', failed]);
  assert.equal(outcome.stdout, '2\n6\n1\n2\n');
  const reports = folder
    .read('failed')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    reports.map(({ file, line, record }) => ({ file, line, record })),
    [
      { file: csv, line: 3, record: '3' },
      { file: csv, line: 4, record: '"x"y,4' },
      { file: json, line: 2, record: '{' },
    ],
  );
});
