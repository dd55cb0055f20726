#!/usr/bin/env node
/** The program `telaio`. */
import { readFileSync, statSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { BackendFactory, MapBackend, OnError, ProbeOutcome, Target } from './backend.ts';
import { CliError, ReaderGone, TargetError, UsageError } from './errors.ts';
import { parseInputs } from './inputs/inputs.ts';
import { type Input, RecordSource } from './inputs/record-source.ts';
import { type MapOptions, parseArguments } from './options.ts';
import { Pipeline } from './pipeline.ts';
import { count, Progress } from './progress.ts';
import { FailureFile } from './sinks/failure-file.ts';
import { openSink } from './sinks/open-sink.ts';
import { type Destination, parseDestination, type Sink } from './sinks/sink.ts';
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
};

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
  };
  let code: number | undefined;
  // Only the first error is told: what fails after it, such as closing a file on a full disk, is its consequence.
  const tell = (error: unknown): number => {
    code ??= report(error, around.stderr);
    return code;
  };
  try {
    const options = parseArguments(argv, version(), (text) => around.stdout.write(text));
    return options === undefined ? 0 : await map(options, around, tell);
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
  refuseSharedFiles(inputs, destination, failurePath);

  await using ending = new AsyncDisposableStack();
  const backend = await around.backend({ workers: options.workers });
  ending.defer(() => backend.close());
  try {
    await probe(backend, target, options.module);
    const sink = await openSink(destination, around.stdout);
    ending.defer(() => sink.close());
    const failureFile = failurePath === undefined ? undefined : await FailureFile.open(failurePath);
    ending.defer(() => failureFile?.close());
    return await run(options, around, { backend, target, inputs, sink, failureFile });
  } catch (error) {
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

async function run(options: MapOptions, around: Surroundings, opened: Opened): Promise<number> {
  const { stderr, stdin, stdout } = around;
  const source = new RecordSource(opened.inputs, stdin);
  const onError: OnError = opened.failureFile ? 'report' : (options.onError as OnError);
  const { ordered, queue, chunk } = options;
  const pipeline = new Pipeline({ ...opened, source, onError, ordered, queue, chunk });
  using signals = new StopSignals(() => pipeline.stop());
  // On one terminal, results and a bar would overwrite each other.
  const terminal = isTerminal(stderr) && !(opened.sink.shape === 'lines' && isTerminal(stdout));
  const progress = (options.progress ?? terminal) ? new Progress(pipeline.counts, source.size, stderr) : undefined;
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

/** Opening a destination empties it: it must not be one of the inputs, nor both destinations the same file. */
function refuseSharedFiles(inputs: Input[], destination: Destination, failurePath: string | undefined): void {
  const outputs = [destination.kind === 'stdout' ? undefined : destination.path, failurePath];
  const seen = new Map<string, string>();
  for (const path of [...inputs.map((input) => input.path), ...outputs]) {
    if (path === undefined) continue;
    const stat = statSync(path, { throwIfNoEntry: false });
    const key = stat === undefined ? path : `${stat.dev}:${stat.ino}`;
    const other = seen.get(key);
    if (other !== undefined && outputs.includes(path)) {
      throw new UsageError(
        `${path} would be overwritten: it is named twice${other === path ? '' : ` (as ${other} too)`}`,
      );
    }
    seen.set(key, path);
  }
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

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
