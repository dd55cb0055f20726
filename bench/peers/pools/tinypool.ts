import { Tinypool } from 'tinypool';
import { piscinaLike } from './by-name.ts';
import type { Adapter } from './pool.ts';

const SETTINGS = [
  { concurrentTasksPerWorker: 1, useAtomics: true },
  { concurrentTasksPerWorker: 16, useAtomics: true },
  { concurrentTasksPerWorker: 16, useAtomics: false },
];

export const adapter: Adapter = {
  settings: SETTINGS.map(
    ({ concurrentTasksPerWorker, useAtomics }) =>
      `concurrentTasksPerWorker ${concurrentTasksPerWorker}, useAtomics ${useAtomics}`,
  ),
  open(workers, setting) {
    const pool = new Tinypool({
      filename: new URL('../tasks/tinypool.mjs', import.meta.url).href,
      minThreads: workers,
      maxThreads: workers,
      ...SETTINGS[setting],
    });
    return piscinaLike(pool);
  },
};
