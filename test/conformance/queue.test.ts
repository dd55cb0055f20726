/** What CPython promises of `queue.Queue`, `LifoQueue` and `PriorityQueue`, a test a promise and kind. */
import assert from 'node:assert/strict';
import { Empty, Full, LifoQueue, PriorityQueue, Queue, ShutDown } from '../../src/queue/index.ts';
import { i32, Value } from '../../src/shared/index.ts';
import { Event, RuntimeError, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { addUp, attempt, getOne, putOne } from './fixtures/queues.ts';

/** Starts threads that make one call each. */
function attempts(queue: Queue<unknown>, calls: ('get' | 'put' | 'getAndFinish' | 'join')[], go?: Event): Thread[] {
  return calls.map(
    (call) => new Thread({ target: attempt, args: [queue, call, go] as never }).start() as unknown as Thread,
  );
}

function results(threads: Thread[]): Promise<unknown[]> {
  return Promise.all(threads.map((thread) => thread.result()));
}

for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
  const { name } = Kind;

  check(`${name}: join waits for every taskDone, twice over (BaseQueueTestMixin.test_queue_join)`, async () => {
    const queue = new Kind<number>();
    for (let time = 0; time < 2; time++) {
      const sum = new Value(i32, 0);
      const workers = [1, 2].map(() => new Thread({ target: addUp, args: [queue, sum] }).start());
      for (let item = 0; item < 100; item++) queue.putSync(item);
      assert.equal(queue.joinSync(), true);
      assert.equal(sum.value, 4950);
      for (const _ of workers) queue.putSync(-1);
      assert.equal(await queue.join(), true);
      for (const worker of workers) await worker.result();
    }
    assert.throws(() => queue.taskDone(), RuntimeError);
  });

  check(`${name}: order, sizes, Full and Empty, and real waiting (BaseQueueTestMixin.test_basic)`, async () => {
    const queue = new Kind<unknown>(5);
    const order = { Queue: [111, 333, 222], LifoQueue: [222, 333, 111], PriorityQueue: [111, 222, 333] }[name];
    for (let time = 0; time < 2; time++) {
      assert.deepEqual([queue.qsize(), queue.empty(), queue.full()], [0, true, false]);
      for (const item of [111, 333, 222]) queue.putSync(item);
      assert.deepEqual([queue.qsize(), queue.empty(), queue.full()], [3, false, false]);
      assert.deepEqual([queue.getSync(), queue.getSync(), queue.getSync()], order);
      for (let item = 0; item < 5; item++) queue.putSync(item);
      assert.deepEqual([queue.qsize(), queue.empty(), queue.full()], [5, false, true]);
      assert.equal(queue.tryPut(6), false);
      assert.throws(() => queue.putSync(6, { timeout: 10 }), Full);
      await assert.rejects(queue.put(6, { timeout: 10 }), Full);
      for (const options of [undefined, { timeout: 10_000 }]) {
        const putter = new Thread({ target: putOne, args: [queue, 7, options] as never }).start();
        await until(() => queue.statistics().putters === 1);
        assert.equal(putter.isAlive(), true);
        queue.getSync();
        assert.equal(await putter.result(), 'put');
        assert.equal(queue.full(), true);
      }
      for (let item = 0; item < 5; item++) queue.getSync();
      assert.equal(queue.empty(), true);
      assert.equal(queue.tryGet(), undefined);
      assert.throws(() => queue.getSync({ timeout: 10 }), Empty);
      await assert.rejects(queue.get({ timeout: 10 }), Empty);
      for (const options of [undefined, { timeout: 10_000 }]) {
        const getter = new Thread({ target: getOne, args: [queue, options] as never }).start();
        await until(() => queue.statistics().getters === 1);
        assert.equal(getter.isAlive(), true);
        queue.putSync('now');
        assert.equal(await getter.result(), 'now');
      }
    }
  });

  check(
    `${name}: a negative timeout is refused (BaseQueueTestMixin.test_negative_timeout_raises_exception)`,
    async () => {
      const queue = new Kind<number>(1);
      assert.throws(() => queue.putSync(1, { timeout: -1 }), RangeError);
      await assert.rejects(queue.put(1, { timeout: -1 }), RangeError);
      assert.throws(() => queue.getSync({ timeout: -1 }), RangeError);
      await assert.rejects(queue.get({ timeout: -1 }), RangeError);
    },
  );

  check(`${name}: a bound lowered below what is in means full (BaseQueueTestMixin.test_shrinking_queue)`, () => {
    const queue = new Kind<number>(3);
    for (const item of [111, 222, 333]) queue.putSync(item);
    assert.equal(queue.tryPut(444), false);
    queue.maxSize = 2;
    assert.equal(queue.full(), true);
    assert.equal(queue.tryPut(444), false);
    assert.equal(queue.qsize(), 3);
  });

  check(`${name}: shut down while empty, nothing goes in or out (BaseQueueTestMixin.test_shutdown_empty)`, async () => {
    const queue = new Kind<string>();
    queue.shutdown();
    assert.throws(() => queue.putSync('data'), ShutDown);
    assert.throws(() => queue.getSync(), ShutDown);
    await assert.rejects(queue.put('data'), ShutDown);
    await assert.rejects(queue.get(), ShutDown);
  });

  check(`${name}: shut down with an item, that comes out yet (BaseQueueTestMixin.test_shutdown_nonempty)`, () => {
    const queue = new Kind<string>();
    queue.putSync('data');
    queue.shutdown();
    assert.equal(queue.getSync(), 'data');
    assert.throws(() => queue.getSync(), ShutDown);
  });

  check(`${name}: shut down stays shut down (BaseQueueTestMixin.test_shutdown_allowed_transitions)`, () => {
    const queue = new Kind<number>();
    assert.equal(queue.isShutDown, false);
    queue.shutdown();
    assert.equal(queue.isShutDown, true);
    queue.shutdown({ immediate: true });
    assert.equal(queue.isShutDown, true);
    queue.shutdown({ immediate: false });
    assert.equal(queue.isShutDown, true);
  });

  check(
    `${name}: after a shutdown the rest is taken and worked off (BaseQueueTestMixin.test_shutdown_all_methods_in_one_thread)`,
    () => {
      const queue = new Kind<string>(2);
      queue.putSync('L');
      queue.tryPut('O');
      queue.shutdown();
      assert.throws(() => queue.putSync('E'), ShutDown);
      assert.throws(() => queue.tryPut('W'), ShutDown);
      assert.deepEqual([queue.getSync(), queue.tryGet()].sort(), ['L', 'O']);
      queue.taskDone();
      queue.taskDone();
      assert.equal(queue.joinSync(), true);
      for (const get of [() => queue.getSync(), () => queue.tryGet(), () => queue.getSync({ timeout: 1000 })])
        assert.throws(get, ShutDown);
    },
  );

  check(
    `${name}: at once, everything says so (BaseQueueTestMixin.test_shutdown_immediate_all_methods_in_one_thread)`,
    () => {
      const queue = new Kind<string>(2);
      queue.putSync('L');
      queue.tryPut('O');
      queue.shutdown({ immediate: true });
      assert.throws(() => queue.putSync('E'), ShutDown);
      assert.throws(() => queue.tryPut('W'), ShutDown);
      assert.throws(() => queue.getSync(), ShutDown);
      assert.throws(() => queue.tryGet(), ShutDown);
      assert.throws(() => queue.taskDone(), RuntimeError);
      assert.equal(queue.joinSync(), true);
    },
  );

  check(
    `${name}: at once, among many threads (BaseQueueTestMixin.test_shutdown_immediate_all_methods_in_many_threads)`,
    async () => {
      const queue = new Kind<unknown>(20);
      for (let item = 0; item < 20; item++) queue.putSync('x');
      const threads = attempts(queue, ['put', 'put', 'put', 'join', 'join']);
      await until(() => queue.statistics().putters === 3 && queue.statistics().joiners === 2);
      queue.shutdown({ immediate: true });
      assert.equal(queue.qsize(), 0);
      const late = attempts(queue, ['get', 'get', 'put']);
      const shut = 'TELAIO_SHUT_DOWN';
      assert.deepEqual(await results(threads), [shut, shut, shut, true, true]);
      assert.deepEqual(await results(late), [shut, shut, shut]);
      assert.equal(queue.qsize(), 0);
    },
  );

  check(`${name}: three getters, two items (BaseQueueTestMixin.test_shutdown_get)`, async () => {
    const queue = new Kind<unknown>(2);
    queue.putSync('Y');
    queue.putSync('D');
    const go = new Event();
    const getters = attempts(queue, ['get', 'get', 'get'], go);
    queue.shutdown();
    go.set();
    assert.deepEqual((await results(getters)).sort(), ['D', 'TELAIO_SHUT_DOWN', 'Y']);
  });

  check(`${name}: at once, no getter gets any (BaseQueueTestMixin.test_shutdown_immediate_get)`, async () => {
    const queue = new Kind<unknown>(2);
    queue.putSync('Y');
    queue.putSync('D');
    const go = new Event();
    const getters = attempts(queue, ['get', 'get'], go);
    queue.shutdown({ immediate: true });
    go.set();
    assert.deepEqual(await results(getters), ['TELAIO_SHUT_DOWN', 'TELAIO_SHUT_DOWN']);
  });

  for (const immediate of [false, true]) {
    check(
      `${name}: putters held back until after it, immediate ${immediate} (BaseQueueTestMixin.test_shutdown_immediate_put)`,
      async () => {
        const queue = new Kind<unknown>(2);
        const go = new Event();
        const putters = attempts(queue, ['put', 'put'], go);
        queue.shutdown({ immediate });
        go.set();
        assert.deepEqual(await results(putters), ['TELAIO_SHUT_DOWN', 'TELAIO_SHUT_DOWN']);
        assert.equal(queue.qsize(), 0);
      },
    );
  }

  check(`${name}: joiners wait for the rest to be worked off (BaseQueueTestMixin.test_shutdown_join)`, async () => {
    const queue = new Kind<unknown>();
    queue.putSync('Y');
    const joiners = attempts(queue, ['join', 'join']);
    await until(() => queue.statistics().joiners === 2);
    queue.shutdown();
    assert.equal(await queue.join({ timeout: 20 }), false);
    assert.ok(joiners.every((joiner) => joiner.isAlive()));
    queue.getSync();
    queue.taskDone();
    assert.deepEqual(await results(joiners), [true, true]);
  });

  check(`${name}: at once, joiners go (BaseQueueTestMixin.test_shutdown_immediate_join)`, async () => {
    const queue = new Kind<unknown>();
    queue.putSync('Y');
    const joiners = attempts(queue, ['join', 'join']);
    await until(() => queue.statistics().joiners === 2);
    queue.shutdown({ immediate: true });
    assert.deepEqual(await results(joiners), [true, true]);
  });

  check(
    `${name}: at once, with a joiner, a putter and a getter (BaseQueueTestMixin.test_shutdown_immediate_put_join)`,
    async () => {
      const queue = new Kind<unknown>(2);
      queue.putSync('Y');
      const joiners = attempts(queue, ['join']);
      await until(() => queue.statistics().joiners === 1);
      const go = new Event();
      const putters = attempts(queue, ['put'], go);
      queue.shutdown({ immediate: true });
      go.set();
      assert.throws(() => queue.tryGet(), ShutDown);
      assert.deepEqual(await results(putters), ['TELAIO_SHUT_DOWN']);
      assert.deepEqual(await results(joiners), [true]);
    },
  );

  check(
    `${name}: consumers and joiners across a shutdown (BaseQueueTestMixin.test_shutdown_get_task_done_join)`,
    async () => {
      const queue = new Kind<unknown>(2);
      queue.putSync('Y');
      queue.putSync('D');
      assert.equal(queue.statistics().unfinished, queue.qsize());
      const joiners = attempts(queue, ['join', 'join']);
      await until(() => queue.statistics().joiners === 2);
      const go = new Event();
      const consumers = attempts(queue, ['getAndFinish', 'getAndFinish'], go);
      queue.shutdown();
      go.set();
      assert.deepEqual((await results(consumers)).sort(), ['D', 'Y']);
      assert.deepEqual(await results(joiners), [true, true]);
    },
  );

  check(`${name}: a getter that waits is woken (BaseQueueTestMixin.test_shutdown_pending_get)`, async () => {
    const queue = new Kind<unknown>();
    const [getter] = attempts(queue, ['get']);
    const here = queue.get();
    await until(() => queue.statistics().getters === 2);
    const refused = assert.rejects(here, ShutDown);
    queue.shutdown();
    assert.equal(await getter.result(), 'TELAIO_SHUT_DOWN');
    await refused;
  });
}
