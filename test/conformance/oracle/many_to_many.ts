import { Queue } from '../../../src/queue/index.ts';
import { Thread } from '../../../src/threading/index.ts';
import { say } from './say.ts';

export function produce(jobs: Queue<number>, first: number): void {
  for (let number = first; number < first + 25; number++) jobs.putSync(number);
}

export function consume(jobs: Queue<number>, done: Queue<number>): void {
  for (let number = jobs.getSync(); number >= 0; number = jobs.getSync()) {
    done.putSync(number);
    jobs.taskDone();
  }
  jobs.taskDone();
}

if (import.meta.main) {
  const [jobs, done] = [new Queue<number>(4), new Queue<number>()];
  const producers = [0, 1, 2].map((n) => new Thread({ target: produce, args: [jobs, 100 * n] }).start());
  const consumers = [0, 1].map(() => new Thread({ target: consume, args: [jobs, done] }).start());
  for (const thread of producers) thread.joinSync();
  for (const _ of consumers) jobs.putSync(-1);
  await jobs.join();
  for (const thread of consumers) thread.joinSync();
  const numbers: number[] = [];
  while (!done.empty()) numbers.push(done.getSync());
  const sum = numbers.reduce((total, number) => total + number, 0);
  say(numbers.length, sum, numbers.toSorted((a, b) => a - b).slice(0, 3), jobs.qsize());
}
