/** What a thread costs: microseconds, and nothing that stays. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { describe } from 'node:test';
import { Worker } from 'node:worker_threads';
import { heap } from '../../src/memory/index.ts';
import { activeCount, Event, Lock, setExceptHook, Thread, ThreadLocal, Timer } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { waitFor } from '../support/targets.ts';
import { until } from '../support/threads.ts';

const nothing = (): void => {};

class Adder extends Thread<[], number> {
  left = 0;
  right = 0;

  protected override run(): number {
    return this.left + this.right;
  }
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

describe('what a thread costs', () => {
  check('start and join from a parked isolate take a small part of what a Worker takes', async () => {
    const startAndJoin = (): number => {
      const start = performance.now();
      new Thread({ target: nothing }).start().joinSync();
      return performance.now() - start;
    };
    const wholeWorker = async (): Promise<number> => {
      const start = performance.now();
      await new Promise((resolve) => new Worker('', { eval: true }).once('exit', resolve));
      return performance.now() - start;
    };
    for (let warm = 0; warm < 100; warm++) startAndJoin();
    const thread = median(Array.from({ length: 300 }, startAndJoin));
    const workers: number[] = [];
    for (let round = 0; round < 7; round++) workers.push(await wholeWorker());
    const worker = median(workers);
    // Fifty times on an idle machine; a test must also pass on a busy one.
    assert.ok(worker / thread > 10, `a thread takes ${thread} ms, a Worker ${worker} ms`);
  });

  check('no more than CPython, with room for a busy machine', (): void => {
    if (spawnSync('python3', ['-c', '']).status !== 0) return;
    const program = `
import threading, time
def one():
    start = time.perf_counter()
    t = threading.Thread(target=lambda: None); t.start(); t.join()
    return (time.perf_counter() - start) * 1000
for _ in range(50): one()
print(sorted(one() for _ in range(300))[150])`;
    const python = Number(execFileSync('python3', ['-c', program], { encoding: 'utf8' }));
    const own: number[] = [];
    for (let round = 0; round < 400; round++) {
      const start = performance.now();
      new Thread({ target: nothing }).start().joinSync();
      own.push(performance.now() - start);
    }
    const thread = median(own.slice(100));
    assert.ok(thread < python * 10, `a thread takes ${thread} ms, CPython's ${python} ms`);
  });

  check(
    'thousands one after the other, of every sort, leave neither heap nor resident memory behind',
    async () => {
      setExceptHook(nothing);
      const depth = new ThreadLocal(() => 0);
      const lock = new Lock();
      const sorts: (() => Thread)[] = [
        () => new Thread({ target: nothing }) as Thread,
        () => new Thread({ target: (local: ThreadLocal<number>) => ++local.value, args: [depth] }) as never,
        () => new Thread({ target: (held: Lock) => void held.run(() => {}), args: [lock] }) as never,
        () => Object.assign(new Adder(), { left: 20, right: 22 }) as never,
        () => new Timer(0, nothing) as never,
        () => {
          const timer = new Timer(3_600_000, nothing);
          timer.cancel();
          return timer as never;
        },
        () =>
          new Thread({
            target: () => {
              throw new Error('on purpose');
            },
          }) as Thread,
      ];
      const round = (index: number): void => {
        const thread = sorts[index % sorts.length]();
        assert.equal(thread.start().joinSync({ timeout: 30_000 }), true);
        thread[Symbol.dispose]();
      };
      const settle = async (): Promise<void> => {
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      };
      try {
        // As many isolates as are ever parked, so that each has its free blocks: with other load more than one is in use.
        for (let crowd = 0; crowd < 20; crowd++) {
          const gate = new Event();
          const threads = Array.from({ length: 9 }, () => new Thread({ target: waitFor, args: [gate] }).start());
          gate.set();
          for (const thread of threads) await thread.join();
        }
        for (let index = 0; index < 1_400; index++) {
          round(index);
          if (index % 100 === 0) await settle();
        }
        await settle();
        const [used, resident] = [heap.usedBytes(), process.memoryUsage.rss()];
        for (let index = 0; index < rounds(3_500, 35_000); index++) {
          round(index);
          // What was collected is given back when the event loop turns.
          if (index % 100 === 0) await settle();
        }
        await settle();
        const grown = heap.usedBytes() - used;
        assert.ok(grown <= 2 ** 20, `the shared heap grew by ${grown} bytes`);
        const more = process.memoryUsage.rss() - resident;
        assert.ok(more < 80 * 2 ** 20, `resident memory grew by ${more} bytes`);
        await until(() => activeCount() === 1);
      } finally {
        setExceptHook(undefined);
      }
    },
    { timeout: 60_000 },
  );
});
