/**
 * How a worker of this library begins: with a file of `bootstrap/`, or, where the library was packed into a file of the
 * program's, with a few lines of text that import that file. This module, which is in it, goes on from there. What the file
 * does at its top level it does in every worker, as any module does in the threads that import it, and in the nursery.
 */
import { existsSync } from 'node:fs';
import { Worker, type WorkerOptions, workerData } from 'node:worker_threads';
import { UnsupportedError } from '../errors.ts';
import {
  CODE,
  evaluatorLine,
  importedAtStart,
  NO_CODE,
  ownFile,
  ownFolder,
  REGISTRY,
  urlOf,
} from '../functions/index.ts';

/** From here everything that a worker needs is reached. */
const here = urlOf(import.meta);
const isBundle = ownFolder === undefined;

/** What a worker that begins in a bundle finds beside its other data. */
type BundleData = { bundle?: string; begun?: boolean };

/**
 * Does for the bundle what functions/hooks.ts does for other modules, and which then finds itself done. An error in the
 * bundle is told once a thread imports it; one before this module was reached, nobody else would tell.
 */
const START = `
const { workerData } = require('node:worker_threads');
const all = new Map();
const register = Object.assign((url, evaluate, meta) => void all.set(url, { evaluate, meta }), { all });
Object.defineProperty(globalThis, '${REGISTRY}', { value: register });
require('node:module').registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const { format, source } = loaded;
    const isCode = format == null ? !${NO_CODE}.test(url) : ${CODE}.test(format);
    if (!isCode || source == null || !url.startsWith('file:')) return loaded;
    const line = format?.startsWith('module') ? ${JSON.stringify(evaluatorLine('URL', 'module'))} : ${JSON.stringify(evaluatorLine('URL', undefined))};
    const text = line.replace('"URL"', () => JSON.stringify(url));
    return { ...loaded, source: Buffer.concat([Buffer.from(source), Buffer.from(text)]) };
  },
});
// Node has given these to this text, and so to all: modules would take themselves for CommonJS.
for (const name of ['require', 'module', 'exports', '__filename', '__dirname']) delete globalThis[name];
import(workerData.bundle).catch((error) => {
  if (!workerData.begun) throw error;
});
`;

const fileFor = (name: 'nursery' | 'isolate'): URL => new URL(ownFile(`threading/bootstrap/${name}`));

/** @throws UnsupportedError where the library's files were not kept together. */
export function mustHaveEntries(): void {
  if (isBundle || existsSync(fileFor('nursery'))) return;
  throw new UnsupportedError(
    `No thread can be started: ${fileFor('nursery').href} is missing. Was telaio bundled? Mark it as external, so that it stays a package of its own.`,
  );
}

export function startWorker<Data extends { telaio: 'nursery' | 'isolate' }>(
  data: Data,
  options: WorkerOptions,
): Worker {
  if (!isBundle) return new Worker(fileFor(data.telaio), { ...options, workerData: data });
  return new Worker(START, {
    ...options,
    eval: true,
    workerData: { ...data, bundle: here } satisfies Data & BundleData,
  });
}

if (isBundle && workerData?.bundle !== undefined && !workerData.begun) {
  (workerData as BundleData).begun = true;
  importedAtStart(here, () => {
    void (workerData.telaio === 'nursery' ? import('./bootstrap/nursery.ts') : import('./bootstrap/isolate.ts'));
  });
}
