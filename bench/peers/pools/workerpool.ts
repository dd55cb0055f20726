import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';
import { byName } from './by-name.ts';
import type { Adapter, Bytes } from './pool.ts';

export const adapter: Adapter = {
  settings: ['dedicated workers, workerType thread'],
  open(workers) {
    const script = fileURLToPath(new URL('../tasks/workerpool.mjs', import.meta.url));
    const pool = workerpool.pool(script, { minWorkers: workers, maxWorkers: workers, workerType: 'thread' });
    return {
      ...byName((name, value) => pool.exec(name, [value])),
      move: (bytes) =>
        pool.exec('give', [bytes], { transfer: [bytes.buffer] }) as PromiseLike<unknown> as PromiseLike<Bytes>,
      close: async () => await pool.terminate(),
    };
  },
};
