import { fileURLToPath } from 'node:url';
import { FixedThreadPool } from 'poolifier';
import { type Adapter, type Bytes, chunksOf, holdWith } from './pool.ts';

const SETTINGS = [{ enableTasksQueue: false }, { enableTasksQueue: true, tasksQueueOptions: { concurrency: 16 } }];

export const adapter: Adapter = {
  settings: ['no tasks queue, no events', 'tasks queue of concurrency 16, no events'],
  notes: { 'move-1MB': 'copied back: its workers have no transfer' },
  // Without its queue, which is its default: every task is posted to a worker at once.
  waitsInPorts: true,
  open(workers, setting) {
    const script = fileURLToPath(new URL('../tasks/poolifier.mjs', import.meta.url));
    const pool = new FixedThreadPool<unknown, unknown>(workers, script, { enableEvents: false, ...SETTINGS[setting] });
    const run = <R>(name: string, value: unknown): Promise<R> => pool.execute(value, name) as Promise<R>;
    const all = <R>(name: string, values: unknown[]): Promise<R[]> => pool.mapExecute(values, name) as Promise<R[]>;
    return {
      empty: (value) => run('empty', value),
      copy: (bytes) => run('echo', bytes),
      move: (bytes) => pool.execute(bytes, 'echo', undefined, [bytes.buffer]) as Promise<Bytes>,
      work: (turns) => run('work', turns),
      mapItems: (numbers) => all('addOne', numbers),
      mapChunks: async (numbers) => (await all<number[]>('addOneToEach', chunksOf(numbers))).flat(),
      hold: (count) => holdWith(count, (cells) => run('hold', cells)),
      close: () => pool.destroy(),
    };
  },
};
