/** The pipeline over a backend whose batches end when the test says so: order, the bound on the queue, failures. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BackendFactory, BatchOutcome, BatchTask } from '../../src/cli/backend.ts';
import { ChunkSize } from '../../src/cli/chunk-size.ts';
import { ReaderGone } from '../../src/cli/errors.ts';
import { type Input, RecordSource } from '../../src/cli/inputs/record-source.ts';
import { main } from '../../src/cli/main.ts';
import { Pipeline, type PipelineOptions } from '../../src/cli/pipeline.ts';
import type { Sink } from '../../src/cli/sinks/sink.ts';
import { runBatch } from '../../src/cli/worker/run-batch.ts';
import { Collector, Folder, telaio } from './telaio.ts';

const deadline = { timeout: 20_000 };
const stdin: Input = { name: 'stdin', path: undefined, format: 'lines', size: undefined };

type Call = { task: BatchTask; end: () => void; fail: (error: Error) => void };

/** Echoes its lines; a call ends when `end` is called. Waits for calls by their number. */
class HeldBackend {
  readonly workers: number;
  readonly calls: Call[] = [];
  #waiting: { count: number; resolve: () => void }[] = [];

  constructor(workers: number) {
    this.workers = workers;
  }

  async probe(): Promise<{ name: string }> {
    return { name: 'echo' };
  }

  submit(task: BatchTask): Promise<BatchOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<BatchOutcome>();
    const records = Buffer.from(task.bytes).toString().trimEnd().split('\n').length;
    const outcome = { records, text: task.bytes, failures: [], duration: 1 };
    this.calls.push({ task, end: () => resolve(outcome), fail: reject });
    for (const waiter of this.#waiting) if (this.calls.length >= waiter.count) waiter.resolve();
    return promise;
  }

  async close(): Promise<void> {}

  /** Until `count` batches have been submitted. */
  submitted(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.calls.length >= count) resolve();
    else this.#waiting.push({ count, resolve });
    return promise;
  }
}

/** Keeps what it gets; waits for it by the number of batches. */
class HeldSink implements Sink {
  readonly shape = 'lines';
  readonly columns = undefined;
  readonly batches: string[] = [];
  #waiting: { count: number; resolve: () => void }[] = [];

  write({ text }: BatchOutcome): void {
    this.batches.push(Buffer.from(text ?? []).toString());
    for (const waiter of this.#waiting) if (this.batches.length >= waiter.count) waiter.resolve();
  }

  close(): void {}

  written(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.batches.length >= count) resolve();
    else this.#waiting.push({ count, resolve });
    return promise;
  }
}

function numbers(count: number): string {
  return Array.from({ length: count }, (_, n) => `${n}\n`).join('');
}

function pipeline(
  count: number,
  options: Partial<PipelineOptions> & Pick<PipelineOptions, 'backend' | 'sink'>,
): Pipeline {
  const source = new RecordSource([stdin], Readable.from([Buffer.from(numbers(count))], { objectMode: false }));
  const target = { url: 'file:///echo.ts', export: undefined };
  const defaults = { failureFile: undefined, onError: 'stop' as const, ordered: true, queue: 100, chunk: 1 };
  return new Pipeline({ source, target, ...defaults, ...options });
}

test('results come in the order of the input, in whatever order batches end', deadline, async () => {
  const backend = new HeldBackend(2);
  const sink = new HeldSink();
  const running = pipeline(4, { backend, sink }).run();
  await backend.submitted(4);
  for (const index of [3, 1, 2]) backend.calls[index].end();
  assert.deepEqual(sink.batches, []);
  backend.calls[0].end();
  await running;
  assert.deepEqual(sink.batches, ['0\n', '1\n', '2\n', '3\n']);
});

test('unordered: results are written as they come', deadline, async () => {
  const backend = new HeldBackend(2);
  const sink = new HeldSink();
  const running = pipeline(4, { backend, sink, ordered: false }).run();
  await backend.submitted(4);
  for (const [place, index] of [3, 1, 2].entries()) {
    backend.calls[index].end();
    await sink.written(place + 1);
  }
  backend.calls[0].end();
  await running;
  assert.deepEqual(sink.batches, ['3\n', '1\n', '2\n', '0\n']);
});

