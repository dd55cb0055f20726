import { FixedQueue, Piscina } from 'piscina';
import { piscinaLike } from './by-name.ts';
import type { Adapter } from './pool.ts';

const MODES = ['sync', 'async', 'disabled'] as const;
const SETTINGS = MODES.flatMap((atomics) =>
  [1, 16].map((concurrentTasksPerWorker) => ({ concurrentTasksPerWorker, atomics })),
);

export const adapter: Adapter = {
  settings: SETTINGS.map(
    ({ concurrentTasksPerWorker, atomics }) =>
      `concurrentTasksPerWorker ${concurrentTasksPerWorker}, atomics ${atomics}`,
  ),
  open(workers, setting) {
    const pool = new Piscina({
      filename: new URL('../tasks/piscina.mjs', import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      // Its documentation's choice for many waiting tasks.
      taskQueue: new FixedQueue(),
      ...SETTINGS[setting],
    });
    return piscinaLike(pool);
  },
};
