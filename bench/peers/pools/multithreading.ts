import { initRuntime, move, shutdown, spawn } from 'multithreading';
import { addOne, addOneToEach, echo, empty, hold, work } from '../tasks/plain.mjs';
import { type Adapter, type Bytes, chunksOf, holdWith } from './pool.ts';

async function run<A, R>(task: (value: A) => R, value: A): Promise<R> {
  const outcome = await spawn(move(value), task).join();
  if (!outcome.ok) throw outcome.error;
  return outcome.value as R;
}

const all = <A, R>(task: (value: A) => R, values: A[]): Promise<R[]> =>
  Promise.all(values.map((value) => run(task, value)));

const inObject = 'inside an object: by itself it would be moved';

export const adapter: Adapter = {
  settings: ['as it comes'],
  notes: { 'copy-10B': inObject, 'copy-1KB': inObject, 'copy-1MB': inObject, 'copy-1MB-data': inObject },
  waitsInPorts: true,
  // It forgets the tasks beyond 65,536.
  mostWaiting: 65_000,
  open(maxWorkers) {
    // It says so for each piece of shared memory that comes without a lock.
    console.warn = () => {};
    initRuntime({ maxWorkers });
    return {
      empty: (value) => run(empty, value),
      copy: (bytes) => run(echo, { bytes }),
      move: (bytes) => run(echo<Bytes>, bytes),
      work: (turns) => run(work, turns),
      mapItems: (numbers) => all(addOne, numbers),
      mapChunks: async (numbers) => (await all(addOneToEach, chunksOf(numbers))).flat(),
      hold: (count) => holdWith(count, (cells) => run(hold, cells)),
      close: async () => shutdown(),
    };
  },
};
