/**
 * Whether the cost of a lock, a queue and a thread grows with what exists: each with ten live shared objects and with a
 * million, in turn. Run by itself: node bench/many-objects.ts
 */
import { Lock } from 'telaio';
import { median } from './measure.ts';
import { oneToOne, uncontendedLock } from './primitives.ts';
import { startAndJoin } from './threads.ts';

type Costs = { lock: number; queue: number; thread: number };

/** The cost with a million live objects as a multiple of that with ten. */
export async function growth(rounds = 5): Promise<Costs> {
  const ratios: Costs[] = [];
  for (let round = 0; round < rounds; round++) {
    const few = await costs(10);
    const many = await costs(1_000_000);
    ratios.push({ lock: many.lock / few.lock, queue: many.queue / few.queue, thread: many.thread / few.thread });
  }
  return {
    lock: median(ratios.map(({ lock }) => lock)),
    queue: median(ratios.map(({ queue }) => queue)),
    thread: median(ratios.map(({ thread }) => thread)),
  };
}

async function costs(live: number): Promise<Costs> {
  const objects = Array.from({ length: live }, () => new Lock());
  const lock = await uncontendedLock();
  const queue = 1 / (await oneToOne(1000, (index) => index, 300_000));
  const thread = await startAndJoin(200);
  for (const object of objects) object[Symbol.dispose]();
  return { lock, queue, thread };
}

if (import.meta.main) console.log(await growth());
