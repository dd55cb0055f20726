/** How each row is measured, whatever the pool. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { median, medianOf } from '../measure.ts';
import type { Adapter, Bytes, Pool } from './pools/pool.ts';
import type { Measured, RowId, Sizes } from './rows.ts';
import { work } from './tasks/plain.mjs';

export type Context = { pool: Pool; adapter: Adapter; sizes: Sizes; workers: number };
type Measure = (context: Context) => Promise<Measured[]>;

/** Calls it again and again for so many milliseconds, `lanes` at the same time; how many a second. */
async function rate(milliseconds: number, lanes: number, call: (n: number) => PromiseLike<unknown>): Promise<number> {
  let next = 0;
  const started = performance.now();
  let over = false;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      do {
        await call(next++);
        // The clock is not for nothing.
        if ((next & 15) === 0 || lanes === 1) over ||= performance.now() - started >= milliseconds;
      } while (!over);
    }),
  );
  return (next / (performance.now() - started)) * 1000;
}

const inFlight =
  (row: RowId, lanes: number): Measure =>
  async ({ pool, sizes }) => {
    await rate(sizes.warm, lanes, pool.empty);
    return [{ row, value: await rate(sizes.time, lanes, pool.empty) }];
  };

const oneByOne: Measure = async ({ pool, sizes }) => {
  await rate(sizes.warm, 1, pool.empty);
  const times: number[] = [];
  const end = performance.now() + sizes.time;
  for (let started = 0; started < end; ) {
    started = performance.now();
    await pool.empty(times.length);
    times.push((performance.now() - started) * 1000);
  }
  return [{ row: 'one-by-one', value: median(times) }];
};

const copied =
  (row: RowId, length: number): Measure =>
  async ({ pool, sizes }) => {
    const bytes = new Uint8Array(length).fill(1);
    await rate(sizes.warm, 1, () => pool.copy(bytes));
    return [{ row, value: 1e6 / (await rate(sizes.time, 1, () => pool.copy(bytes))) }];
  };

/** In the thread that submits: so many objects take some 40 MB. */
const OWN_OBJECTS = 500_000;

/** As in a program that has data of its own: V8 collects a heap of a few megabytes by other rules. */
const copiedBesideData: Measure = async (context) => {
  const own = Array.from({ length: OWN_OBJECTS }, (_, n) => ({ n, name: `item ${n}` }));
  const measured = await copied('copy-1MB-data', 2 ** 20)(context);
  return own.length === OWN_OBJECTS ? measured : [];
};

const moved: Measure = async ({ pool, sizes }) => {
  let bytes: Bytes = new Uint8Array(2 ** 20).fill(1);
  const turn = async (): Promise<void> => {
    const sent = bytes;
    bytes = await pool.move(sent);
    if (sent.length !== 0 || bytes.length !== 2 ** 20) throw new Error('the buffer was not transferred');
  };
  await rate(sizes.warm, 1, turn);
  return [{ row: 'move-1MB', value: 1e6 / (await rate(sizes.time, 1, turn)) }];
};

/** Turns of `work` in so many milliseconds: the best of some, for a machine that does something else can only be slower. */
function turnsFor(milliseconds: number): number {
  const turns = 100_000;
  let best = Infinity;
  for (let run = 0; run < 50; run++) {
    const started = performance.now();
    work(turns);
    best = Math.min(best, performance.now() - started);
  }
  return Math.max(1, Math.round((turns / best) * milliseconds));
}

/** One thread's time for so many tasks, by theirs on the pool right after it. */
const speedUp =
  (row: RowId, milliseconds: number): Measure =>
  async ({ pool, sizes }) => {
    const turns = turnsFor(milliseconds);
    const tasks = Math.max(4, 2 * Math.round(sizes.time / milliseconds));
    const together = async (count: number): Promise<void> => {
      await Promise.all(Array.from({ length: count }, () => pool.work(turns)));
    };
    // Each worker's compiler has to see the loop.
    await together(Math.max(8, 2 * Math.round(sizes.warm / milliseconds)));
    let started = performance.now();
    for (let n = 0; n < tasks; n++) work(turns);
    const alone = performance.now() - started;
    started = performance.now();
    await together(tasks);
    return [{ row, value: alone / (performance.now() - started) }];
  };

