/** SharedMap, SharedList, Atomic: one thread, two threads. Run by itself: node bench/shared.ts */
import { Atomic, Event, i32, SharedList, SharedMap, Thread } from 'telaio';
import { medianOf } from './measure.ts';

const KEYS = 1000;
const texts = Array.from({ length: KEYS }, (_, index) => `key ${index}`);

function filled(value: (index: number) => unknown): SharedMap<string, unknown> {
  const map = new SharedMap<string, unknown>();
  for (let index = 0; index < KEYS; index++) map.set(texts[index], value(index));
  return map;
}

/** Millions a second of one operation in this thread. */
async function rate(operations: number, operation: (index: number) => void): Promise<number> {
  for (let index = 0; index < operations / 4; index++) operation(index);
  return await medianOf(5, () => {
    const started = performance.now();
    for (let index = 0; index < operations; index++) operation(index);
    return operations / (performance.now() - started) / 1000;
  });
}

/** Reads for some milliseconds once the gate is open, and says how many millions a second that were. */
function read(map: SharedMap<string, unknown>, ready: Event, gate: Event, milliseconds: number): number {
  const keys = Array.from({ length: 1000 }, (_, index) => `key ${index}`);
  for (let index = 0; index < 200_000; index++) map.get(keys[index % 1000]);
  ready.set();
  gate.waitSync();
  let gets = 0;
  const started = performance.now();
  while (performance.now() - started < milliseconds) {
    for (let index = 0; index < 1000; index++) map.get(keys[index]);
    gets += 1000;
  }
  return gets / (performance.now() - started) / 1000;
}

/** Millions of gets a second, of `readers` threads together. */
export async function readers(map: SharedMap<string, unknown>, count: number): Promise<number> {
  return await medianOf(5, async () => {
    const gate = new Event();
    const threads = Array.from({ length: count }, () => {
      const ready = new Event();
      const thread = new Thread({ target: read, args: [map, ready, gate, 300] }).start();
      return { thread, ready };
    });
    for (const { ready } of threads) await ready.wait();
    gate.set();
    const rates = await Promise.all(threads.map(({ thread }) => thread.result()));
    return rates.reduce((sum, one) => sum + one, 0);
  });
}

/** All in millions a second. */
export type SharedFigures = {
  getNumber: number;
  getObject: number;
  setNumber: number;
  update: number;
  oneReader: number;
  twoReaders: number;
  oneReaderOfObjects: number;
  twoReadersOfObjects: number;
  push: number;
  at: number;
  atomicAdd: number;
};

export async function sharedFigures(): Promise<SharedFigures> {
  const numbers = filled((index) => index);
  const objects = filled((id) => ({ id, name: 'hello', value: 1.5 }));
  const list = new SharedList<number>();
  const count = new Atomic(i32);
  const operations = 1_000_000;
  const figures = {
    getNumber: await rate(operations, (index) => numbers.get(texts[index % KEYS])),
    getObject: await rate(operations, (index) => objects.get(texts[index % KEYS])),
    setNumber: await rate(operations, (index) => numbers.set(texts[index % KEYS], index)),
    update: await rate(operations, (index) => numbers.update(texts[index % KEYS], (value) => (value as number) + 1)),
    oneReader: await readers(numbers, 1),
    twoReaders: await readers(numbers, 2),
    oneReaderOfObjects: await readers(objects, 1),
    twoReadersOfObjects: await readers(objects, 2),
    push: await rate(operations, (index) => list.push(index)),
    at: await rate(operations, (index) => list.at(index)),
    atomicAdd: await rate(operations, () => count.add(1)),
  };
  return figures;
}

if (import.meta.main) console.log(await sharedFigures());
