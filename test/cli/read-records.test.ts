/** CSV records in the worker: what the scanner cuts, the parser reads and the report names are the same records. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BatchTask } from '../../src/cli/backend.ts';
import { UnreadableRecord } from '../../src/cli/errors.ts';
import { type RecordReader, recordReader } from '../../src/cli/worker/read-records.ts';
import { Folder, telaio } from './telaio.ts';

const deadline = { timeout: 20_000 };
const SAME = 'export default (value: unknown) => value;\n';

function csv(text: string, header: string[]): RecordReader {
  return recordReader({ format: 'csv', bytes: Buffer.from(text), line: 1, header } as unknown as BatchTask);
}

test('any text: every record has a line, a source, and a value or a reason', deadline, () => {
  const character = fc.constantFrom('\n', '\r', ',', 'a', '"');
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
      const reader = csv(text, ['x']);
      for (let index = 0; index < reader.length; index++) {
        assert.ok(reader.line(index) >= 1);
        assert.notEqual(reader.source(index), '');
        try {
          reader.read(index);
        } catch (error) {
          assert.ok(error instanceof UnreadableRecord, String(error));
        }
      }
    }),
    { numRuns: 5_000, examples: [['\n\r\r\n'], ['\r\r\n'], ['a\n"'], ['\r\r\n"a"b\n'], ['a\r']] },
  );
});

test('a line of carriage returns is a record that fails, not the end of the run', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', SAME);
  const input = folder.file('in.csv', 'a,b\n1,2\n\n\r\r\n');
  const { code, stdout, stderr } = await telaio(['map', target, input, '--on-error', 'skip']);
  assert.deepEqual([code, stdout], [0, '{"a":"1","b":"2"}\n']);
  assert.match(stderr, /1 of 2 records failed/);
});

test('a column may have the name __proto__', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (value: object) => Object.entries(value)');
  const input = folder.file('in.csv', 'a,__proto__\n1,2\n');
  assert.equal((await telaio(['map', target, input])).stdout, '[["a","1"],["__proto__","2"]]\n');
});

test('lines that end in CR alone, and UTF-16, are refused by name', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', SAME);
  const mac = folder.file('mac.csv', 'a,b\r1,2\r3,4\r');
  const cr = await telaio(['map', target, mac]);
  assert.match(cr.stderr, /^telaio: .*mac\.csv, line 1: the lines end in a carriage return alone \(CR\);.*\n$/);
  assert.equal(cr.code, 1);
  const wide = folder.file('wide.txt', Buffer.from('\ufeffa\nb\n', 'utf16le'));
  const utf16 = await telaio(['map', target, wide]);
  assert.match(utf16.stderr, /^telaio: .*wide\.txt is UTF-16, and inputs are UTF-8: .*\n$/);
  assert.deepEqual([utf16.code, utf16.stdout], [1, '']);
  assert.match((await telaio(['map', '--help'])).stdout, /UTF-8/);
});

test('a header without a line end, or with one that was cut off, is a header', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', SAME);
  for (const text of ['a,b', 'a,b\r', 'a,b\r\n']) {
    const outcome = await telaio(['map', target, folder.file('in.csv', text)]);
    assert.deepEqual(outcome, { code: 0, stdout: '', stderr: '' });
  }
});

test('a first line of one byte is handed on as it comes', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', SAME);
  const stdin = new Readable({ read() {} });
  const { promise: submitted, resolve } = Promise.withResolvers<void>();
  const running = telaio(['map', target], {
    stdin,
    backend: ({ workers }) => ({
      workers,
      probe: async () => ({ name: 'x' }),
      submit: async ({ bytes }) => {
        resolve();
        return { records: 1, text: bytes, failures: [], duration: 1 };
      },
      close: async () => {},
    }),
  });
  stdin.push('\n');
  await submitted;
  stdin.push(null);
  assert.equal((await running).stdout, '\n');
});
