/** Executor.map: order, chunks, laziness, errors, leaving early; and random settings against Array.prototype.map. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe } from 'node:test';
import fc from 'fast-check';
import { ThreadPoolExecutor } from '../../src/futures/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, turns, until } from '../support/threads.ts';
import * as tasks from './fixtures/tasks.ts';

const numbers = (count: number): number[] => [...Array(count).keys()];

/** Counts what is taken from it, and whether it was closed. */
class Source {
  taken = 0;
  closed = false;
  readonly end: number;
  readonly failAt: number;

  constructor(end = Infinity, failAt = Infinity) {
    this.end = end;
    this.failAt = failAt;
  }

  *[Symbol.iterator](): Generator<number> {
    try {
      while (this.taken < this.end) {
        if (this.taken === this.failAt) throw new Error('the source is dry');
        yield this.taken++;
      }
    } finally {
      this.closed = true;
    }
  }
}

class AsyncSource extends Source {
  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    for (const value of this) {
      await undefined;
      yield value;
    }
  }
}

describe('map', () => {
  check('property: as Array.prototype.map, with any chunks, buffer, source and order', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          items: fc.array(fc.oneof(fc.integer({ min: -1e6, max: 1e6 }), fc.double({ noNaN: true })), { maxLength: 60 }),
          chunkSize: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
          bufferSize: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
          ordered: fc.option(fc.boolean(), { nil: undefined }),
          later: fc.boolean(),
          asynchronous: fc.boolean(),
        }),
        async ({ items, later, asynchronous, ...options }) => {
          const source = asynchronous ? iterate(items) : items;
          const got = await pool.map(later ? tasks.squareLater : tasks.square, source, options).toArray();
          const wanted = items.map((n) => n * n);
          if (options.ordered === false) {
            got.sort((a, b) => a - b);
            wanted.sort((a, b) => a - b);
          }
          assert.deepEqual(got, wanted);
        },
      ),
      { numRuns: rounds(60, 2_000) },
    );
    const { queued, running, failed } = pool.statistics();
    assert.deepEqual({ queued, running, failed }, { queued: 0, running: 0, failed: 0 });
  });

  async function* iterate(items: number[]): AsyncGenerator<number> {
    for (const item of items) yield item;
  }

  check('begins at once, whether or not anyone iterates', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const log = new Queue<unknown>();
    const result = pool.map((n: number) => tasks.note(log, n), numbers(10));
    const seen = new Set<unknown>();
    while (seen.size < 10) seen.add(await log.get({ timeout: 5000 }));
    assert.deepEqual(await result.toArray(), numbers(10));
    assert.deepEqual(await result.toArray(), [], 'once over, it stays so');
  });

  check('ordered: false gives what is ready, a slow item first does not hold the others up', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const gate = new Event();
    const work = (n: number): number => {
      if (n === 0) gate.waitSync();
      return n;
    };
    const order: number[] = [];
    for await (const value of pool.map(work, numbers(10), { ordered: false })) {
      order.push(value);
      if (order.length === 9) gate.set();
    }
    assert.deepEqual(order, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
  });

  for (const [what, make] of [
    ['an infinite source', () => new Source()],
    ['an infinite asynchronous source', () => new AsyncSource()],
  ] as const) {
    check(`bufferSize with ${what}: never further ahead than that, and closed on leaving early`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const source = make();
      let read = 0;
      for await (const value of pool.map(tasks.square, source, { bufferSize: 10, chunkSize: 3 })) {
        assert.equal(value, read * read);
        await turns(3);
        assert.ok(source.taken <= read + 3 + 10, `${source.taken} taken, ${read} read`);
        if (++read === 100) break;
      }
      assert.equal(source.closed, true);
      const { taken } = source;
      await turns();
      assert.equal(source.taken, taken);
      await until(() => pool.statistics().running === 0);
    });
  }

  check('nobody reads: a lazy map takes as much as the buffer holds, and no more', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const source = new Source();
    const result = pool.map(tasks.square, source, { bufferSize: 8 });
    await until(() => pool.statistics().done === 8);
    await turns();
    assert.equal(source.taken, 8);
    await result[Symbol.asyncDispose]();
    assert.equal(source.closed, true);
    assert.deepEqual(await result.next(), { done: true, value: undefined });
  });

  check('an asynchronous source is lazy by itself', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const source = new AsyncSource();
    const result = pool.map(tasks.square, source);
    assert.deepEqual(await result.next(), { done: false, value: 0 });
    await turns();
    assert.ok(source.taken <= 2 * 4 + 1, `${source.taken} taken`);
    await result.return!();
  });

  check(
    'the first error ends the iteration; what comes after it in order is dropped, and nothing is unobserved',
    async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      for (const options of [{}, { chunkSize: 4 }, { bufferSize: 5 }, { chunkSize: 3, bufferSize: 9 }]) {
        const seen: number[] = [];
        const result = pool.map(tasks.failOnThirteen, numbers(30), options);
        await assert.rejects(
          async () => {
            for await (const value of result) seen.push(value);
          },
          { name: 'TypeError', message: 'thirteen', code: 'E_TASK' },
        );
        assert.deepEqual(seen, numbers(13), JSON.stringify(options));
        assert.equal((await result.next()).done, true);
      }
    },
  );

  check('a map that nobody reads throws its first error on leaving the executor', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    pool.map(tasks.failOnThirteen, numbers(20), { chunkSize: 5 });
    await assert.rejects(pool[Symbol.asyncDispose](), { message: 'thirteen' });
  });

  check('an error in the source comes after the results of the items before it', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    for (const chunkSize of [1, 4]) {
      for (const ordered of [true, false]) {
        for (const source of [new Source(50, 10), new AsyncSource(50, 10)]) {
          const seen: number[] = [];
          await assert.rejects(
            async () => {
              const options = { bufferSize: 6, chunkSize, ordered };
              for await (const value of pool.map(tasks.square, source, options)) seen.push(value);
            },
            { message: 'the source is dry' },
          );
          assert.deepEqual(
            seen.sort((a, b) => a - b),
            numbers(10).map((n) => n * n),
          );
        }
      }
    }
    // Read as a whole in the call, so it is the call that throws.
    assert.throws(() => pool.map(tasks.square, new Source(50, 10)), { message: 'the source is dry' });
    await until(() => pool.statistics().running + pool.statistics().queued === 0);
  });

  check('an item that cannot be copied: CloneError with its path, the source is closed', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const refused = { name: 'CloneError', message: /^items\[1\]\.bad can't be copied/ };
    assert.throws(() => pool.map(tasks.same, [1, { bad: Symbol('x') }], { chunkSize: 2 }), refused);
    let closed = false;
    function* source(): Generator<unknown> {
      try {
        yield* [0, 1, 2, { bad: Symbol('x') }, 4];
      } finally {
        closed = true;
      }
    }
    const seen: unknown[] = [];
    await assert.rejects(async () => {
      for await (const value of pool.map(tasks.same, source(), { chunkSize: 2, bufferSize: 4 })) seen.push(value);
    }, refused);
    assert.deepEqual(seen, [0, 1]);
    assert.equal(closed, true);
  });

  check('a result that cannot be copied: CloneError with its path, after the results before it', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    for (const chunkSize of [1, 2, 10]) {
      const seen: unknown[] = [];
      await assert.rejects(
        async () => {
          for await (const value of pool.map(tasks.uncopyableOn, numbers(8), { chunkSize })) seen.push(value);
        },
        { name: 'CloneError', message: /^result\.it\.bad can't be copied/ },
      );
      assert.deepEqual(seen, [0, 1, 2]);
    }
  });

  check('timeout: TimeoutError from the iteration, the rest is cancelled', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const result = pool.map((n: number) => (n === 2 ? gate.waitSync() : n), numbers(50), { timeout: 60 });
    const seen: unknown[] = [];
    await assert.rejects(
      async () => {
        for await (const value of result) seen.push(value);
      },
      { name: 'TimeoutError', message: /map was not done in 60 ms/ },
    );
    assert.deepEqual(seen, [0, 1]);
    assert.ok(pool.statistics().cancelled >= 47);
    gate.set();
    assert.throws(() => pool.map(tasks.square, [1], { timeout: -1 }), RangeError);
  });

  check(
    'signal: aborted before, while reading, while nobody reads; the reason is thrown, the listener goes',
    async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const reason = { why: 'enough' };
      assert.throws(
        () => pool.map(tasks.square, [1], { signal: AbortSignal.abort(reason) }),
        (error) => error === reason,
      );
      for (const bufferSize of [undefined, 3]) {
        const gate = new Event();
        const abort = new AbortController();
        const source = new Source(50);
        const work = (n: number): unknown => (n === 2 ? gate.waitSync() : n);
        const result = pool.map(work, source, { signal: abort.signal, bufferSize });
        await result.next();
        await result.next();
        const third = result.next();
        await turns();
        abort.abort(reason);
        await assert.rejects(third, (error) => error === reason);
        assert.equal((await result.next()).done, true);
        assert.equal(source.closed, true);
        assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
        gate.set();
      }
      const unread = new AbortController();
      const source = new Source();
      pool.map(tasks.square, source, { signal: unread.signal, bufferSize: 5 });
      await until(() => source.taken > 0 && pool.statistics().running + pool.statistics().queued === 0);
      unread.abort(reason);
      await until(() => source.closed);
      const { signal } = new AbortController();
      await pool.map(tasks.square, numbers(5), { signal }).toArray();
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    },
  );

  check('leaving early cancels what has not begun, also while the source is silent', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    for await (const _ of pool.map((n: number) => n === 0 || gate.waitSync(), numbers(100))) break;
    assert.ok(pool.statistics().cancelled >= 98);
    gate.set();
    async function* silent(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => {});
    }
    const left = (async () => {
      for await (const _ of pool.map(tasks.square, silent())) break;
    })();
    await until(() => pool.statistics().running + pool.statistics().queued === 0);
    await left;
  });

  check('next() called ahead of time gives the results in order; return() while one waits ends it', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const result = pool.map(tasks.squareLater, numbers(6));
    const all = await Promise.all(Array.from({ length: 8 }, () => result.next()));
    assert.deepEqual(
      all.map(({ value }) => value),
      [0, 1, 4, 9, 16, 25, undefined, undefined],
    );
    const gate = new Event();
    const stuck = pool.map(() => gate.waitSync(), [1, 2, 3], { ordered: false });
    const next = stuck.next();
    assert.equal(await settled(next), false);
    await stuck.return!();
    assert.deepEqual(await next, { done: true, value: undefined });
    gate.set();
  });

  check('an empty source, and settings that make no sense', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    for (const options of [{}, { chunkSize: 5 }, { bufferSize: 5 }, { ordered: false }]) {
      assert.deepEqual(await pool.map(tasks.square, [], options).toArray(), []);
    }
    for (const options of [{ chunkSize: 0 }, { chunkSize: 1.5 }, { bufferSize: -1 }, { bufferSize: Number.NaN }]) {
      assert.throws(() => pool.map(tasks.square, [1], options), {
        name: 'RangeError',
        message: /whole number, 1 or more/,
      });
    }
    assert.throws(() => pool.map(undefined as never, [1]), { name: 'TypeError', message: /function first/ });
    assert.throws(() => pool.map(tasks.square, 5 as never), TypeError);
  });

  check('a worker that dies in a chunk fails that chunk only', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const work = (n: number): number => tasks.exitOn(7, n);
    const seen: number[] = [];
    await assert.rejects(
      async () => {
        for await (const value of pool.map(work, numbers(12), { chunkSize: 2 })) seen.push(value);
      },
      { name: 'WorkerCrashedError' },
    );
    assert.deepEqual(seen, numbers(6));
    assert.deepEqual(await pool.map(tasks.square, numbers(4)).toArray(), [0, 1, 4, 9]);
  });
});
