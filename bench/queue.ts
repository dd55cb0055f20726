/** Queues between threads. Run by itself: node bench/queue.ts */
import { Event, LifoQueue, PriorityQueue, Queue, SimpleQueue, Thread } from 'telaio';
import { median, medianOf } from './measure.ts';

type Kind = 'integers' | 'objects';
type AnyQueue = Queue<unknown> | SimpleQueue<unknown>;

function produce(queue: AnyQueue, go: Event, kind: Kind, items: number): void {
  go.waitSync();
  if (kind === 'integers') for (let id = 0; id < items; id++) queue.putSync(id);
  else for (let id = 0; id < items; id++) queue.putSync({ id, name: 'hello', value: 1.5 });
}

function produceMany(queue: AnyQueue, go: Event, items: number, at: number): void {
  const batch = Array.from({ length: at }, (_, index) => index);
  go.waitSync();
  for (let put = 0; put < items; put += at) queue.putManySync(batch);
}

/** Takes so many items; when it began and ended, in milliseconds of the process's clock. */
function consume(queue: AnyQueue, ready: Event, items: number): [from: number, to: number] {
  ready.set();
  const first = performance.timeOrigin + performance.now();
  for (let taken = 0; taken < items; taken++) queue.getSync();
  return [first, performance.timeOrigin + performance.now()];
}

function consumeMany(queue: AnyQueue, ready: Event, items: number, at: number): [from: number, to: number] {
  ready.set();
  const first = performance.timeOrigin + performance.now();
  for (let taken = 0; taken < items; ) taken += queue.getManySync(at).length;
  return [first, performance.timeOrigin + performance.now()];
}

/** Millions of items a second from `sides` producer threads to as many consumer threads. */
async function rate(queue: AnyQueue, kind: Kind, sides: number, items: number): Promise<number> {
  const go = new Event();
  const share = Math.trunc(items / sides);
  const ready = Array.from({ length: sides }, () => new Event());
  const producers = ready.map(() => new Thread({ target: produce, args: [queue, go, kind, share] }).start());
  const consumers = ready.map((event) => new Thread({ target: consume, args: [queue, event, share] }).start());
  for (const event of ready) await event.wait();
  go.set();
  for (const producer of producers) await producer.result();
  const times = await Promise.all(consumers.map((consumer) => consumer.result()));
  const took = Math.max(...times.map(([, to]) => to)) - Math.min(...times.map(([from]) => from));
  return (share * sides) / took / 1000;
}

/** The same from one to one with putMany and getMany of `at` items. */
async function rateOfMany(queue: AnyQueue, items: number, at: number): Promise<number> {
  const go = new Event();
  const ready = new Event();
  const producer = new Thread({ target: produceMany, args: [queue, go, items, at] }).start();
  const consumer = new Thread({ target: consumeMany, args: [queue, ready, items, at] }).start();
  await ready.wait();
  go.set();
  await producer.result();
  const [from, to] = await consumer.result();
  return items / (to - from) / 1000;
}

/** Microseconds for a put and a get in one thread, with so many items in. */
function putAndGet(queue: PriorityQueue<number> | LifoQueue<number>, items: number): number {
  let seed = 1;
  const next = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0);
  for (let item = 0; item < items; item++) queue.putSync(next());
  const rounds = 100_000;
  const started = performance.now();
  for (let round = 0; round < rounds; round++) {
    queue.putSync(next());
    queue.getSync();
  }
  return ((performance.now() - started) * 1000) / rounds;
}

/** Rates in million items a second, `ranked…` and `stacked` in microseconds. */
export type QueueFigures = {
  integers: number;
  objects: number;
  tenSlots: number;
  twoToTwo: number;
  /** `twoToTwo / integers`, the median of rounds in which both were measured one after the other. */
  twoToTwoPart: number;
  simple: number;
  many: number;
  ranked10: number;
  ranked100000: number;
  stacked: number;
};

export async function queues(runs = 5, items = 1_000_000): Promise<QueueFigures> {
  const between = (make: () => AnyQueue, kind: Kind, sides: number): Promise<number> =>
    medianOf(runs, () => rate(make(), kind, sides, items));
  const integers: number[] = [];
  const twoToTwo: number[] = [];
  for (let run = 0; run < runs * 2; run++) {
    integers.push(await rate(new Queue(1000), 'integers', 1, items));
    twoToTwo.push(await rate(new Queue(1000), 'integers', 2, items));
  }
  return {
    integers: median(integers),
    objects: await between(() => new Queue(1000), 'objects', 1),
    tenSlots: await between(() => new Queue(10), 'integers', 1),
    twoToTwo: median(twoToTwo),
    twoToTwoPart: median(integers.map((one, run) => twoToTwo[run] / one)),
    simple: await between(() => new SimpleQueue(), 'integers', 1),
    many: await medianOf(runs, () => rateOfMany(new Queue(1000), items, 100)),
    ranked10: await medianOf(runs, () => putAndGet(new PriorityQueue(), 10)),
    ranked100000: await medianOf(runs, () => putAndGet(new PriorityQueue(), 100_000)),
    stacked: await medianOf(runs, () => putAndGet(new LifoQueue(), 100_000)),
  };
}

if (import.meta.main) console.log(await queues());
