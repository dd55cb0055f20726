/** The shared heap is exhausted in the middle of putMany: what is in stays the queue's, what is not is given back. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Queue } from '../../src/queue/index.ts';
import { Event, Lock } from '../../src/sync/index.ts';
import { check } from '../support/check.ts';

const fixture = fileURLToPath(new URL('./fixtures/exhausted.ts', import.meta.url));

for (const kind of ['Queue', 'LifoQueue', 'PriorityQueue']) {
  check(
    `${kind}: heap exhausted halfway through putMany`,
    async () => {
      for (const apart of [0, 1, 3]) {
        const env = { ...process.env, TELAIO_HEAP: '16MB' };
        const { stdout } = await promisify(execFile)(process.execPath, [fixture, kind, String(apart)], { env });
        assert.deepEqual(JSON.parse(stdout), { error: 'HeapExhaustedError', lost: 0, strange: 0, left: 0 });
      }
    },
    { timeout: 60_000 },
  );
}

check('a put comes after those of this thread that wait, also when room has come meanwhile', async () => {
  const queue = new Queue<number>(1);
  queue.putSync(1);
  const second = queue.put(2);
  assert.equal(queue.tryGet(), 1);
  const third = queue.put(3);
  const fourth = queue.putMany([4, 5]);
  const order: number[] = [];
  while (order.length < 4) order.push(await queue.get());
  await Promise.all([second, third, fourth]);
  assert.deepEqual(order, [2, 3, 4, 5]);
});

check('disposing of an object ends the waits for it that are under way', async () => {
  const error = { name: 'DisposedError' };
  const [event, lock, queue] = [new Event(), new Lock(), new Queue<number>()];
  lock.acquireSync();
  const waits = [event.wait(), event.wait({ timeout: 5_000 }), lock.acquire(), queue.get()];
  for (const object of [event, lock, queue]) object[Symbol.dispose]();
  for (const wait of waits) await assert.rejects(wait, error);
});