test('any order of endings, any queue and chunk: every record once, in order, never more than the queue', {
  timeout: 60_000,
}, async () => {
  const shape = fc.record({
    count: fc.nat(60),
    workers: fc.integer({ min: 1, max: 4 }),
    queue: fc.integer({ min: 1, max: 20 }),
    chunk: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
    ordered: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(shape, fc.scheduler(), async ({ count, workers, ...options }, scheduler) => {
      const sink = new HeldSink();
      const written = (): number => sink.batches.join('').split('\n').length - 1;
      let submitted = 0;
      let running = 0;
      const submit = async (task: BatchTask): Promise<BatchOutcome> => {
        const records = Buffer.from(task.bytes).toString().split('\n').length - 1;
        submitted += records;
        assert.ok(++running <= 2 * workers, 'batches handed over');
        assert.ok(submitted - written() <= options.queue, 'records read and not written');
        await scheduler.schedule(Promise.resolve());
        running--;
        return { records, text: task.bytes, failures: [], duration: 0 };
      };
      const backend = { workers, submit, probe: async () => ({ name: 'echo' }), close: async () => {} };
      await scheduler.waitFor(pipeline(count, { backend, sink, ...options }).run());
      const lines = sink.batches.join('').split('\n').slice(0, -1);
      if (!options.ordered) lines.sort((a, b) => Number(a) - Number(b));
      assert.deepEqual(lines, numbers(count).split('\n').slice(0, -1));
    }),
    { numRuns: 100 },
  );
});

test('stop: what was accepted is finished, nothing more is read', deadline, async () => {
  const backend = new HeldBackend(1);
  const sink = new HeldSink();
  const run = pipeline(10, { backend, sink });
  const running = run.run();
  await backend.submitted(2);
  run.stop();
  for (const call of backend.calls) call.end();
  await running;
  assert.deepEqual(sink.batches, ['0\n', '1\n']);
  assert.equal(run.counts.records, 2);
});

test('a worker that dies: the lines it had, and its error; what came before is stored', deadline, async () => {
  for (const [chunk, place, mend] of [
    [1, 'line 2', ''],
    [3, 'one of the lines 4 to 6', ' (fewer records at a time need less memory: --chunk 1)'],
  ] as const) {
    const backend = new HeldBackend(2);
    const sink = new HeldSink();
    const running = pipeline(12, { backend, sink, chunk }).run();
    await backend.submitted(3);
    backend.calls[1].fail(new RangeError('out of memory'));
    backend.calls[2].end();
    backend.calls[0].end();
    await assert.rejects(running, {
      code: 'TELAIO_CLI_RECORD',
      message: `stdin, ${place}: RangeError: out of memory${mend}`,
    });
    assert.equal(sink.batches.length, 1);
  }
});

test('a sink that fails ends the run with its error', deadline, async () => {
  const backend = new HeldBackend(2);
  const sink: Sink = {
    shape: 'lines',
    columns: undefined,
    write: () => {
      throw new ReaderGone();
    },
    close: () => {},
  };
  const running = pipeline(10, { backend, sink }).run();
  await backend.submitted(4);
  for (const call of backend.calls) call.end();
  await assert.rejects(running, ReaderGone);
});

test('one slow record does not keep the others of a trickle waiting', deadline, async () => {
  // Input that comes in pieces is handed on as it comes, not held until a batch is full.
  const backend = new HeldBackend(2);
  const sink = new HeldSink();
  const stream = new Readable({ read() {} });
  const source = new RecordSource([stdin], stream);
  const running = pipeline(0, { backend, sink, source, chunk: 50 }).run();
  stream.push('first\nsec');
  await backend.submitted(1);
  stream.push('ond\n');
  await backend.submitted(2);
  stream.push(null);
  for (const call of backend.calls) call.end();
  await running;
  assert.deepEqual(sink.batches, ['first\n', 'second\n']);
});

test('a batch is as large as 40 ms of work, and leaves room for every worker', deadline, () => {
  const options = { fixed: undefined, queue: 1000, workers: 2 };
  const slow = new ChunkSize(options);
  assert.equal(slow.size, 1);
  for (let turn = 0; turn < 20; turn++) slow.learn(slow.size, slow.size * 0.34);
  assert.equal(slow.size, 117);
  const fast = new ChunkSize(options);
  for (let turn = 0; turn < 20; turn++) fast.learn(fast.size, fast.size * 1e-4);
  assert.equal(fast.size, 166);
  for (let turn = 0; turn < 40; turn++) fast.learn(fast.size, fast.size * 40);
  assert.equal(fast.size, 1);
  assert.equal(new ChunkSize({ ...options, fixed: 5000 }).size, 1000);
  assert.equal(new ChunkSize({ ...options, queue: 1 }).size, 1);
});

test('batches get smaller towards the end, and never so small that they cost more than they do', deadline, () => {
  const size = new ChunkSize({ fixed: undefined, queue: 10_000, workers: 2 });
  for (let turn = 0; turn < 20; turn++) size.learn(size.size, size.size * 0.1);
  assert.equal(size.size, 400);
  assert.deepEqual(
    [Infinity, 10_000, 1200, 600, 60, 0].map((left) => size.before(left)),
    [400, 400, 200, 100, 50, 50],
  );
  // What a small batch teaches does not hold the next ones down.
  size.learn(50, 5);
  assert.equal(size.size, 400);
  assert.equal(new ChunkSize({ fixed: 300, queue: 10_000, workers: 2 }).before(1), 300);
});

test('promises are awaited; results keep the order of the records', deadline, async () => {
  using folder = new Folder();
  // Each takes its time, and some later ones less than those before them.
  const source = `
    import { setImmediate } from 'node:timers/promises';
    export default async (line: string) => {
      for (let turn = Number(line) % 3; turn > 0; turn--) await setImmediate();
      return line;
    };`;
  const { code, stdout } = await telaio(['map', folder.file('target.ts', source), '--workers', '3'], {
    stdin: numbers(50),
  });
  assert.deepEqual([code, stdout], [0, numbers(50)]);
});

test('the bar: nothing unless asked for where there is no terminal', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default (line: string) => line');
  const input = folder.file('in.txt', numbers(100));
  assert.equal((await telaio(['map', target, input])).stderr, '');
  assert.equal((await telaio(['map', target, input, '--no-progress'])).stderr, '');
  const asked = await telaio(['map', target, input, '--progress']);
  assert.match(asked.stderr, /100 % {2}100 records {2}[\d,]+\/s/);
  assert.ok(!asked.stderr.includes('\n\n'), 'no empty line');
  assert.ok(asked.stderr.endsWith('\n'));
  const unknown = await telaio(['map', target, '--progress'], { stdin: numbers(100) });
  assert.match(unknown.stderr, /^100 records {2}[\d,]+\/s {2}in 0:00$/m);
});

