/**
 * What CPython promises of `_thread`: threads by hand, handles, stack sizes. Here a `Thread` is its own handle.
 *
 * differs: ThreadRunningTests.test_set_done_unstarted — a Thread is its own handle, and nobody but the thread can mark it as done
 */
import assert from 'node:assert/strict';
import { heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { i32, Value } from '../../src/shared/index.ts';
import { Event, enumerate, Lock, setExceptHook, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { collected } from '../support/collected.ts';
import { isBlocked } from '../support/isolates.ts';
import { until } from '../support/threads.ts';
import * as targets from './fixtures/targets.ts';
import { startAll } from './fixtures/threads.ts';

const blocked = (ident: number | undefined): boolean => isBlocked(heap, ident);

check('ten threads run, and the last wakes the main thread (ThreadRunningTests.test_starting_threads)', () => {
  const count = new Value(i32, 0);
  const done = new Lock();
  done.acquireSync();
  startAll(10, targets.arrive, [count, 10, done]);
  done.acquireSync();
  assert.equal(count.value, 10);
});

const withStack = (stackSizeMb: number) => new Thread({ target: targets.depth, resourceLimits: { stackSizeMb } });

check('a stack is 0 for the default, or large enough (ThreadRunningTests.test_stack_size) [adapted]', async () => {
  const depth = await new Thread({ target: targets.depth }).start().result();
  const same = await withStack(0).start().result();
  assert.ok(Math.abs(same - depth) < 0.2 * depth, `${same} calls deep instead of ${depth}`);
  for (const wrong of [123 / 2 ** 20, -4096, -1, Number.NaN, 0.4]) assert.throws(() => withStack(wrong), RangeError);
});

check('a stack that is asked for is had (ThreadRunningTests.test_nt_and_posix_stack_size) [adapted]', async () => {
  const depths: number[] = [];
  for (const size of [0.5, 1, 2]) depths.push(await withStack(size).start().result());
  for (let index = 1; index < depths.length; index++)
    assert.ok(depths[index] > 1.5 * depths[index - 1], String(depths));
});

check(
  'an error goes to the hook, once, and not to who started it (ThreadRunningTests.test_unraisable_exception) [adapted]',
  async () => {
    const told = new Queue<string>();
    setExceptHook(({ error, thread, target }) => {
      told.putSync(`${(error as Error).message} | ${thread.name} | ${target.split(' (')[0]}`);
    });
    try {
      const thread = new Thread({ target: targets.fail, args: ['task failed'], name: 'task' }).start();
      assert.equal(thread.joinSync(), true);
      assert.equal(await told.get(), 'task failed | task | target fail');
      assert.equal(told.tryGet(), undefined);
    } finally {
      setExceptHook(undefined);
    }
  },
);

check(
  'join returns when the task is done, and the idents agree (ThreadRunningTests.test_join_thread) [adapted]',
  async () => {
    const [running, gate] = [new Event(), new Event()];
    const thread = new Thread({ target: targets.sayAndWait, args: [running, gate] }).start();
    running.waitSync();
    assert.equal(thread.joinSync({ timeout: 20 }), false);
    gate.set();
    assert.equal(thread.joinSync(), true);
    assert.equal(await thread.result(), thread.ident);
  },
);

check('joining one that has ended returns (ThreadRunningTests.test_join_thread_already_exited) [adapted]', async () => {
  const thread = new Thread().start();
  await until(() => !thread.isAlive());
  for (let time = 0; time < 2; time++) {
    assert.equal(thread.joinSync(), true);
    assert.equal(await thread.join(), true);
  }
});

check('one that is dropped unjoined runs on (ThreadRunningTests.test_joinable_not_joined) [adapted]', async () => {
  const [gate, done] = [new Event(), new Event()];
  const starter = new Thread({ target: targets.startAndLeave, args: [gate, done] }).start();
  await starter.join();
  const dropped = (() => {
    const target = (open: Event): boolean => open.waitSync();
    return new WeakRef(new Thread({ target, args: [gate] }).start());
  })();
  await collected(() => dropped.deref() === undefined);
  assert.equal(done.isSet(), false);
  gate.set();
  assert.equal(await done.wait(), true);
  await until(() => enumerate().length === 1);
});

check(
  'joining oneself fails, others join all the same (ThreadRunningTests.test_join_from_self) [adapted]',
  async () => {
    const thread = new Thread({ target: targets.joinSelf }).start();
    assert.equal(thread.joinSync(), true);
    assert.match(await thread.result(), /^RuntimeError: .*can't join itself/);
  },
);

check('also while it is being joined (ThreadRunningTests.test_join_then_self_join) [adapted]', async () => {
  const joining = new Event();
  const joined = new Thread({ target: targets.joinSelfThenWait, args: [joining] }).start();
  const joiner = new Thread({ target: targets.joinOther, args: [joined as never] }).start();
  await until(() => blocked(joiner.ident));
  joining.set();
  assert.equal(await joiner.result(), true);
  assert.match(await joined.result(), /^RuntimeError: .*can't join itself/);
});

check('one that was not started can not be joined (ThreadRunningTests.test_join_unstarted) [adapted]', async () => {
  const thread = new Thread();
  assert.throws(() => thread.joinSync(), { name: 'RuntimeError', message: /before it is started/ });
  await assert.rejects(thread.join(), { name: 'RuntimeError', message: /before it is started/ });
});

check('nothing is started twice (ThreadRunningTests.test_start_duplicate_handle) [adapted]', async () => {
  const gate = new Event();
  const thread = new Thread({ target: targets.waitFor, args: [gate] }).start();
  assert.throws(() => thread.start(), { name: 'RuntimeError', message: /was started before/ });
  gate.set();
  assert.equal(await thread.result(), 'went through');
});

check('two plain locks make a barrier, gone through three times by ten (BarrierTest.test_barrier)', async () => {
  const [entry, exit] = [new Lock(), new Lock()];
  const inside = new Value(i32, 0);
  const passes = new Queue<number>();
  exit.acquireSync();
  const threads = startAll(10, targets.passBarrier, [entry, exit, inside, 10, passes, 3]);
  for (const thread of threads) assert.equal(await thread.join(), true);
  const order: number[] = [];
  for (let pass = passes.tryGet(); pass !== undefined; pass = passes.tryGet()) order.push(pass);
  // Nobody passes a second time before all have passed once.
  assert.deepEqual(order, [...Array(10).fill(0), ...Array(10).fill(1), ...Array(10).fill(2)]);
  assert.deepEqual([entry.locked(), exit.locked()], [false, true]);
});
