/** How many items of a map travel together: never so many that one worker would wait for the others at the end. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { ChunkSizes, MOST_ITEMS } from '../../src/futures/chunk-sizes.ts';
import { ThreadPoolExecutor } from '../../src/futures/index.ts';
import { Atomic, i32 } from '../../src/shared/index.ts';
import { Barrier } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { meetOnLast } from './fixtures/mapped.ts';

describe('chunk sizes', () => {
  check('a chunk is at most half of what is left for each worker, or a 64th of what each has had', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 64 }), (items, workers) => {
        const sizes = new ChunkSizes(workers, undefined, MOST_ITEMS, new Uint8Array(items));
        let [left, sent, chunks] = [items, 0, 0];
        while (left > 0) {
          const size = Math.min(left, sizes.next());
          assert.ok(size >= 1 && size <= MOST_ITEMS);
          assert.ok(size === 1 || size <= Math.ceil(left / (workers * 2)), 'too much of what is left');
          assert.ok(size === 1 || size <= sent / (workers * 64), 'too much beside what was');
          sizes.sent(size);
          sent += size;
          left -= size;
          chunks++;
        }
        // What a task costs is shared by many items, where there are many.
        if (items >= 100_000 && workers <= 2) assert.ok(items / chunks > 50, `${items / chunks} items a chunk`);
      }),
      { numRuns: rounds(200, 2_000) },
    );
  });

  check('the last items are spread: each worker has one of them at the same time', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const [together, met] = [new Barrier(2), new Atomic(i32)];
    const count = 5_000;
    const items = Array.from({ length: count }, (_, n) => ({ last: n >= count - 2, together, met }));
    let calls = 0;
    for await (const _ of pool.map(meetOnLast, items)) calls++;
    assert.deepEqual([calls, met.load()], [count, 2]);
  });
});
