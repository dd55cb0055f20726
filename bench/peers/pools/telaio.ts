import { Event, ThreadPoolExecutor } from 'telaio';
import { heap } from '../../../dist/memory/index.js';
import { addOne, echo, empty, work } from '../tasks/plain.mjs';
import { give, holdUntil } from '../tasks/telaio.mjs';
import type { Adapter } from './pool.ts';

export const adapter: Adapter = {
  settings: ['as it comes'],
  toTheEnd: true,
  open(maxWorkers) {
    const executor = new ThreadPoolExecutor({ maxWorkers });
    const map = (numbers: number[]): Promise<number[]> => executor.map(addOne, numbers).toArray();
    return {
      empty: (value) => executor.submit(empty, value),
      copy: (bytes) => executor.submit(echo, bytes),
      move: (bytes) =>
        executor.with({ transfer: [bytes.buffer] }).submit(give, bytes) as PromiseLike<Uint8Array<ArrayBuffer>>,
      work: (turns) => executor.submit(work, turns),
      mapItems: map,
      mapChunks: map,
      hold: async (workers) => {
        const event = new Event();
        const tasks = Array.from({ length: workers }, () => executor.submit(holdUntil, event));
        while (executor.statistics().running < workers) await new Promise((resolve) => setTimeout(resolve, 1));
        return async () => {
          event.set();
          await Promise.all(tasks);
        };
      },
      ownBytes: () => heap.usedBytes(),
      close: () => executor.shutdown(),
    };
  },
};
