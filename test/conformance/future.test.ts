/**
 * What CPython promises of `concurrent.futures.Future`, a test a promise. There futures are driven by hand; here each
 * belongs to an executor, whose tasks are held at gates to have it in the state that is wanted. There is one cancelled
 * state, since a task that was cancelled is taken back at once and no worker has to hear of it.
 *
 * differs: FutureTests.test_multiple_set_result — a future is settled by its executor alone, once; there is no set_result to call a second time
 * differs: FutureTests.test_get_snapshot — a future belongs to one thread, where nothing changes between two reads of one turn; there is no hook to read all at once
 */
import assert from 'node:assert/strict';
import { CancelledError, type Future, ThreadPoolExecutor, TimeoutError } from '../../src/futures/index.ts';
import { Event, getIdent } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { settled, until } from '../support/threads.ts';
import { everyState, type States } from './fixtures/futures.ts';
import * as tasks from './fixtures/tasks.ts';

const failure = { name: 'RangeError', message: 'failed' };

function valuesOf<T>(states: States, read: (future: Future<unknown>) => T): Record<string, T> {
  const { pending, running, cancelled, failed, successful } = states;
  const all = Object.entries({ pending, running, cancelled, failed, successful });
  return Object.fromEntries(all.map(([state, future]) => [state, read(future as Future<unknown>)]));
}

check(
  'a callback is called with the future when the task gives its value (FutureTests.test_done_callback_with_result) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const future = pool.submit(tasks.giveAfter<number>, gate, 5);
    const calls: unknown[] = [];
    future.addDoneCallback((it) => void calls.push(it === future, it.resultSync()));
    assert.deepEqual(calls, []);
    gate.set();
    await until(() => future.done());
    assert.deepEqual(calls, [true, 5]);
  },
);

check(
  'and when it throws, with the error to be had (FutureTests.test_done_callback_with_exception) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const future = pool.submit(tasks.failAfter, gate, 'test');
    const seen: Promise<Error | undefined>[] = [];
    future.addDoneCallback((it) => void seen.push(it.exception()));
    gate.set();
    await until(() => future.done());
    assert.equal(seen.length, 1);
    const error = await seen[0];
    assert.equal(error?.message, 'test');
    assert.equal(error, await future.exception());
  },
);

check('and when it is cancelled, within cancel() (FutureTests.test_done_callback_with_cancel)', async () => {
  await using states = await everyState();
  const { pending } = states;
  const calls: unknown[] = [];
  pending.addDoneCallback((it) => void calls.push(it === pending, it.cancelled()));
  assert.equal(pending.cancel(), true);
  assert.deepEqual(calls, [true, true]);
});

check(
  'of one that is done already it is called at once (FutureTests.test_done_callback_already_successful)',
  async () => {
    await using states = await everyState();
    const calls: unknown[] = [];
    states.successful.addDoneCallback((it) => void calls.push(it === states.successful, it.resultSync()));
    assert.deepEqual(calls, [true, 42]);
  },
);

check('of one that failed, too (FutureTests.test_done_callback_already_failed)', async () => {
  await using states = await everyState();
  const seen: Promise<Error | undefined>[] = [];
  states.failed.addDoneCallback((it) => {
    assert.throws(() => it.resultSync(), failure);
    seen.push(it.exception());
  });
  assert.equal(seen.length, 1);
  assert.equal(await seen[0], await states.failed.exception());
});

check('of one that was cancelled, too (FutureTests.test_done_callback_already_cancelled)', async () => {
  await using states = await everyState();
  const calls: unknown[] = [];
  states.cancelled.addDoneCallback((it) => void calls.push(it === states.cancelled, it.cancelled()));
  assert.deepEqual(calls, [true, true]);
});

check('its text says how far it is (FutureTests.test_repr) [adapted]', async () => {
  await using states = await everyState();
  for (const [state, text] of Object.entries(valuesOf(states, String))) {
    const word = state === 'failed' || state === 'successful' ? 'finished' : state;
    assert.match(text, new RegExp(`^<Future ${word}\\b.*>$`));
  }
});

