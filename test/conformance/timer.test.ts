/** What CPython promises of `threading.Timer`, a test a promise. Its interval is in milliseconds. */
import assert from 'node:assert/strict';
import { Queue } from '../../src/queue/index.ts';
import { type Event, Timer } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';

const tell = (to: Queue<number>, ...items: number[]): void => to.putSync(items.length);

check(
  'two timers made without arguments have lists of their own (TimerTests.test_init_immutable_default_args)',
  async () => {
    const told = new Queue<number>();
    const count = (...given: unknown[]): number => given.length;
    const first = new Timer<unknown[], number>(10, count);
    assert.equal(first.args!.length, 0);
    first.args!.push('blah');
    const second = new Timer<unknown[], number>(10, count);
    assert.equal(second.args!.length, 0);
    // What is in the list at the start is what the function gets.
    assert.equal(await first.start().result(), 1);
    assert.equal(await second.start().result(), 0);
    // A list that two are given is copied as well.
    const shared: [Queue<number>, ...number[]] = [told];
    const third = new Timer(0, tell, shared);
    shared.push(1, 2);
    third.start();
    assert.equal(await third.join(), true);
    assert.equal(told.getSync(), 0);
  },
);

check('interval, function, args and finished can be read; finished is set at the end', async () => {
  const told = new Queue<number>();
  const timer = new Timer(20, tell, [told, 1, 2]);
  assert.equal(timer.interval, 20);
  assert.equal(timer.function, tell);
  assert.deepEqual(timer.args, [told, 1, 2]);
  const finished: Event = timer.finished;
  assert.equal(finished.isSet(), false);
  timer.start();
  assert.equal(await finished.wait({ timeout: 10_000 }), true);
  assert.equal(told.getSync(), 2);
  await timer.join();
});

check('cancel() while it waits ends it without the call, and sets finished', async () => {
  const told = new Queue<number>();
  const timer = new Timer(60_000, tell, [told]).start();
  const start = performance.now();
  timer.cancel();
  assert.equal(await timer.join({ timeout: 10_000 }), true);
  assert.ok(performance.now() - start < 5_000);
  assert.equal(timer.finished.isSet(), true);
  assert.equal(told.empty(), true);
});

check('cancel() after the call does nothing', async () => {
  const told = new Queue<number>();
  const timer = new Timer(0, tell, [told, 7]).start();
  await timer.join();
  timer.cancel();
  assert.equal(told.getSync(), 1);
  assert.equal(told.empty(), true);
});