test('backends get what they need, and are closed whatever happens', deadline, async () => {
  using folder = new Folder();
  const target = folder.file(
    'target.ts',
    'export const same = (line: string) => { if (line === "5") throw line; return line; }',
  );
  const seen: string[] = [];
  const backend: BackendFactory = ({ workers }) => ({
    workers,
    probe: async ({ export: name }) => {
      seen.push(`probe ${name}`);
      return { name: String(name) };
    },
    submit: (task) => {
      seen.push(`line ${task.line}`);
      return runBatch(task);
    },
    close: async () => {
      seen.push('closed');
    },
  });
  const argv = ['map', `${target}#same`, '--chunk', '3', '--workers', '1'];
  const { code } = await telaio(argv, { stdin: numbers(6), backend });
  assert.equal(code, 1);
  assert.deepEqual(seen, ['probe same', 'line 1', 'line 4', 'closed']);
});

test('an error is told at once, also when calls that still run keep the workers from ending', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', 'export default () => { throw new Error("no"); }');
  const stderr = new Collector();
  let told = '';
  const backend: BackendFactory = ({ workers }) => ({
    workers,
    probe: async () => ({ name: 'x' }),
    submit: runBatch,
    close: async () => {
      told = stderr.text;
    },
  });
  const input = Readable.from([Buffer.from('1\n')], { objectMode: false });
  assert.equal(await main(['map', target], { stdin: input, stdout: new Collector(), stderr, backend }), 1);
  assert.match(told, /^telaio: stdin, line 1: Error: no\n/);
});

test('a module that ends its worker while it is loaded can not be used', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', '');
  const backend: BackendFactory = ({ workers }) => ({
    workers,
    probe: () => Promise.reject(new RangeError('the worker ended')),
    submit: runBatch,
    close: async () => {},
  });
  const { code, stderr } = await telaio(['map', target], { backend });
  assert.deepEqual([code, stderr], [2, `telaio: ${target} can't be loaded: RangeError: the worker ended\n`]);
});
