/** Results take memory too: they are counted like what is read, and batches become small when results are large. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { BatchOutcome } from '../../src/cli/backend.ts';
import { ChunkSize } from '../../src/cli/chunk-size.ts';
import { RecordSource } from '../../src/cli/inputs/record-source.ts';
import { Pipeline } from '../../src/cli/pipeline.ts';
import { Folder, shell, telaio } from './telaio.ts';

const deadline = { timeout: 20_000 };
const MIB = 1024 * 1024;
const large = new Uint8Array(16 * MIB);
const RECORDS = 40;

for (const [kind, outcome] of [
  ['text', { text: large }],
  ['cells', { table: { columns: ['a'], rows: [['x'.repeat(8 * MIB)], [large.subarray(8 * MIB)]] } }],
  [
    'reports',
    { failures: [{ line: 1, outside: true, error: { name: '', message: '' }, record: 'x'.repeat(16 * MIB) }] },
  ],
] as const) {
  test(`a slow head of the line: reading stops when results of 64 MiB wait behind it (${kind})`, deadline, async () => {
    const result = { records: 1, failures: [], duration: 1, ...outcome } as BatchOutcome;
    const head = Promise.withResolvers<BatchOutcome>();
    let submitted = 0;
    let written = 0;
    const input = Readable.from([Buffer.from('x\n'.repeat(RECORDS))], { objectMode: false });
    const running = new Pipeline({
      source: new RecordSource([{ name: 'stdin', path: undefined, format: 'lines', size: undefined }], input),
      target: { url: 'file:///echo.ts', export: undefined },
      backend: {
        workers: 2,
        probe: async () => ({ name: 'x' }),
        submit: () => (submitted++ === 0 ? head.promise : Promise.resolve(result)),
        close: async () => {},
      },
      sink: { shape: 'lines', columns: undefined, write: () => void written++, close: () => {} },
      failureFile: undefined,
      onError: 'skip',
      ordered: true,
      queue: 1_000,
      chunk: 1,
    }).run();
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    // The head, four results that fill the memory, and what was under way when they came.
    assert.ok(submitted >= 5 && submitted <= 9, `${submitted} submitted`);
    assert.equal(written, 0);
    head.resolve({ records: 1, failures: [], duration: 1 });
    await running;
    assert.deepEqual([submitted, written], [RECORDS, RECORDS]);
  });
}

test('the results of a batch stay below 8 MiB, however short a record takes', deadline, () => {
  const size = new ChunkSize({ fixed: undefined, queue: 10_000, workers: 2 });
  for (let turn = 0; turn < 10; turn++) size.learn(size.size, 0.001, size.size * MIB);
  assert.equal(size.size, 8);
  for (let turn = 0; turn < 40; turn++) size.learn(size.size, 0.001, size.size * 10);
  assert.equal(size.size, 1666, 'and large again when results are small');
  size.learn(size.size, 0.001, size.size * 20 * MIB);
  assert.equal(size.size, 1);
});

test('a worker out of memory: the message says how to need less', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', '');
  const failing = Object.assign(new Error('the heap is full'), { name: 'HeapExhaustedError' });
  const outcome = await telaio(['map', target, '--chunk', '3'], {
    stdin: '1\n2\n3\n',
    backend: ({ workers }) => ({
      workers,
      probe: async () => ({ name: 'x' }),
      submit: () => Promise.reject(failing),
      close: async () => {},
    }),
  });
  assert.match(outcome.stderr, /^telaio: stdin, one of the lines 1 to 3: HeapExhaustedError: .* --chunk 1\)\n$/);
});

test(
  'a heap that is too small: how much it lacks, for what, how to raise it; what was stored stays',
  deadline,
  async () => {
    using folder = new Folder();
    folder.file('blow-up.ts', 'export default (line: string) => "y".repeat(Number(line));');
    const { code, stderr } = await shell(
      '(seq 1000 1000 20000; echo 30000000; seq 5) | TELAIO_HEAP=16MiB telaio map blow-up.ts --to out.ndjson --chunk 4',
      folder.path,
    );
    assert.equal(code, 1);
    const message = 'The shared heap has no room for 28.6MiB more for binary data: [\\d.]+MiB of 16MiB are in use\\.';
    const raise = 'start with a larger heap: TELAIO_HEAP=32MiB\\.';
    assert.match(
      stderr,
      new RegExp(
        `^telaio: stdin, one of the lines 21 to 24: HeapExhaustedError: ${message} .*${raise}.*--chunk 1\\)\n$`,
      ),
    );
    const stored = folder.read('out.ndjson').split('\n').slice(0, -1);
    assert.deepEqual(
      stored.map((line) => JSON.parse(line).length),
      Array.from({ length: 20 }, (_, at) => 1000 * (at + 1)),
    );
  },
);
