/**
 * The most that two cores of this machine give the main job: two bare workers, each with half of the records parsed
 * before the clock starts, no sink. Prints the milliseconds from the first record to the end of the second worker.
 */
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { parse } from 'csv-parse/sync';
import { nearest, type ZipCode } from '../examples/nearest-airport.ts';

if (isMainThread) {
  const start = new Int32Array(new SharedArrayBuffer(4));
  let started = 0;
  let messages = 0;
  for (const half of [0, 1]) {
    new Worker(new URL(import.meta.url), { workerData: { half, start } }).on('message', () => {
      messages++;
      if (messages === 2) {
        started = performance.now();
        Atomics.store(start, 0, 1);
        Atomics.notify(start, 0);
      } else if (messages === 4) {
        console.log(`halves         ${(performance.now() - started).toFixed(0)} ms`);
      }
    });
  }
} else {
  const path = new URL('../data/zipcodes.csv', import.meta.resolve('vega-datasets'));
  const zipCodes: ZipCode[] = parse(readFileSync(path), { columns: true });
  const middle = zipCodes.length >> 1;
  const mine = workerData.half === 0 ? zipCodes.slice(0, middle) : zipCodes.slice(middle);
  parentPort!.postMessage('ready');
  Atomics.wait(workerData.start, 0, 0);
  let sum = 0;
  for (const zip of mine) sum += nearest(zip).km;
  parentPort!.postMessage(sum);
}
