/**
 * How a worker of this library begins: with a file of `bootstrap/`, or, where the library was packed into a file of the
 * program's, with a text. The nursery's is whole (the build makes it), so nothing of the program's runs there. An
 * isolate's is some lines that import the program's file; begin.ts, which is in it, goes on from there.
 */
import { existsSync } from 'node:fs';
import { Worker, type WorkerOptions, workerData } from 'node:worker_threads';
import { UnsupportedError } from '../errors.ts';
import { hookText, ownFile, ownFolder, REGISTRY, urlOf } from '../functions/index.ts';

/** What a worker that begins with a text finds beside its other data. */
export type BundleData = {
  telaio: 'nursery' | 'isolate';
  /** URL of the program's file, or of that among them from which everything an isolate needs is reached. */
  bundle: string;
  /** Of an isolate: resolves when the file has been loaded, or has failed to. */
  loaded?: Promise<void>;
  /** Of an isolate: this library has taken over. */
  begun?: boolean;
};

const isBundle = ownFolder === undefined;

/** In a worker of ours that began with a text. */
export const bundleData: BundleData | undefined =
  isBundle && workerData?.telaio !== undefined && typeof workerData.bundle === 'string' ? workerData : undefined;

const bundle = bundleData?.bundle ?? urlOf(import.meta);

/**
 * Output before this library has taken over goes straight to the descriptors. An error while the file is loaded is told by
 * the thread that runs there; before this library was reached in it, there is none.
 */
const ISOLATE = `
const { workerData } = require('node:worker_threads');
const { Writable } = require('node:stream');
const { writeSync } = require('node:fs');
const writeWhole = (fd, chunk) => {
  while (chunk.length > 0) {
    try {
      chunk = chunk.subarray(writeSync(fd, chunk));
    } catch (error) {
      // A pipe that is full is emptied in a moment.
      if (error.code !== 'EAGAIN') return;
    }
  }
};
for (const [name, fd] of [['stdout', 1], ['stderr', 2]]) {
  const stream = new Writable({ write: (chunk, _, done) => done(writeWhole(fd, chunk)) });
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream });
}
${hookText}// Node has given these to this text, and so to all: modules would take themselves for CommonJS.
for (const name of ['require', 'module', 'exports', '__filename', '__dirname']) delete globalThis[name];
workerData.loaded = import(workerData.bundle).then(
  () => undefined,
  (error) => {
    globalThis.${REGISTRY}.failed = { url: workerData.bundle, error };
    if (!workerData.begun) throw error;
  },
);
`;

const fileFor = (name: 'nursery' | 'isolate'): URL => new URL(ownFile(`threading/bootstrap/${name}`));

/** Bundlers know a literal `require('…')` and pack what it names. */
const nurseryText = (): string => require('./nursery.cjs');

/** @throws UnsupportedError where the library's files were not kept together. */
export function mustHaveEntries(): void {
  if (!isBundle) {
    if (existsSync(fileFor('nursery'))) return;
    throw new UnsupportedError(
      `No thread can be started: ${fileFor('nursery').href} is missing. Keep telaio's files together, or leave it outside of the bundle.`,
    );
  }
  try {
    nurseryText();
  } catch (cause) {
    throw new UnsupportedError(
      "No thread can be started: telaio's nursery.cjs was not packed into the bundle with the rest of it. Leave telaio outside of the bundle (`external`).",
      undefined,
      { cause },
    );
  }
}

export function startWorker<Data extends { telaio: 'nursery' | 'isolate' }>(
  data: Data,
  options: WorkerOptions,
): Worker {
  if (!isBundle) return new Worker(fileFor(data.telaio), { ...options, workerData: data });
  const text = data.telaio === 'nursery' ? nurseryText() : ISOLATE;
  return new Worker(text, { ...options, eval: true, workerData: { ...data, bundle } satisfies Data & BundleData });
}