check(
  'cancel() takes back what has not begun, and changes nothing else (FutureTests.test_cancel) [adapted]',
  async () => {
    await using states = await everyState();
    const done = { cancelled: true, failed: false, successful: false };
    assert.deepEqual(
      valuesOf(states, (future) => future.cancel()),
      { pending: true, running: false, ...done },
    );
    const { pending, running, cancelled, failed, successful } = states;
    assert.deepEqual([pending.cancelled(), pending.done(), pending.running()], [true, true, false]);
    assert.deepEqual([running.cancelled(), running.done(), running.running()], [false, false, true]);
    assert.deepEqual([cancelled.cancelled(), cancelled.done()], [true, true]);
    assert.deepEqual([failed.cancelled(), failed.done()], [false, true]);
    await assert.rejects(failed.result(), failure);
    assert.deepEqual([successful.cancelled(), successful.done()], [false, true]);
    assert.equal(await successful, 42);
  },
);

check('cancelled() is true of what was cancelled only (FutureTests.test_cancelled) [adapted]', async () => {
  await using states = await everyState();
  const others = { pending: false, running: false, failed: false, successful: false };
  assert.deepEqual(
    valuesOf(states, (future) => future.cancelled()),
    { ...others, cancelled: true },
  );
});

check('running() is true of what runs only (FutureTests.test_running)', async () => {
  await using states = await everyState();
  const others = { pending: false, cancelled: false, failed: false, successful: false };
  assert.deepEqual(
    valuesOf(states, (future) => future.running()),
    { ...others, running: true },
  );
});

check('result() with a timeout of 0, in every state (FutureTests.test_result_with_timeout) [adapted]', async () => {
  await using states = await everyState();
  const { pending, running, cancelled, failed, successful } = states;
  for (const future of [pending, running]) {
    assert.throws(() => future.resultSync({ timeout: 0 }), TimeoutError);
    await assert.rejects(future.result({ timeout: 0 }), TimeoutError);
  }
  assert.throws(() => cancelled.resultSync({ timeout: 0 }), CancelledError);
  await assert.rejects(cancelled.result({ timeout: 0 }), CancelledError);
  assert.throws(() => failed.resultSync({ timeout: 0 }), failure);
  await assert.rejects(failed.result({ timeout: 0 }), failure);
  assert.equal(successful.resultSync({ timeout: 0 }), 42);
  assert.equal(await successful.result({ timeout: 0 }), 42);
});

check('resultSync() blocks until another thread gives the value (FutureTests.test_result_with_success)', async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
  const future = pool.submit(tasks.giveOnceBlocked<number>, getIdent(), 42);
  assert.equal(future.done(), false);
  assert.equal(future.resultSync({ timeout: 15_000 }), 42);
});

check(
  'exception() with a timeout of 0, in every state (FutureTests.test_exception_with_timeout) [adapted]',
  async () => {
    await using states = await everyState();
    const { pending, running, cancelled, failed, successful } = states;
    for (const future of [pending, running]) await assert.rejects(future.exception({ timeout: 0 }), TimeoutError);
    await assert.rejects(cancelled.exception({ timeout: 0 }), CancelledError);
    const error = await failed.exception({ timeout: 0 });
    assert.deepEqual([error?.name, error?.message], ['RangeError', 'failed']);
    assert.equal(await successful.exception({ timeout: 0 }), undefined);
  },
);

check(
  'exception() that waits gets the error when the task throws it (FutureTests.test_exception_with_success) [adapted]',
  async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = new Event();
    const future = pool.submit(tasks.failAfter, gate, 'late');
    const waiting = future.exception({ timeout: 15_000 });
    assert.equal(await settled(waiting), false);
    gate.set();
    assert.equal((await waiting)?.message, 'late');
  },
);
