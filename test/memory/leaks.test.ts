/** Messages and what they hold are given back: the heap stays as large as what is alive. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ThreadPoolExecutor } from '../../src/futures/index.ts';
import { addressOf, heap, loadValue, storeValue } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { f64, SharedArray } from '../../src/shared/index.ts';
import { Condition, Lock } from '../../src/sync/index.ts';
import { Thread } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { lengthOf } from './fixtures/lengths.ts';

function assertFlat(steps: number, step: (number: number) => void): void {
  for (let number = 0; number < steps / 10; number++) step(number);
  const used = heap.usedBytes();
  for (let number = 0; number < steps; number++) step(number);
  assert.ok(heap.usedBytes() <= used + 65_536, `${heap.usedBytes() - used} bytes more`);
}

check(
  '200,000 messages with references',
  () => {
    const lock = new Lock();
    const text = 'x'.repeat(3000);
    assertFlat(rounds(200_000, 2_000_000), (number) => {
      const message = storeValue(number % 4 ? { lock, number } : { lock, text });
      assert.equal((loadValue(heap, message) as { lock: Lock }).lock, lock);
      heap.release(message);
    });
    assert.equal(heap.load(addressOf(lock) + 1), 1);
  },
  { timeout: 40_000 },
);

check('items that are refused, that find no room, or come too late', () => {
  const queue = new Queue<unknown>(1);
  const lock = new Lock();
  queue.putSync(0);
  const big = 'x'.repeat(5000);
  assertFlat(rounds(5_000, 100_000), () => {
    assert.equal(queue.tryPut({ lock, big }), false);
    assert.throws(() => queue.tryPut({ lock, big, bad: Symbol('here') }), /value\.bad/);
    assert.throws(() => queue.putSync([lock, big], { timeout: 0 }), { name: 'Full' });
  });
  const over = new Queue<unknown>();
  over.shutdown();
  assertFlat(rounds(5_000, 100_000), () => assert.throws(() => over.putSync([lock, big]), { name: 'ShutDown' }));
  assert.equal(heap.load(addressOf(lock) + 1), 1);
});

check('waits on a condition, and objects that are disposed', () => {
  const condition = new Condition();
  using _guard = condition.acquireSync();
  assertFlat(rounds(5_000, 100_000), () => {
    condition.waitSync({ timeout: 0 });
    new Lock()[Symbol.dispose]();
    const queue = new Queue<unknown>();
    queue.putSync({ condition, text: 'x'.repeat(4000) });
    queue[Symbol.dispose]();
  });
});

check(
  'what is collected is given back',
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--expose-gc',
      fileURLToPath(new URL('./fixtures/collected.ts', import.meta.url)),
    ]);
    const { grown, ...rest } = JSON.parse(stdout);
    // One count for the message in the queue; then one for the wrapper alone.
    assert.deepEqual(rest, {
      locks: true,
      dropped: true,
      count: 1,
      same: true,
      counts: 1,
      emptied: true,
      disposed: true,
    });
    assert.ok(grown <= 2 ** 20, `${grown} bytes more after 20 rounds of 1000 queues`);
  },
  { timeout: 60_000 },
);

/** What V8 would not collect for long: a few small objects, which hold much in the shared heap. */
async function assertCollected(use: (array: SharedArray<Float64Array>) => Promise<number>): Promise<void> {
  const used = heap.usedBytes();
  for (let round = 0; round < 300; round++) {
    using array = new SharedArray(f64, 32_768);
    assert.equal(await use(array), 32_768);
  }
  // Collected when it has grown beyond what it ever was.
  assert.ok(heap.usedBytes() <= used + 2 ** 25, `${heap.usedBytes() - used} bytes more after 300 arrays of 256 KiB`);
}

check('garbage of isolates between two threads does not keep the heap', async () => {
  await assertCollected((array) => new Thread({ target: lengthOf, args: [array] }).start().result());
});

check('garbage of workers that have no task does not keep the heap', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  await assertCollected((array) => pool.submit(lengthOf, array).result());
});
