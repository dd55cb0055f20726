/**
 * What CPython promises of `concurrent.futures.InterpreterPoolExecutor`, whose workers share no objects either, as far as
 * it applies to a ThreadPoolExecutor here. Closures cross, and objects do by copy: what is refused there works, or fails
 * in another way.
 *
 * differs: AsyncioTest.test_default_executor — Node's event loop has no executor that could be set
 */
import assert from 'node:assert/strict';
import { BrokenExecutor, ThreadPoolExecutor } from '../../src/futures/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { turns, until } from '../support/threads.ts';
import { broken } from '../threading/fixtures/broken-elsewhere.ts';
import * as tasks from './fixtures/tasks.ts';

check(
  'the initializer runs in the worker, with its arguments (InterpreterPoolExecutorTest.test_init_func)',
  async () => {
    const messages = new Queue<string>();
    const options = { maxWorkers: 1, initializer: tasks.put<string>, initArgs: [messages, 'this is a message'] };
    await using pool = new ThreadPoolExecutor(options);
    assert.equal(messages.qsize(), 0);
    await pool.submit(tasks.square, 1);
    assert.equal(messages.tryGet(), 'this is a message');
    assert.equal(messages.tryGet(), undefined);
  },
);

check('it may be a closure (InterpreterPoolExecutorTest.test_init_closure) [adapted]', async () => {
  const initializer = tasks.preparerOf({ text: 'from a closure' });
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1, initializer });
  assert.equal(await pool.submit(tasks.whatWasPrepared), 'from a closure');
});

const bound = {
  name: 'FunctionError',
  message: /^Function bound spam .*native code.* Pass an arrow function that calls it/,
};

check(
  'a bound method is refused, with the mend (InterpreterPoolExecutorTest.test_init_instance_method) [adapted]',
  async () => {
    const local = tasks.instanceOfLocalClass();
    // At once, or with the first worker; never as a task that hangs.
    assert.throws(() => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 1, initializer: local.spam.bind(local) });
      pool.submit(tasks.square, 2);
    }, bound);
  },
);

check(
  'an initializer that throws is told by the futures (InterpreterPoolExecutorTest.test_init_exception_in_func) [adapted]',
  async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1, initializer: tasks.fail, initArgs: ['spam'] });
    await assert.rejects(pool.submit(tasks.square, 2).result(), (error) => {
      assert.ok(error instanceof BrokenExecutor);
      const cause = error.cause as Error;
      assert.deepEqual([cause.name, cause.message], ['RangeError', 'spam']);
      assert.match(cause.stack!, /fixtures\/tasks\.ts/);
      return true;
    });
    await pool.shutdown();
  },
);

check(
  'an instance of a local class arrives as a plain object (InterpreterPoolExecutorTest.test_submit_local_instance) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const local = tasks.instanceOfLocalClass();
    const [copy] = (await pool.submit(tasks.giveBack, local)) as [object];
    assert.equal(Object.getPrototypeOf(copy), Object.prototype);
    assert.deepEqual(Object.keys(copy), []);
    // What calls it is told so by the task, and the worker lives.
    await assert.rejects(pool.submit(tasks.callSpam, local).result(), { message: /spam is not a function/ });
    assert.equal(await pool.submit(tasks.square, 3), 9);
  },
);

check(
  'nor is a bound method submitted (InterpreterPoolExecutorTest.test_submit_instance_method) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const local = tasks.instanceOfLocalClass();
    assert.throws(() => pool.submit(local.spam.bind(local)), bound);
    assert.equal(await pool.submit(tasks.square, 3), 9);
  },
);

check('a task runs in its own module (InterpreterPoolExecutorTest.test_submit_func_globals) [adapted]', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  const file = new URL('./fixtures/tasks.ts', import.meta.url).href;
  assert.deepEqual(await pool.submit(tasks.moduleOfTask), [file, false]);
});

check('sixty tasks that block have four workers (InterpreterPoolExecutorTest.test_saturation)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 4 });
  const permissions = new Queue<boolean>();
  const ready = new Queue<number>();
  for (let n = 0; n < 60; n++) pool.submit(tasks.reportAndBlock, ready, permissions, n);
  for (let n = 0; n < 4; n++) await ready.get();
  assert.equal(pool.statistics().workers, 4);
  for (let n = 0; n < 60; n++) permissions.putSync(true);
});

/** Ten tasks that block, let go as many as have come. */
async function letGo(pool: ThreadPoolExecutor): Promise<void> {
  const [ready, permissions] = [new Queue<number>(), new Queue<boolean>()];
  const futures = Array.from({ length: 10 }, (_, n) => pool.submit(tasks.reportAndBlock, ready, permissions, n));
  const reported = new Set<number>();
  while (reported.size < 10) {
    reported.add(await ready.get());
    permissions.putSync(true);
  }
  assert.deepEqual(await Promise.all(futures), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

check('tasks that block are all run (InterpreterPoolExecutorTest.test_blocking)', async () => {
  await using pool = new ThreadPoolExecutor();
  await letGo(pool);
});

check('by four workers, too (InterpreterPoolExecutorTest.test_blocking_with_limited_workers)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 4 });
  await letGo(pool);
});

check(
  'a function that cannot be had in the worker fails its task (InterpreterPoolExecutorTest.test_pickle_errors_propagate) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    await assert.rejects(pool.submit(broken).result(), { message: /not in a thread/ });
    assert.equal(await pool.submit(tasks.square, 3), 9);
  },
);

check(
  'workers are named after their executor (InterpreterPoolExecutorTest.test_thread_name_prefix) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.match(await pool.submit(tasks.nameOfWorker), /^ThreadPoolExecutor-\d+_0$/);
  },
);

check(
  'the kernel, too, as far as it fits (InterpreterPoolExecutorTest.test_thread_name_prefix_with_thread_get_name) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await pool.submit(tasks.kernelName), 'ThreadPoolExecutor-'.slice(0, 15));
  },
  { skip: process.platform !== 'linux' && 'only on Linux can a thread read what the kernel calls it' },
);

check(
  'a wait that was given up hears nothing of the end of the task (AsyncioTest.test_run_in_executor_cancel) [adapted]',
  async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    try {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const gate = new Event();
      const futures = [pool.submit(tasks.waitFor, gate), pool.submit(tasks.failAfter, gate, 'late')];
      const controller = new AbortController();
      const ends = Promise.allSettled(futures.map((future) => future.result({ signal: controller.signal })));
      controller.abort('given up');
      for (const end of await ends) assert.deepEqual(end, { status: 'rejected', reason: 'given up' });
      gate.set();
      await until(() => futures.every((future) => future.done()));
      await turns();
      assert.deepEqual(unhandled, []);
    } finally {
      process.off('unhandledRejection', listener);
    }
  },
);
