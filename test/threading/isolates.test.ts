/** Isolates: parked and reused, or not; many threads in a row and at once; limits. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Worker } from 'node:worker_threads';
import { heap } from '../../src/memory/index.ts';
import { activeCount, Event, Thread, WorkerCrashedError } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { until } from '../support/threads.ts';
import * as targets from './fixtures/targets.ts';

describe('isolates', () => {
  check('are parked and reused one after another: module state stays, idents are new', async () => {
    const countsOf = new Map<number, number[]>();
    const idents = new Set<number>();
    const rounds = 12;
    for (let round = 0; round < rounds; round++) {
      const thread = new Thread({ target: targets.countCalls }).start();
      const count = await thread.result();
      idents.add(thread.ident!);
      const counts = countsOf.get(thread.nativeId!) ?? [];
      countsOf.set(thread.nativeId!, [...counts, count]);
    }
    assert.equal(idents.size, rounds);
    assert.ok(countsOf.size < rounds, 'some kernel thread ran more than one');
    for (const counts of countsOf.values()) {
      for (let index = 1; index < counts.length; index++) assert.ok(counts[index] > counts[index - 1], String(counts));
    }
  });

  for (const [what, target] of [
    ['an interval', targets.leaveInterval],
    ['a server', targets.leaveServer],
  ] as const) {
    check(`one that left ${what} open is not reused`, async () => {
      const left = new Thread({ target }).start();
      await left.join();
      const next = new Thread({ target: targets.countCalls }).start();
      await next.join();
      assert.notEqual(next.nativeId, left.nativeId);
    });
  }

  check('what a thread leaves may ask who runs: the next thread is itself all the same', async () => {
    for (let round = 0; round < rounds(20, 500); round++) {
      await new Thread({ target: targets.leaveQuestion }).start().join();
      const thread = new Thread({ target: targets.whoAmI }).start();
      const { ident } = (await thread.result()) as { ident: number };
      assert.equal(ident, thread.ident);
    }
  });

  check('one with only an unrefed timer is reused', async () => {
    const first = new Thread({ target: targets.leaveUnrefedTimer }).start();
    await first.result();
    // Others that are parked may come first.
    let next = first as unknown as Thread<[], number>;
    do {
      next = new Thread({ target: targets.countCalls }).start();
      await next.join();
    } while (next.nativeId !== first.nativeId);
  });

  check('one whose thread failed is reused, one that was terminated is not', async () => {
    const first = new Thread({ target: () => 1 }).start();
    await first.join();
    const dead = new Thread({ target: targets.blockOnEvent, args: [new Event()] }).start();
    await dead.terminate();
    const next = new Thread({ target: () => 1 }).start();
    await next.join();
    assert.notEqual(next.nativeId, dead.nativeId);
  });

  check('a thousand threads one after another leave nothing', async () => {
    const round = (): void => {
      const thread = new Thread({ target: targets.add, args: [1, 2] }).start();
      assert.equal(thread.joinSync(), true);
      thread[Symbol.dispose]();
    };
    for (let warm = 0; warm < 200; warm++) round();
    await new Promise((resolve) => setImmediate(resolve));
    const [used, rss] = [heap.usedBytes(), process.memoryUsage.rss()];
    for (let index = 0; index < rounds(1_000, 20_000); index++) round();
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(heap.usedBytes() - used <= 2 ** 20, `the shared heap grew by ${heap.usedBytes() - used} bytes`);
    assert.ok(process.memoryUsage.rss() - rss < 60 * 2 ** 20, `RSS grew by ${process.memoryUsage.rss() - rss} bytes`);
    assert.equal(activeCount(), 1);
  });

  check(
    '64 threads live at once',
    async () => {
      const gate = new Event();
      const before = activeCount();
      const threads = Array.from({ length: 64 }, () => new Thread({ target: targets.waitFor, args: [gate] }).start());
      assert.equal(activeCount(), before + 64);
      assert.equal(new Set(threads.map(({ ident }) => ident)).size, 64);
      gate.set();
      for (const thread of threads) assert.equal(await thread.result(), 'went through');
      await until(() => activeCount() === before);
    },
    { timeout: 60_000 },
  );

  check('a thread that nobody refers to runs to its end', async () => {
    const [running, gate, passed] = [new Event(), new Event(), new Event()];
    (() => {
      new Thread({
        target: () => {
          running.set();
          gate.waitSync();
          passed.set();
        },
      }).start();
    })();
    running.waitSync();
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setImmediate(resolve));
    gate.set();
    assert.equal(await passed.wait({ timeout: 10_000 }), true);
  });
});

describe('limits', () => {
  check('out of memory: result() rejects with the mend; the process lives', async () => {
    const resourceLimits = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 };
    const thread = new Thread({ target: targets.eatMemory, resourceLimits, name: 'hoarder' });
    thread.launchQuietly();
    // The main thread is blocked while the thread dies.
    assert.equal(thread.joinSync(), true);
    await assert.rejects(thread.result(), (error: Error) => {
      assert.ok(error instanceof WorkerCrashedError);
      assert.match(error.message, /hoarder ran out of memory: raise resourceLimits\.maxOldGenerationSizeMb/);
      return true;
    });
    assert.equal(await new Thread({ target: targets.add, args: [1, 2] }).start().result(), 3);
  });

  check('a thread with limits runs in an isolate of its own', async () => {
    const limited = new Thread({ target: targets.add, args: [1, 2], resourceLimits: { maxOldGenerationSizeMb: 64 } });
    assert.equal(await limited.start().result(), 3);
    const next = new Thread({ target: targets.add, args: [1, 2] }).start();
    await next.join();
    assert.notEqual(next.nativeId, limited.nativeId);
  });
});

describe('raw workers', () => {
  check('a worker that somebody else made is a thread too, and can start threads', async () => {
    const worker = new Worker(new URL('./fixtures/raw-worker.ts', import.meta.url), { workerData: { mine: true } });
    const told = await new Promise<Record<string, unknown>>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    assert.equal(told.sum, 42);
    assert.match(told.name as string, /^Dummy-\d+$/);
    assert.equal(told.main, 'MainThread');
    assert.equal(await new Promise((resolve) => worker.once('exit', resolve)), 0);
    await until(() => activeCount() === 1);
  });
});
