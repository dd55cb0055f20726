import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { CloneError, Full, RuntimeError, ShutDown } from '../../src/errors.ts';
import { functionCodec, heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Condition, Event, Lock, RLock, Semaphore } from '../../src/sync/index.ts';
import { check } from '../support/check.ts';
import { settled, threadsOf, turns, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

describeWaits({
  name: 'Queue.put',
  timedOut: { error: Full },
  scene() {
    const queue = new Queue<number>(2);
    queue.putSync(0);
    queue.putSync(0);
    return {
      wait: (options) => queue.put(1, options),
      waitSync: (options) => queue.putSync(1, options),
      waiting: () => queue.statistics().putters,
      satisfy: () => void queue.getSync(),
      after: () => assert.equal(queue.qsize(), 2),
      blocked: () => start('putOnce', queue, 1),
    };
  },
});

describeWaits({
  name: 'Queue.join',
  timedOut: { value: false },
  scene() {
    const queue = new Queue<number>();
    const joiners = { waiting: 0 };
    queue.putSync(1);
    const counted = async (wait: Promise<boolean>): Promise<boolean> => {
      joiners.waiting++;
      try {
        return await wait;
      } finally {
        joiners.waiting--;
      }
    };
    return {
      wait: (options) => counted(queue.join(options)),
      waitSync: (options) => queue.joinSync(options),
      waiting: () => joiners.waiting,
      satisfy: () => {
        if (queue.statistics().unfinished > 0) queue.taskDone();
      },
      after: (outcome) => assert.equal(outcome, true),
    };
  },
});

check('first in, first out, in every form', async () => {
  const queue = new Queue<string>();
  queue.putSync('a');
  await queue.put('b');
  assert.equal(queue.tryPut('c'), true);
  assert.equal(queue.qsize(), 3);
  assert.equal(queue.empty(), false);
  assert.equal(queue.tryGet(), 'a');
  assert.equal(queue.getSync(), 'b');
  assert.equal(await queue.get(), 'c');
  assert.equal(queue.tryGet(), undefined);
  assert.equal(queue.empty(), true);
  assert.equal(queue.full(), false);
});

check('a bounded queue takes as many as its bound and no more', async () => {
  const queue = new Queue<number>(3);
  for (let item = 0; item < 3; item++) assert.equal(queue.tryPut(item), true);
  assert.equal(queue.full(), true);
  assert.equal(queue.tryPut(3), false);
  await assert.rejects(queue.put(3, { timeout: 1 }), {
    name: 'Full',
    code: 'TELAIO_FULL',
    message: /^<Queue #[0-9a-f]+ 3 of 3 items> had no room in 1 ms\.$/,
  });
  const waiting = [queue.put(3), queue.put(4)];
  await until(() => queue.statistics().putters === 2);
  assert.equal(queue.getSync(), 0);
  await waiting[0];
  assert.equal(await settled(waiting[1]), false);
  assert.deepEqual(queue.statistics(), { size: 3, maxSize: 3, putters: 1, getters: 0, joiners: 0, unfinished: 4 });
  for (let item = 1; item < 5; item++) assert.equal(await queue.get(), item);
  await waiting[1];
});

check('sizes: 0, negative and Infinity mean no bound; what is no whole number is refused', () => {
  for (const size of [0, -1, -5, Infinity, undefined]) assert.equal(new Queue(size).maxSize, 0);
  assert.equal(new Queue(7).maxSize, 7);
  for (const size of [Number.NaN, 1.5, 2 ** 31]) {
    assert.throws(() => new Queue(size), { name: 'RangeError', message: new RegExp(`Queue\\(${size}\\)`) });
  }
});

check('an empty queue: Empty names the queue and the time', () => {
  assert.throws(() => new Queue().getSync({ timeout: 0 }), {
    name: 'Empty',
    code: 'TELAIO_EMPTY',
    message: /^<Queue #[0-9a-f]+ 0 items> had no item in 0 ms\.$/,
  });
});

check('values that are easily lost: undefined, null, NaN, -0, Infinity, the edges of integers', async () => {
  const values = [undefined, null, Number.NaN, -0, 0, Infinity, -Infinity, '', false, [], {}, 0n, -(2n ** 80n)];
  values.push(2 ** 31, -(2 ** 31), 2 ** 31 - 1, 2 ** 53, 0.1, Number.MIN_VALUE);
  const [there, back] = [new Queue(), new Queue()];
  await using thread = start('echo', there, back);
  for (const value of values) there.putSync(value);
  for (const value of values) assert.ok(Object.is(back.getSync(), value) || typeof value === 'object');
  there.putSync([values]);
  assert.deepEqual(back.getSync(), [values]);
  there.shutdown();
  await thread.result();
  // One that holds undefined is not empty.
  const queue = new Queue();
  queue.putSync(undefined);
  assert.equal(await queue.get({ timeout: 0 }), undefined);
  assert.equal(queue.empty(), true);
});

check(
  'items from one byte to 64 MB, there and back',
  async () => {
    const [there, back] = [new Queue<Uint8Array | string>(), new Queue<Uint8Array | string>()];
    await using thread = start('echo', there, back);
    const before = heap.usedBytes();
    for (let size = 1; size <= 64 * 2 ** 20; size *= 8) {
      for (const delta of [-1, 0, 1]) {
        const bytes = new Uint8Array(size + delta).fill(size % 251);
        bytes[bytes.length >> 1] = 7;
        there.putSync(bytes);
        assert.equal(Buffer.compare(back.getSync() as Uint8Array, bytes), 0, `${bytes.length} bytes`);
        if (size > 2 ** 22) continue;
        const text = 'aé'[delta & 1].repeat(size + delta);
        there.putSync(text);
        assert.equal(back.getSync(), text);
      }
    }
    const whole = new Uint8Array(64 * 2 ** 20).fill(3);
    there.putSync(whole);
    assert.equal(Buffer.compare(back.getSync() as Uint8Array, whole), 0);
    there.shutdown();
    await thread.result();
    assert.ok(heap.usedBytes() <= before + 4 * 2 ** 20, `${heap.usedBytes()} bytes after, ${before} before`);
  },
  { timeout: 40_000 },
);

check('shared objects are passed by reference: in one thread the same object comes back', async () => {
  const objects = [new Lock(), new RLock(), new Event(), new Semaphore(2), new Condition(), new Queue()];
  const [there, back] = [new Queue(), new Queue()];
  await using thread = start('echo', there, back);
  for (const object of objects) {
    there.putSync({ object, twice: [object] });
    const { object: first, twice } = back.getSync() as { object: object; twice: object[] };
    assert.equal(first, object);
    assert.equal(twice[0], object);
    there.putSync(object);
    assert.equal(back.getSync(), object);
  }
  there.shutdown();
  await thread.result();
});

check('a queue inside a queue, also inside itself', async () => {
  const queue = new Queue<Queue<string>>();
  const inner = new Queue<string>();
  await using thread = start('answer', queue);
  queue.putSync(inner);
  assert.equal(await inner.get(), 'answered');
  await thread.result();
  const self = new Queue<unknown>();
  self.putSync(self);
  assert.equal(self.getSync(), self);
});

check('what cannot be copied is refused with its path, and nothing goes in', async () => {
  const queue = new Queue();
  await assert.rejects(queue.put({ a: [Symbol('x')] }), {
    name: 'CloneError',
    message: /^value\.a\[0\] can't be copied/,
  });
  assert.throws(() => queue.putSync(new WeakMap()), CloneError);
  assert.throws(() => queue.tryPut({ deep: { p: Promise.resolve() } }), /value\.deep\.p .*await it first/);
  assert.deepEqual([queue.qsize(), queue.statistics().unfinished], [0, 0]);
});

check('a subclass arrives as that class, with its own properties and methods', async () => {
  class Pipeline extends Queue<number> {
    label = 'first';
    double(): number {
      return this.getSync() * 2;
    }
  }
  const before = functionCodec.current;
  // The floor above brings the real one; here a class is its name.
  functionCodec.current = {
    capture: () => ({ reference: { class: 'Pipeline' }, values: [] }),
    prepare: () => ({ fn: Pipeline, fill: () => {} }),
  };
  try {
    const queue = new Queue<Pipeline>();
    const pipeline = new Pipeline(4);
    queue.putSync(pipeline);
    assert.equal(queue.getSync(), pipeline);
    pipeline.putSync(21);
    assert.equal(pipeline.double(), 42);
    assert.match(String(pipeline), /^<Pipeline #[0-9a-f]+ 0 of 4 items>$/);
  } finally {
    functionCodec.current = before;
  }
});

check('taskDone and join', async () => {
  const queue = new Queue<number>();
  assert.equal(await queue.join(), true);
  assert.equal(queue.joinSync({ timeout: 0 }), true);
  assert.throws(() => queue.taskDone(), { name: 'RuntimeError', message: /^taskDone\(\) was called more often than/ });
  queue.putSync(1);
  queue.putSync(2);
  const joined = queue.join();
  await using thread = start('joinSync', queue);
  await thread.parked();
  queue.getSync();
  queue.getSync();
  queue.taskDone();
  assert.equal(await settled(joined), false);
  assert.equal(queue.statistics().unfinished, 1);
  queue.taskDone();
  assert.equal(await joined, true);
  assert.equal(await thread.result(), true);
  assert.throws(() => queue.taskDone(), RuntimeError);
});

check('shutdown: puts throw, gets go on until it is empty', async () => {
  const queue = new Queue<number>(2);
  queue.putSync(1);
  queue.putSync(2);
  const put = queue.put(3);
  await using blocked = start('errorOf', queue, 'putSync');
  await until(() => queue.statistics().putters === 2);
  queue.shutdown();
  await assert.rejects(put, { name: 'ShutDown', code: 'TELAIO_SHUT_DOWN', message: /takes no more items/ });
  assert.match(String(await blocked.result()), /^TELAIO_SHUT_DOWN: .*takes no more items/);
  assert.throws(() => queue.putSync(4), ShutDown);
  assert.throws(() => queue.tryPut(4), ShutDown);
  await assert.rejects(queue.put(4), ShutDown);
  assert.equal(queue.getSync(), 1);
  assert.match(String(queue), /^<Queue #[0-9a-f]+ 1 of 2 items, shut down>$/);
  assert.equal(queue.tryGet(), 2);
  assert.throws(() => queue.getSync(), { name: 'ShutDown', message: /has nothing more to give/ });
  assert.throws(() => queue.tryGet(), ShutDown);
  await assert.rejects(queue.get(), ShutDown);
  queue.shutdown();
});

check('shutdown wakes getters that wait, in every form', async () => {
  const queue = new Queue<number>();
  const get = queue.get();
  const iterated = Array.fromAsync(queue);
  await using blocked = start('errorOf', queue, 'getSync');
  await using iterating = start('consume', queue, 0);
  await until(() => queue.statistics().getters === 4);
  queue.shutdown();
  await assert.rejects(get, ShutDown);
  assert.deepEqual(await iterated, []);
  assert.match(String(await blocked.result()), /^TELAIO_SHUT_DOWN: .*nothing more to give/);
  assert.deepEqual(await iterating.result(), { taken: [], largest: 0 });
  assert.equal(queue.statistics().getters, 0);
});

check('shutdown({ immediate }) throws the items away and counts them as done', async () => {
  const queue = new Queue<unknown>();
  const held = new Lock();
  for (const item of [1, 'x', held, { big: 'x'.repeat(5000) }, 0.5]) queue.putSync(item);
  const joined = queue.join();
  queue.shutdown({ immediate: true });
  assert.equal(await joined, true);
  assert.equal(queue.qsize(), 0);
  assert.throws(() => queue.getSync(), ShutDown);
  assert.equal(queue.statistics().unfinished, 0);
});

check('iteration, both ways, ends when the queue is shut down and empty', async () => {
  const queue = new Queue<number>();
  for (let item = 0; item < 5; item++) queue.putSync(item);
  const seen: number[] = [];
  for await (const item of queue) {
    seen.push(item);
    if (item === 2) break;
  }
  queue.shutdown();
  assert.deepEqual(seen, [0, 1, 2]);
  assert.deepEqual([...queue.itemsSync()], [3, 4]);
  assert.deepEqual(await Array.fromAsync(queue), []);
});

check('a thousand asynchronous getters and blocking threads at once: each item goes to one', async () => {
  const queue = new Queue<number>();
  await using threads = new AsyncDisposableStack();
  const blocked = [1, 2, 3].map(() => threads.use(start('getOnce', queue)));
  const local = Array.from({ length: 1000 }, () => queue.get());
  for (const thread of blocked) await thread.parked();
  await until(() => queue.statistics().getters === 1003);
  for (let item = 0; item < 1003; item++) {
    queue.putSync(item);
    if (item % 100 === 0) await turns(1);
  }
  const got = [...(await Promise.all(local)), ...(await Promise.all(blocked.map((thread) => thread.result())))];
  assert.deepEqual(
    (got as number[]).sort((a, b) => a - b),
    [...Array(1003).keys()],
  );
  assert.deepEqual(queue.statistics().getters, 0);
});

check('a disposed queue says so', () => {
  const queue = new Queue();
  queue[Symbol.dispose]();
  queue[Symbol.dispose]();
  assert.throws(() => queue.putSync(1), { name: 'DisposedError', message: /This Queue was disposed/ });
  assert.equal(inspect(queue), '<disposed Queue>');
});
