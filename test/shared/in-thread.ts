import '../../src/functions/message-codec.ts';
import { Worker } from 'node:worker_threads';
import { heap, loadValue, storeValue } from '../../src/memory/index.ts';

/** A new thread that runs a module's function. */
export function startThread<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): Worker {
  const workerData = storeValue([fn, ...args]);
  return new Worker(new URL('./fixtures/entry.ts', import.meta.url), { workerData });
}

/** Runs it; resolves with what it returns, or rejects with its error. */
export function inThread<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
  const worker = startThread(fn, ...args);
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (message: number) => {
      try {
        resolve(loadValue(heap, message) as Awaited<R>);
      } catch (error) {
        reject(error);
      } finally {
        heap.release(message);
      }
    });
  });
}
