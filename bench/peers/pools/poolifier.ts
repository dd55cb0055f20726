import { fileURLToPath } from 'node:url';
import { FixedThreadPool } from 'poolifier';
import { byName } from './by-name.ts';
import type { Adapter, Bytes } from './pool.ts';

const SETTINGS = [{ enableTasksQueue: false }, { enableTasksQueue: true, tasksQueueOptions: { concurrency: 16 } }];

export const adapter: Adapter = {
  settings: ['no tasks queue, no events', 'tasks queue of concurrency 16, no events'],
  notes: { 'move-1MB': 'copied back: its workers have no transfer' },
  // Without its queue, which is its default: every task is posted to a worker at once.
  waitsInPorts: true,
  open(workers, setting) {
    const script = fileURLToPath(new URL('../tasks/poolifier.mjs', import.meta.url));
    const pool = new FixedThreadPool<unknown, unknown>(workers, script, { enableEvents: false, ...SETTINGS[setting] });
    return {
      ...byName(
        (name, value) => pool.execute(value, name),
        (name, values) => pool.mapExecute(values, name),
      ),
      move: (bytes) => pool.execute(bytes, 'echo', undefined, [bytes.buffer]) as Promise<Bytes>,
      close: () => pool.destroy(),
    };
  },
};