/** Items a second of so many numbers as fit into the time; first some few, to know. */
const mapped =
  (row: RowId, map: (pool: Pool) => (numbers: number[]) => Promise<number[]>): Measure =>
  async ({ pool, adapter, sizes }) => {
    const run = async (count: number): Promise<number> => {
      const numbers = Array.from({ length: count }, (_, n) => n);
      const started = performance.now();
      const results = await map(pool)(numbers);
      if (results.length !== count || results[count - 1] !== count) throw new Error('map gave the wrong results');
      return (performance.now() - started) / count;
    };
    const most = row === 'map-items' ? Math.min(sizes.numbers, adapter.mostWaiting ?? Infinity) : sizes.numbers;
    const first = Math.min(most, row === 'map-items' ? 5000 : 50_000);
    await run(first);
    const fit = Math.floor(sizes.longest / 2 / (await run(first)));
    const count = fit >= most || adapter.toTheEnd ? most : Math.max(first, fit);
    const time = count * (await run(count)) < 400 ? await medianOf(3, () => run(count)) : await run(count);
    const note = count === sizes.numbers ? undefined : `over ${count.toLocaleString('en-US')}`;
    return [{ row, value: 1000 / time, note }];
  };

setFlagsFromString('--expose-gc');
/** Collects what the row before has left. */
export const gc = runInNewContext('gc') as () => void;

/** Microseconds a task from submit to outcome, and bytes a task while all of them wait behind those that hold the workers. */
async function waiting(context: Context, tasks: number): Promise<{ time: number; bytes: number }> {
  const { pool, adapter, workers } = context;
  const used = (): number => {
    const { heapUsed, external, rss } = process.memoryUsage();
    return adapter.waitsInPorts ? rss : heapUsed + external + (pool.ownBytes?.() ?? 0);
  };
  const release = await pool.hold(workers);
  const outcomes = new Array<PromiseLike<unknown>>(tasks);
  gc();
  const before = used();
  const started = performance.now();
  for (let n = 0; n < tasks; n++) outcomes[n] = pool.empty(n);
  const submitted = performance.now();
  gc();
  // Less the array, which is the program's own.
  const bytes = (used() - before) / tasks - 8;
  const resumed = performance.now();
  const released = release();
  for (const outcome of outcomes) await outcome;
  const time = ((submitted - started + performance.now() - resumed) * 1000) / tasks;
  await released;
  return { time, bytes };
}

/** From a thousand on ten times as many, as long as that promises to fit into the time. */
const queued: Measure = async (context) => {
  const { adapter, sizes } = context;
  await waiting(context, 1000);
  const times: number[] = [];
  for (const end = performance.now() + sizes.time * 2; times.length < 5 || performance.now() < end; ) {
    times.push((await waiting(context, 1000)).time);
  }
  const few = median(times);
  let tasks = 1000;
  let many = { time: few, bytes: 0 };
  const most = Math.min(sizes.waiting, adapter.mostWaiting ?? Infinity);
  for (let next = 10_000; tasks < most; next *= 10) {
    const expected = (next * many.time * Math.max(1, many.time / few)) / 1000;
    if (tasks > 1000 && expected > sizes.longest && !adapter.toTheEnd) break;
    tasks = Math.min(next, most);
    many = await waiting(context, tasks);
  }
  const note = tasks === 1_000_000 ? undefined : `with ${tasks.toLocaleString('en-US')}`;
  const bytesNote = [adapter.waitsInPorts && 'resident', note].filter(Boolean).join('; ') || undefined;
  return [
    { row: 'queued', value: many.time, note },
    // Not to be compared with that of pools which had a million.
    { row: 'queued-growth', value: many.time / few, note, aside: tasks !== sizes.waiting || undefined },
    // Few messages find room in pages that are there.
    {
      row: 'queued-bytes',
      value: many.bytes,
      note: bytesNote,
      aside: (adapter.waitsInPorts && tasks < 50_000) || undefined,
    },
  ];
};

/** Resident bytes of this process once every worker has worked; the difference of two such processes is the row's value. */
const resident: Measure = async ({ pool, workers }) => {
  const turns = turnsFor(1);
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: workers * 8 }, () => pool.work(turns)));
  }
  gc();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return [{ row: 'memory', value: process.memoryUsage().rss }];
};

export const MEASURES: Partial<Record<RowId, Measure>> = {
  'one-by-one': oneByOne,
  'flight-1': inFlight('flight-1', 1),
  'flight-10': inFlight('flight-10', 10),
  'flight-100': inFlight('flight-100', 100),
  'flight-1000': inFlight('flight-1000', 1000),
  'flight-10000': inFlight('flight-10000', 10_000),
  'copy-10B': copied('copy-10B', 10),
  'copy-1KB': copied('copy-1KB', 1024),
  'copy-1MB': copied('copy-1MB', 2 ** 20),
  'copy-1MB-data': copiedBesideData,
  'move-1MB': moved,
  'cpu-0.1': speedUp('cpu-0.1', 0.1),
  'cpu-1': speedUp('cpu-1', 1),
  'cpu-10': speedUp('cpu-10', 10),
  'map-items': mapped('map-items', (pool) => pool.mapItems),
  'map-chunks': mapped('map-chunks', (pool) => pool.mapChunks),
  queued,
  memory: resident,
};
