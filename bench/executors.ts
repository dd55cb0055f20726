/** What executors cost beyond an empty task: map, waiting tasks, payloads, real work. Run by itself: node bench/executors.ts */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Piscina } from 'piscina';
import { Event, ThreadPoolExecutor } from 'telaio';
import { heap } from '../dist/memory/index.js';
import { beside, median, medianOf } from './measure.ts';
import echo from './pool-task.mjs';

const WORKERS = 2;
const MEGABYTE = 2 ** 20;

const addOne = (n: number): number => n + 1;
const empty = (n: number): number => n;
const wait = (event: Event): boolean => event.waitSync();

/** About a millisecond of arithmetic. */
function work(seed: number): number {
  let x = seed;
  for (let i = 0; i < 400_000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

/** Million items a second, trivial function. */
async function mapRate(executor: ThreadPoolExecutor, items: number[]): Promise<number> {
  const started = performance.now();
  const results = await executor.map(addOne, items).toArray();
  if (results.length !== items.length) throw new Error('results are missing');
  return items.length / (performance.now() - started) / 1000;
}

/** One thread's time for so many tasks by theirs on the executor. */
async function speedUp(executor: ThreadPoolExecutor, tasks: number): Promise<number> {
  let started = performance.now();
  for (let n = 0; n < tasks; n++) work(n);
  const alone = performance.now() - started;
  started = performance.now();
  await Promise.all(Array.from({ length: tasks }, (_, n) => executor.submit(work, n)));
  return alone / (performance.now() - started);
}

/** Microseconds a task from submit to outcome, and bytes a task while all of them wait behind one that blocks. */
async function queued(executor: ThreadPoolExecutor, tasks: number): Promise<{ time: number; bytes: number }> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const event = new Event();
  const blocking = Array.from({ length: WORKERS }, () => executor.submit(wait, event));
  const futures = new Array(tasks);
  gc();
  const before = process.memoryUsage().heapUsed;
  const shared = heap.usedBytes();
  const started = performance.now();
  for (let n = 0; n < tasks; n++) futures[n] = executor.submit(empty, n);
  const submitted = performance.now();
  gc();
  // Less the array of futures, which is the program's own.
  const bytes = (process.memoryUsage().heapUsed - before + heap.usedBytes() - shared) / tasks - 8;
  const resumed = performance.now();
  event.set();
  for (const future of futures) await future;
  const time = ((submitted - started + performance.now() - resumed) * 1000) / tasks;
  await Promise.all(blocking);
  return { time, bytes };
}

/** Microseconds for a megabyte there and back, one after another. */
async function bufferTime(run: (bytes: Uint8Array) => PromiseLike<unknown>, rounds: number): Promise<number> {
  const buffers = Array.from({ length: rounds }, () => new Uint8Array(MEGABYTE).fill(1));
  const started = performance.now();
  for (const bytes of buffers) await run(bytes);
  return ((performance.now() - started) * 1000) / rounds;
}

export type ExecutorFigures = {
  map: number;
  speedUp: number;
  queuedGrowth: number;
  queuedBytes: number;
  copied: [telaio: number, piscina: number];
};

export async function executors(): Promise<ExecutorFigures> {
  await using executor = new ThreadPoolExecutor({ maxWorkers: WORKERS });
  const piscina = new Piscina({
    filename: new URL('./pool-task.mjs', import.meta.url).href,
    minThreads: WORKERS,
    maxThreads: WORKERS,
  });
  const items = Array.from({ length: 1_000_000 }, (_, n) => n);
  await mapRate(executor, items);
  const map = await medianOf(5, () => mapRate(executor, items));
  await speedUp(executor, 200);
  const gain = await medianOf(5, () => speedUp(executor, 1000));
  const copied = await beside(
    5,
    () => bufferTime((bytes) => executor.submit(echo, bytes as never), 100),
    () => bufferTime((bytes) => piscina.run(bytes), 100),
  );
  await piscina.destroy();
  const growth: number[] = [];
  let queuedBytes = 0;
  for (let round = 0; round < 3; round++) {
    const few = await medianOf(50, async () => (await queued(executor, 1000)).time);
    const many = await queued(executor, 1_000_000);
    growth.push(many.time / few);
    // Later rounds find the pages of the first.
    queuedBytes = Math.max(queuedBytes, many.bytes);
  }
  return { map, speedUp: gain, queuedGrowth: median(growth), queuedBytes, copied };
}

if (import.meta.main) console.log(await executors());
