/** Buffers and ports that move with tasks and with results. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { type Executor, ThreadPoolExecutor, WorkerCrashedError } from '../../src/futures/index.ts';
import { Event, Thread } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import * as moving from './fixtures/moving.ts';
import { square, waitFor } from './fixtures/tasks.ts';

const MEGABYTE = 2 ** 20;
const filled = (size: number, value = 1): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(value);

describe('transfer', () => {
  check('a buffer moves to the task, is detached here, and comes back', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const bytes = filled(MEGABYTE);
    const future = pool.with({ transfer: [bytes.buffer] }).submit(moving.addOne, bytes);
    assert.equal(bytes.byteLength, 0);
    const { bytes: back, note } = await future;
    assert.deepEqual([back.length, back[0], back[MEGABYTE - 1], note], [MEGABYTE, 2, 2, 'moved']);
  });

  check('the same memory: nothing is copied on either way', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const own = new Uint8Array(new ArrayBuffer(64, { maxByteLength: 128 }));
    const back = (await pool.with({ transfer: [own.buffer] }).submit(moving.addOne as never, own)) as {
      bytes: Uint8Array;
    };
    // A copy would have lost that it can grow.
    assert.equal((back.bytes.buffer as ArrayBuffer).maxByteLength, 128);
  });

  check('many at once, in any order, blocking and not; beside tasks without any', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const futures = Array.from({ length: rounds(200, 5000) }, (_, n) => {
      const bytes = filled(1000 + n, n % 256);
      return n % 3 === 0
        ? pool.submit(moving.sum, bytes)
        : pool.with({ transfer: [bytes.buffer] }).submit(moving.sum, bytes);
    });
    const expected = (n: number): number => (1000 + n) * (n % 256);
    assert.equal(futures[1].resultSync(), expected(1));
    for (const [n, future] of futures.entries()) assert.equal(await future, expected(n));
  });

  check('a result moves though nothing moved there', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const bytes = await pool.submit(moving.make, 5000);
    assert.deepEqual([bytes.length, bytes[4999]], [5000, 7]);
    assert.equal(pool.submit(moving.make, 10).resultSync().length, 10);
  });

  check('a message port', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const { port1, port2 } = new MessageChannel();
    const future = pool.with({ transfer: [port2] }).submit(moving.echo as never, port2);
    const heard = new Promise((resolve) => port1.once('message', resolve));
    port1.postMessage('hello');
    assert.equal(await heard, 'hello back');
    assert.equal(await future, 'heard hello');
    port1.close();
  });

  check('from a thread that was sent the executor', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const thread = new Thread({
      target: async (executor: Executor) => {
        const bytes = new Uint8Array(100).fill(3);
        const future = executor.with({ transfer: [bytes.buffer] }).submit(moving.addOne, bytes);
        return [bytes.byteLength, (await future).bytes[99]];
      },
      args: [pool],
    }).start();
    assert.deepEqual(await thread.result(), [0, 4]);
  });

  check('one after the other, the thread that submits now prompt, now busy', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    let bytes: Uint8Array = filled(1000);
    for (let turn = 1; turn <= rounds(60, 1000); turn++) {
      const [running, gate, turned] = [new Event(), new Event(), new Event()];
      const busy = turn % 10 === 0;
      if (busy) {
        pool.submit(moving.leaveTurn, running, gate, turned).then(null, () => {});
        running.waitSync();
      }
      const future = pool.with({ transfer: [bytes.buffer as ArrayBuffer] }).submit(moving.addOne, bytes as never);
      if (busy) {
        gate.set();
        // Until the worker, which has asked for the buffer, blocks no longer but waits by its event loop.
        turned.waitSync();
      }
      ({ bytes } = turn % 7 === 0 ? future.resultSync() : await future);
      assert.deepEqual([bytes.length, bytes[999]], [1000, (turn + 1) % 256]);
    }
  });

  check('each worker runs one task: what its result takes along arrives though it is gone', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, maxTasksPerWorker: 1 });
    for (let turn = 0; turn < rounds(10, 200); turn++) {
      const bytes = filled(100, turn % 256);
      const back = await pool.with({ transfer: [bytes.buffer] }).submit(moving.addOne, bytes);
      assert.equal(back.bytes[99], (turn + 1) % 256);
    }
  });

  check("Node's own pool of small buffers can't be taken away", async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const small = Buffer.from('abc');
    const { buffer } = Buffer.from('def');
    assert.throws(() => pool.with({ transfer: [buffer as ArrayBuffer] }).submit(moving.sum, small), {
      name: 'CloneError',
    });
    assert.equal(small.toString(), 'abc');
    assert.equal(await pool.submit(moving.sum, small), 97 + 98 + 99);
  });

  check('cancelled before it ran; a worker that dies with it; no retry of what is gone', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const running = new Event();
    const first = filled(10);
    const busy = pool.with({ transfer: [first.buffer], force: true }).submit(moving.holdOn as never, first, running);
    await running.wait();
    const second = filled(10);
    const waiting = pool.with({ transfer: [second.buffer] }).submit(moving.sum, second);
    assert.equal(waiting.cancel(), true);
    assert.equal(busy.cancel(), true);
    const third = filled(10);
    const dying = pool.with({ transfer: [third.buffer], retries: 3 }).submit(moving.exit as never, third);
    await assert.rejects(dying.result(), WorkerCrashedError);
    assert.equal(await pool.submit(square, 4), 16);
  });

  check('who submitted ends before it has given what it transferred: the worker goes on', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [gate, taken] = [new Event(), new Event()];
    const before = pool.submit(waitFor, gate);
    const thread = new Thread({ target: moving.submitAndGoOn, args: [pool, gate, taken] as never }).start();
    await taken.wait();
    await thread.terminate();
    assert.equal(await before, 'went through');
    assert.equal(await pool.submit(square, 5), 25);
  });

  check('misuse', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const bytes = filled(10);
    assert.throws(() => pool.with({ transfer: bytes.buffer as never }), /^TypeError: with: transfer is no array/);
    assert.throws(() => pool.with({ transfer: [{} as never] }).submit(moving.sum, bytes), {
      name: 'CloneError',
      message: /^transfer: .*Give ArrayBuffers and message ports\.$/,
    });
    assert.throws(
      () => pool.with({ transfer: [bytes.buffer] }).submit(moving.sum as never, bytes, Symbol('x')),
      /args\[1\]/,
    );
    assert.equal(bytes.byteLength, 10, 'nothing is detached for a task that was refused');
    assert.throws(
      () => pool.with({ transfer: [bytes.buffer] }).map(moving.sum, [bytes]),
      /^TypeError: map: transfer is for submit/,
    );
    await assert.rejects(pool.submit(moving.makeAndSpoil, 10).result(), { name: 'CloneError', message: /bad/ });
    pool.with({ transfer: [bytes.buffer] }).submit(moving.sum, bytes);
    assert.throws(() => pool.submit(moving.sum, bytes), { message: /its buffer is detached/ });
  });
});
