/**
 * What CPython promises of `threading.Barrier`, a test a promise.
 *
 * Adapted: test_repr reads `toString()` and `util.inspect`. In all others seconds are milliseconds, ValueError is
 * RangeError, and the properties are in camelCase.
 */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { i32, Value } from '../../src/shared/index.ts';
import { Barrier, BrokenBarrierError } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { abortAndReset, countCalls, meetAndLook, meetOnce, meetThenAbort, passTwoPoints } from './fixtures/barriers.ts';
import { isAbout, resultsOf, startAll, timed } from './fixtures/threads.ts';

const PARTIES = 5;
const BROKEN = 'BrokenBarrierError';

check('less than one party is refused (BarrierTests.test_constructor)', () => {
  for (const parties of [0, -1]) assert.throws(() => new Barrier(parties), RangeError);
});

check('nobody passes a point before all have come to it (BarrierTests.test_barrier)', async () => {
  const barrier = new Barrier(PARTIES);
  const [first, second] = [new Value(i32, 0), new Value(i32, 0)];
  for (const rounds of [1, 20]) {
    first.value = 0;
    second.value = 0;
    const wrong = await resultsOf(startAll(PARTIES, passTwoPoints, [barrier, first, second, rounds]));
    assert.deepEqual(wrong, Array(PARTIES).fill(0));
    assert.equal(barrier.nWaiting, 0);
    assert.equal(barrier.broken, false);
  }
});

check('each gets another index (BarrierTests.test_wait_return)', async () => {
  const barrier = new Barrier(PARTIES);
  const indices = (await resultsOf(startAll(PARTIES, meetOnce, [barrier]))) as number[];
  assert.deepEqual(
    indices.toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4],
  );
});

check('the action runs once, before anybody goes on (BarrierTests.test_action)', async () => {
  const calls = new Value(i32, 0);
  const barrier = new Barrier(PARTIES, countCalls(calls));
  for (const pass of [1, 2]) {
    assert.deepEqual(await resultsOf(startAll(PARTIES, meetAndLook, [barrier, calls])), Array(PARTIES).fill(pass));
  }
  assert.equal(calls.value, 2);
});

check('one that aborts instead of waiting breaks it for the others (BarrierTests.test_abort)', async () => {
  const barrier = new Barrier(PARTIES);
  const said = await resultsOf(startAll(PARTIES, meetThenAbort, [barrier]));
  assert.deepEqual(said.toSorted(), [BROKEN, BROKEN, BROKEN, BROKEN, 'aborted']);
  assert.equal(barrier.broken, true);
});

check('aborted, left by all, and reset, it is as new (BarrierTests.test_abort_and_reset)', async () => {
  const barrier = new Barrier(PARTIES);
  const said = await resultsOf(startAll(PARTIES, abortAndReset, [barrier, new Barrier(PARTIES)]));
  assert.deepEqual(said.map(([first]) => first).toSorted(), [BROKEN, BROKEN, BROKEN, BROKEN, 'aborted']);
  assert.ok(said.every(([, second]) => second === 'passed'));
  assert.equal(barrier.broken, false);
  assert.equal(barrier.nWaiting, 0);
});

check('a party that comes too late finds it broken, as do all (BarrierTests.test_timeout)', async () => {
  const barrier = new Barrier(PARTIES);
  const inTime = startAll(PARTIES - 1, meetOnce, [barrier, { timeout: 300 }]);
  assert.deepEqual(await resultsOf(inTime), Array(PARTIES - 1).fill(BROKEN));
  assert.equal(barrier.broken, true);
  assert.deepEqual(await resultsOf(startAll(1, meetOnce, [barrier, { timeout: 300 }])), [BROKEN]);
});

check('a timeout given to the barrier holds for each wait (BarrierTests.test_default_timeout)', async () => {
  for (const wait of [(barrier: Barrier) => barrier.wait(), (barrier: Barrier) => barrier.waitSync()]) {
    const barrier = new Barrier(2, undefined, { timeout: 100 });
    const ms = await timed(() => assert.rejects(async () => await wait(barrier), BrokenBarrierError));
    assert.ok(ms >= 99 && isAbout(ms, 100), `${ms} ms`);
  }
});

check('its text shows how many wait, or that it is broken (BarrierTests.test_repr) [adapted]', async () => {
  const barrier = new Barrier(3);
  assert.match(String(barrier), /^<Barrier #[0-9a-f]+: waiters=0\/3>$/);
  const threads = startAll(2, meetOnce, [barrier]);
  await until(() => barrier.nWaiting === 2);
  assert.match(inspect(barrier), /waiters=2\/3>$/);
  barrier.waitSync();
  await resultsOf(threads);
  assert.match(String(barrier), /waiters=0\/3>$/);
  barrier.abort();
  assert.match(String(barrier), /: broken>$/);
});
