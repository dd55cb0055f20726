/** Pools that call tasks by their names. */
import { type Bytes, chunksOf, holdWith, type Pool } from './pool.ts';

type Run = (name: string, value: unknown) => PromiseLike<unknown>;
type RunAll = (name: string, values: unknown[]) => Promise<unknown[]>;

export function byName(
  run: Run,
  runAll: RunAll = (name, values) => Promise.all(values.map((value) => run(name, value))),
): Omit<Pool, 'move' | 'close'> {
  return {
    empty: (value) => run('empty', value),
    copy: (bytes) => run('echo', bytes),
    work: (turns) => run('work', turns),
    mapItems: (numbers) => runAll('addOne', numbers) as Promise<number[]>,
    mapChunks: async (numbers) => (await runAll('addOneToEach', chunksOf(numbers))).flat() as number[],
    hold: (count) => holdWith(count, (cells) => run('hold', cells)),
  };
}

type PiscinaLike = {
  run(value: unknown, options: { name: string; transferList?: never }): Promise<unknown>;
  destroy(): Promise<void>;
};

/** Piscina, and Tinypool that came from it. */
export function piscinaLike(pool: PiscinaLike): Pool {
  return {
    ...byName((name, value) => pool.run(value, { name })),
    // Their types know only the newer form of postMessage.
    move: (bytes) => pool.run(bytes, { name: 'give', transferList: [bytes.buffer] as never }) as Promise<Bytes>,
    close: () => pool.destroy(),
  };
}
