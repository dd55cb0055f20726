/** Queues: every item once, whoever dies. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Queue, ShutDown } from '../../src/queue/index.ts';
import { Thread } from '../../src/threading/index.ts';
import type { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

type Item = number | { from: number; number: number; text: string };

export function produce(queue: Queue<Item>, from: number, count: number, large: number): void {
  for (let number = 0; number < count; number++) {
    const id = from * 1_000_000 + number;
    queue.putSync(number % 3 === 0 ? id : { from, number, text: 'x'.repeat(number % 50 === 0 ? large : number % 40) });
  }
}

export function consume(queue: Queue<Item>): number[] {
  const seen: number[] = [];
  for (const item of queue.itemsSync()) seen.push(idOf(item));
  return seen;
}

export async function consumeAsync(queue: Queue<Item>): Promise<number[]> {
  const seen: number[] = [];
  for await (const item of queue) seen.push(idOf(item));
  return seen;
}

function idOf(item: Item): number {
  return typeof item === 'number' ? item : item.from * 1_000_000 + item.number;
}

async function pipeline(random: Random): Promise<void> {
  const queue = new Queue<Item>(random.pick([0, 1, 2, 10, 1000]));
  const count = random.integer(1, 1500);
  const large = random.pick([0, 5_000, 200_000]);
  const producers = Array.from({ length: random.integer(1, 3) }, (_, from) =>
    new Thread({ target: produce, args: [queue, from, count, large] }).start(),
  );
  const consumers = Array.from({ length: random.integer(1, 3) }, () =>
    new Thread({ target: random.chance(0.5) ? consume : consumeAsync, args: [queue] }).start(),
  );
  await Promise.all(producers.map((thread) => thread.result()));
  queue.shutdown();
  const seen = (await Promise.all(consumers.map((thread) => thread.result()))).flat();
  assert.equal(seen.length, producers.length * count);
  assert.equal(new Set(seen).size, seen.length, 'an item came twice');
}

export function produceForEver(queue: Queue<number>): void {
  for (let number = 0; ; number++) queue.putSync(number);
}

export function consumeForEver(queue: Queue<number>): void {
  for (;;) queue.getSync();
}

async function killed(random: Random): Promise<void> {
  const queue = new Queue<number>(random.pick([0, 1, 10, 100]));
  const bounded = queue.maxSize > 0;
  const threads = Array.from({ length: random.integer(2, 4) }, (_, index) =>
    new Thread({
      target: index % 2 === 0 || !bounded ? consumeForEver : produceForEver,
      args: [queue],
      daemon: true,
    }).start(),
  );
  for (let number = 0; number < 50; number++) queue.tryPut(number);
  await delay(random.next() * 4);
  await Promise.all(threads.map((thread) => thread.terminate()));
  // What is left can be counted, taken and added to.
  let left = 0;
  while (queue.tryGet() !== undefined) left++;
  assert.ok(!bounded || left <= queue.maxSize, `${left} items in a queue of ${queue.maxSize}`);
  assert.equal(queue.qsize(), 0);
  assert.equal(queue.tryPut(1), true);
  assert.equal(await queue.get({ timeout: 5_000 }), 1);
}

async function shutDown(random: Random): Promise<void> {
  const queue = new Queue<number>(random.pick([1, 10]));
  const threads = Array.from({ length: random.integer(1, 4) }, (_, index) =>
    new Thread({ target: index % 2 === 0 ? untilShutDown : untilShutDownPut, args: [queue] }).start(),
  );
  await delay(random.next() * 2);
  queue.shutdown({ immediate: random.chance(0.5) });
  for (const thread of threads) await thread.result();
}

export function untilShutDown(queue: Queue<number>): void {
  try {
    for (;;) queue.getSync();
  } catch (error) {
    if (!(error instanceof ShutDown)) throw error;
  }
}

export function untilShutDownPut(queue: Queue<number>): void {
  try {
    for (let number = 0; ; number++) queue.putSync(number);
  } catch (error) {
    if (!(error instanceof ShutDown)) throw error;
  }
}

export const queues: Scenario[] = [
  { name: 'queues, every item once', weight: 3, run: pipeline },
  { name: 'producers and consumers killed', weight: 3, run: killed },
  { name: 'queues shut down', weight: 2, run: shutDown },
];
