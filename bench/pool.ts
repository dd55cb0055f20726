/** Empty tasks: ThreadPoolExecutor beside piscina, 2 workers each. Run by itself: node bench/pool.ts */
import { Piscina } from 'piscina';
import { ThreadPoolExecutor } from 'telaio';
import { beside } from './measure.ts';
import task from './pool-task.mjs';

const WORKERS = 2;

/** Tasks a second with so many in flight. */
async function rate(submit: (value: number) => PromiseLike<unknown>, tasks: number, inFlight: number): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < tasks) await submit(next++);
    }),
  );
  return (tasks / (performance.now() - started)) * 1000;
}

export type PoolFigures = { inFlight: [telaio: number, piscina: number]; oneByOne: [telaio: number, piscina: number] };

export async function pools(): Promise<PoolFigures> {
  await using executor = new ThreadPoolExecutor({ maxWorkers: WORKERS });
  const piscina = new Piscina({
    filename: new URL('./pool-task.mjs', import.meta.url).href,
    minThreads: WORKERS,
    maxThreads: WORKERS,
    // Its best setting for tasks this small.
    concurrentTasksPerWorker: 16,
  });
  const telaio = (value: number) => executor.submit(task, value);
  const other = (value: number) => piscina.run(value);
  await beside(
    2,
    () => rate(telaio, 100_000, 1000),
    () => rate(other, 50_000, 1000),
  );
  const inFlight = await beside(
    5,
    () => rate(telaio, 100_000, 1000),
    () => rate(other, 50_000, 1000),
  );
  const oneByOne = await beside(
    5,
    () => rate(telaio, 3000, 1),
    () => rate(other, 3000, 1),
  );
  await piscina.destroy();
  return { inFlight, oneByOne };
}

if (import.meta.main) console.log(await pools());
