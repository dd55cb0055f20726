import { Tinypool } from 'tinypool';
import { type Adapter, type Bytes, chunksOf, holdWith } from './pool.ts';

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
    const run = <R>(name: string, value: unknown): Promise<R> => pool.run(value, { name });
    const all = <R>(name: string, values: unknown[]): Promise<R[]> =>
      Promise.all(values.map((value) => run<R>(name, value)));
    return {
      empty: (value) => run('empty', value),
      copy: (bytes) => run('echo', bytes),
      // Its type knows only the newer form of postMessage.
      move: (bytes) => pool.run(bytes, { name: 'give', transferList: [bytes.buffer] as never }) as Promise<Bytes>,
      work: (turns) => run('work', turns),
      mapItems: (numbers) => all('addOne', numbers),
      mapChunks: async (numbers) => (await all<number[]>('addOneToEach', chunksOf(numbers))).flat(),
      hold: (count) => holdWith(count, (cells) => run('hold', cells)),
      close: () => pool.destroy(),
    };
  },
};
