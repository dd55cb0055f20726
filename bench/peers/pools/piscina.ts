import { FixedQueue, Piscina } from 'piscina';
import { type Adapter, type Bytes, chunksOf, holdWith } from './pool.ts';

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
