/** What the program `telaio` does. */
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { BackendFactory, MapBackend, OnError, ProbeOutcome, Target } from './backend.ts';
import { CliError, ReaderGone, TargetError } from './errors.ts';
import { parseInputs } from './inputs/inputs.ts';
import { type Input, RecordSource } from './inputs/record-source.ts';
import { type MapOptions, parseArguments } from './options.ts';
import { Pipeline } from './pipeline.ts';
import { count, Progress } from './progress.ts';
import { refuseSharedFiles } from './same-file.ts';
import { FailureFile } from './sinks/failure-file.ts';
import { openSink } from './sinks/open-sink.ts';
import { parseDestination, type Sink } from './sinks/sink.ts';
import { StdoutSink } from './sinks/stdout.ts';
import { StopSignals } from './stop-signals.ts';
import { parseTarget } from './target.ts';

/** What a run came to. */
export type Summary = {
  records: number;
  failed: number;
  workers: number;
  /** From the first read to the last write, milliseconds: without the start of program and workers. */
  duration: number;
};

export type Surroundings = {
  stdin: Readable;
  stdout: Writable;
  stderr: NodeJS.WritableStream;
  backend: BackendFactory;
  /** Called when all records are written. */
  onEnd: (summary: Summary) => void;
  /** The process ends right after `main`: calls that never return need not be waited for, their threads go with it. */
  endsProcess: boolean;
};

/** How long calls that still run after a failure may go on, so that what workers print is seen; milliseconds. */
const GRACE = 300;

/**
 * Runs `telaio` with the arguments that follow its name and gives the exit code. Never throws: what goes wrong is told on
 * `stderr`.
 */
export async function main(argv: string[], given: Partial<Surroundings> = {}): Promise<number> {
  const around: Surroundings = {
    stdin: given.stdin ?? process.stdin,
    stdout: given.stdout ?? process.stdout,
    stderr: given.stderr ?? process.stderr,
    backend: given.backend ?? threads,
    onEnd: given.onEnd ?? (() => {}),
    endsProcess: given.endsProcess ?? false,
  };
  let code: number | undefined;
  // Only the first error is told: what fails after it, such as closing a file on a full disk, is its consequence.
  const tell = (error: unknown): number => {
    code ??= report(error, around.stderr);
    return code;
  };
  try {
    let printed = '';
    const options = parseArguments(argv, version(), (text) => {
      printed += text;
    });
    if (options !== undefined) return await map(options, around, tell);
    const sink = new StdoutSink(around.stdout);
    await sink.write({ text: new TextEncoder().encode(printed), records: 0, failures: [], duration: 0 });
    sink.close();
    return 0;
  } catch (error) {
    return tell(error);
  }
}

/** Writes what a person needs to know and gives the exit code. */
function report(error: unknown, stderr: NodeJS.WritableStream): number {
  if (error instanceof ReaderGone) return 0;
  const expected = error instanceof CliError;
  stderr.write(`telaio: ${expected ? error.message : ((error as Error)?.stack ?? error)}\n`);
  return expected ? error.exitCode : 1;
}

/** Everything is looked at before anything is changed: options, module file, inputs, then the function in a worker. */
async function map(options: MapOptions, around: Surroundings, tell: (error: unknown) => number): Promise<number> {
  const destination = parseDestination(options.to);
  const target = parseTarget(options.module);
  const inputs = parseInputs(options.inputs, options.from);
  const failurePath = ['stop', 'skip'].includes(options.onError) ? undefined : options.onError;
  refuseSharedFiles({ ...around, inputs, target, destination, failurePath });

  await using ending = new AsyncDisposableStack();
  const backend = await around.backend({ workers: options.workers });
  let failed = false;
  ending.defer(async () => {
    const closing = backend.close();
    if (failed && around.endsProcess) await settledWithin(closing, GRACE);
    else await closing;
  });
  try {
    await probe(backend, target, options.module);
    // All are opened before any is emptied; a database, which is there for good once it is opened, comes last.
    const failureFile = failurePath === undefined ? undefined : await FailureFile.open(failurePath);
    ending.defer(() => failureFile?.close());
    const sink = await openSink(destination, around.stdout);
    ending.defer(() => sink.close());
    await failureFile?.begin();
    await sink.begin?.();
    return await run(options, around, { backend, target, inputs, sink, failureFile }, tell);
  } catch (error) {
    failed = true;
    // Now, not after the closing: that waits for calls that are still running.
    return tell(error);
  }
}

type Opened = {
  backend: MapBackend;
  target: Target;
  inputs: Input[];
  sink: Sink;
  failureFile: FailureFile | undefined;
};

async function run(
  options: MapOptions,
  around: Surroundings,
  opened: Opened,
  tell: (error: unknown) => number,
): Promise<number> {
  const { stderr, stdin, stdout } = around;
  const source = new RecordSource(opened.inputs, stdin);
  const onError: OnError = opened.failureFile ? 'report' : (options.onError as OnError);
  const { ordered, queue, chunk } = options;
  let progress: Progress | undefined;
  const onFailure = (error: Error): void => {
    progress?.stop();
    tell(error);
  };
  const pipeline = new Pipeline({ ...opened, source, onError, ordered, queue, chunk, onFailure });
  using signals = new StopSignals({
    first: () => pipeline.stop(),
    second: (signal) => {
      progress?.stop();
      const stored = count(pipeline.counts.records);
      stderr.write(`telaio: ended by a second ${signal} after ${stored} records; those that were running are lost\n`);
    },
  });
  // On one terminal, results and a bar would overwrite each other.
  const terminal = isTerminal(stderr) && !(opened.sink.shape === 'lines' && isTerminal(stdout));
  progress = (options.progress ?? terminal) ? new Progress(pipeline.counts, source.size, stderr) : undefined;
  const started = performance.now();
  try {
    await pipeline.run();
  } finally {
    progress?.stop();
  }
  const { records, failed } = pipeline.counts;
  around.onEnd({ records, failed, workers: options.workers, duration: performance.now() - started });
  if (failed > 0) {
    const where = opened.failureFile ? `written to ${options.onError}` : 'left out';
    stderr.write(`telaio: ${count(failed)} of ${count(records)} records failed and were ${where}\n`);
  }
  if (signals.received === undefined) return 0;
  stderr.write(`telaio: stopped by ${signals.received} after ${count(records)} records, all of them stored\n`);
  return signals.exitCode ?? 0;
}

async function probe(backend: MapBackend, target: Target, module: string): Promise<void> {
  let outcome: ProbeOutcome;
  try {
    outcome = await backend.probe(target);
  } catch (error) {
    // The worker itself died, for instance because the module ends its thread.
    const { name, message } = error as Error;
    throw new TargetError(`${module} can't be loaded: ${name}: ${message.split('\n', 1)[0]}`, { cause: error });
  }
  if ('problem' in outcome) throw new TargetError(outcome.problem);
}

/** Waits for a promise, but no longer than `limit` milliseconds. */
async function settledWithin(promise: Promise<void>, limit: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limit);
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

function isTerminal(stream: object): boolean {
  return (stream as NodeJS.WriteStream).isTTY === true;
}

async function threads(options: { workers: number }): Promise<MapBackend> {
  // Loaded late: --help and a misspelt option need no threads.
  const { ThreadsBackend } = await import('./threads-backend.ts');
  return new ThreadsBackend(options);
}

function version(): string {
  const path = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
