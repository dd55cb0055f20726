/** Inputs: every format, packed or not, cut anywhere. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { parseRows } from '../../src/cli/inputs/csv.ts';
import { RecordScanner } from '../../src/cli/inputs/scan.ts';
import { Folder, telaio } from './telaio.ts';

const deadline = { timeout: 20_000 };
const JSON_OF = 'export default (record: unknown) => ({ record })';

async function records(name: string, content: string | Uint8Array, ...options: string[]): Promise<unknown[]> {
  using folder = new Folder();
  const target = folder.file('target.ts', JSON_OF);
  const outcome = await telaio(['map', target, folder.file(name, content), ...options]);
  assert.deepEqual([outcome.code, outcome.stderr], [0, '']);
  return parsed(outcome.stdout);
}

async function fromStdin(content: string | Uint8Array | Readable, ...options: string[]): Promise<unknown[]> {
  using folder = new Folder();
  const outcome = await telaio(['map', folder.file('target.ts', JSON_OF), ...options], { stdin: content });
  assert.deepEqual([outcome.code, outcome.stderr], [0, '']);
  return parsed(outcome.stdout);
}

function parsed(text: string): unknown[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).record);
}

test('lines: line ends go, empty lines stay, the last needs none', deadline, async () => {
  assert.deepEqual(await records('a.txt', 'one\ntwo\r\n\n three \nü 😀'), ['one', 'two', '', ' three ', 'ü 😀']);
  assert.deepEqual(await records('a.log', ''), []);
  assert.deepEqual(await records('a', '\n'), ['']);
  assert.deepEqual(await records('a.txt', '\u{feff}first\n'), ['first']);
});

test('NDJSON: any JSON value, empty lines are no records', deadline, async () => {
  const text = '{"a":[1,null]}\r\n\n"two"\n  \n3\nnull\nfalse';
  for (const name of ['a.ndjson', 'a.jsonl', 'a.JSONL']) {
    assert.deepEqual(await records(name, text), [{ a: [1, null] }, 'two', 3, null, false]);
  }
});

test('CSV: names from the header, values as strings, quoted line ends and quotes', deadline, async () => {
  const text = 'zip,note\n00501,"two\nlines, ""quoted"""\r\n\n02134,\n"",x';
  const expected = [
    { zip: '00501', note: 'two\nlines, "quoted"' },
    { zip: '02134', note: '' },
    { zip: '', note: 'x' },
  ];
  assert.deepEqual(await records('a.csv', text), expected);
  assert.deepEqual(await records('a.csv', `\u{feff}\n${text}`), expected);
  assert.deepEqual(await records('a.csv', text.replaceAll(/\r?\n/g, '\r\n')), [
    { ...expected[0], note: 'two\r\nlines, "quoted"' },
    ...expected.slice(1),
  ]);
  assert.deepEqual(await records('a.csv', 'only,a,header\n'), []);
  assert.deepEqual(await records('a.csv', ''), []);
  assert.deepEqual(await records('a.tsv', 'a\tb\n1,5\t"x\ty"\n'), [{ a: '1,5', b: 'x\ty' }]);
});

test('gzip is recognised by its bytes, with and without the ending', deadline, async () => {
  const packed = gzipSync('{"n":1}\n{"n":2}\n');
  assert.deepEqual(await records('a.ndjson.gz', packed), [{ n: 1 }, { n: 2 }]);
  assert.deepEqual(await records('a.ndjson', packed), [{ n: 1 }, { n: 2 }]);
  assert.deepEqual(await records('a.csv.gz', 'n\n1\n'), [{ n: '1' }]);
  assert.deepEqual(await fromStdin(packed, '--from', 'ndjson'), [{ n: 1 }, { n: 2 }]);
  // Two members in one file, as `cat a.gz b.gz` makes them.
  assert.deepEqual(await records('a.gz', Buffer.concat([gzipSync('a\n'), gzipSync('b\n')])), ['a', 'b']);
});

test('standard input is lines unless --from says otherwise', deadline, async () => {
  assert.deepEqual(await fromStdin('{"n":1}\nx'), ['{"n":1}', 'x']);
  assert.deepEqual(await fromStdin('n\n1\n', '-', '--from', 'csv'), [{ n: '1' }]);
  assert.deepEqual(await fromStdin(''), []);
});

test('standard input cut into single bytes', deadline, async () => {
  const bytes = Buffer.from('\u{feff}a,b\n"ü\n😀",2\nx,"y"""\n');
  const stream = (): Readable =>
    Readable.from(
      Array.from(bytes, (byte) => Buffer.from([byte])),
      { objectMode: false },
    );
  assert.deepEqual(await fromStdin(stream(), '--from', 'csv'), [
    { a: 'ü\n😀', b: '2' },
    { a: 'x', b: 'y"' },
  ]);
  const packed = Array.from(gzipSync('a\nb\n'), (byte) => Buffer.from([byte]));
  assert.deepEqual(await fromStdin(Readable.from(packed, { objectMode: false })), ['a', 'b']);
});

test('several inputs one after the other, each by its own format', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', JSON_OF);
  const files = [folder.file('a.txt', 'end'), folder.file('b.csv', 'n\n1\n2'), folder.file('c.csv', 'm\n3\n')];
  const outcome = await telaio(['map', target, ...files, '-'], { stdin: 'last' });
  assert.deepEqual(parsed(outcome.stdout), ['end', { n: '1' }, { n: '2' }, { m: '3' }, 'last']);
});

test('a record that is larger than many blocks', deadline, async () => {
  const large = 'x'.repeat(3_000_000);
  assert.deepEqual(await records('a.csv', `a,b\n1,"${large}\n"\n2,y\n`), [
    { a: '1', b: `${large}\n` },
    { a: '2', b: 'y' },
  ]);
  assert.deepEqual(await fromStdin(`a\n${large}\nb`), ['a', large, 'b']);
});

test('records of any content come through any cut of the bytes, in any size of batch', {
  timeout: 60_000,
}, async () => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', 'ü', ' ') });
  const rows = fc.array(fc.tuple(field, field), { maxLength: 20 });
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(rows, cuts, fc.integer({ min: 1, max: 5 }), async (all, sizes, chunk) => {
      const bytes = Buffer.from(stringify([['k', 'v'], ...all], { quoted: true }));
      const blocks: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length];
        blocks.push(bytes.subarray(at, at + size));
        at += size;
      }
      const stream = Readable.from(blocks, { objectMode: false });
      const found = await fromStdin(stream, '--from', 'csv', '--chunk', String(chunk));
      assert.deepEqual(
        found,
        all.map(([k, v]) => ({ k, v })),
      );
    }),
    { numRuns: 60 },
  );
});

test('text without quotes is split into the rows that csv-parse finds', deadline, () => {
  const line = fc.string({ unit: fc.constantFrom('a', ',', ' ', '\t', 'ü') });
  const text = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n')), { maxLength: 8 });
  fc.assert(
    fc.property(text, fc.boolean(), (lines, whole) => {
      const csv = lines
        .map((pair) => pair.join(''))
        .join('')
        .slice(0, whole ? undefined : -1)
        .replace(/\r$/, '');
      const options = { record_delimiter: ['\r\n', '\n'], relax_column_count: true, skip_empty_lines: true };
      assert.deepEqual(parseRows(csv, 'csv'), parse(csv, options));
    }),
  );
});

test('the scanner finds the ends that a reading of quotes by the character gives', deadline, () => {
  const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n'), maxLength: 40 });
  fc.assert(
    fc.property(text, fc.nat(40), (csv, cut) => {
      const scanner = new RecordScanner('csv');
      const bytes = Buffer.from(csv);
      const ends: number[] = [];
      // In two blocks: what the first one ends with is gone through once, and goes on in the second.
      const middle = Math.min(cut, bytes.length);
      for (const [from, to] of [
        [0, middle],
        [middle, bytes.length],
      ]) {
        for (let start = from; start < to; start = scanner.end) {
          scanner.scan(bytes.subarray(0, to), start, 1);
          if (scanner.records === 0) break;
          ends.push(scanner.end);
        }
      }
      assert.deepEqual(ends, recordEnds(csv));
    }),
  );
});

/** The reference: a field is quoted when its first character is a quote. */
function recordEnds(csv: string): number[] {
  const ends: number[] = [];
  let at = 0;
  while (at < csv.length) {
    if (csv[at] === '"') {
      at++;
      while (at < csv.length && (csv[at] !== '"' || csv[at + 1] === '"')) at += csv[at] === '"' ? 2 : 1;
      at++;
    }
    while (at < csv.length && csv[at] !== ',' && csv[at] !== '\n') at++;
    if (csv[at] === '\n') ends.push(at + 1);
    at++;
  }
  return ends;
}
