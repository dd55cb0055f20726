import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';
import { type Adapter, type Bytes, chunksOf, holdWith } from './pool.ts';

export const adapter: Adapter = {
  settings: ['dedicated workers, workerType thread'],
  open(workers) {
    const script = fileURLToPath(new URL('../tasks/workerpool.mjs', import.meta.url));
    const pool = workerpool.pool(script, { minWorkers: workers, maxWorkers: workers, workerType: 'thread' });
    const run = <R>(name: string, value: unknown): PromiseLike<R> => pool.exec(name, [value]) as PromiseLike<R>;
    const all = <R>(name: string, values: unknown[]): Promise<R[]> =>
      Promise.all(values.map((value) => run<R>(name, value)));
    return {
      empty: (value) => run('empty', value),
      copy: (bytes) => run('echo', bytes),
      move: (bytes) =>
        pool.exec('give', [bytes], { transfer: [bytes.buffer] }) as PromiseLike<unknown> as Promise<Bytes>,
      work: (turns) => run('work', turns),
      mapItems: (numbers) => all('addOne', numbers),
      mapChunks: async (numbers) => (await all<number[]>('addOneToEach', chunksOf(numbers))).flat(),
      hold: (count) => holdWith(count, (cells) => run('hold', cells)),
      close: async () => await pool.terminate(),
    };
  },
};
