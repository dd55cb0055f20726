/** A lock that nobody else wants, and a plain pipeline. Run by itself: node bench/primitives.ts */
import { Event, Lock, Queue, Thread } from 'telaio';
import { medianOf } from './measure.ts';

/** Microseconds for acquireSync and release of a free lock. */
export async function uncontendedLock(): Promise<number> {
  const lock = new Lock();
  const rounds = 2_000_000;
  return await medianOf(7, () => {
    const started = performance.now();
    for (let round = 0; round < rounds; round++) {
      lock.acquireSync();
      lock.release();
    }
    return ((performance.now() - started) * 1000) / rounds;
  });
}

/** Microseconds for tryAcquire and release of a free lock. */
export async function uncontendedTry(): Promise<number> {
  const lock = new Lock();
  const rounds = 2_000_000;
  return await medianOf(7, () => {
    const started = performance.now();
    for (let round = 0; round < rounds; round++) {
      lock.tryAcquire();
      lock.release();
    }
    return ((performance.now() - started) * 1000) / rounds;
  });
}

function consume(queue: Queue<unknown>, ready: Event): number {
  ready.set();
  let items = 0;
  const started = performance.now();
  while (queue.getSync() !== null) items++;
  return items / (performance.now() - started) / 1000;
}

/** Millions of items a second from one producer to one consumer thread. */
export async function oneToOne(maxSize: number, make: (index: number) => unknown, items = 1_000_000): Promise<number> {
  return await medianOf(5, async () => {
    const queue = new Queue<unknown>(maxSize);
    const ready = new Event();
    const consumer = new Thread({ target: consume, args: [queue, ready] }).start();
    ready.waitSync();
    for (let index = 0; index < items; index++) queue.putSync(make(index));
    queue.putSync(null);
    return await consumer.result();
  });
}

export type PrimitiveFigures = { lock: number; tryLock: number };

export async function primitives(): Promise<PrimitiveFigures> {
  return { lock: await uncontendedLock(), tryLock: await uncontendedTry() };
}

if (import.meta.main) console.log(await primitives());
