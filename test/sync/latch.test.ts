import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { CountDownLatch } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/meeting.ts', import.meta.url));

describeWaits({
  name: 'CountDownLatch.wait',
  timedOut: { value: false },
  scene() {
    const latch = new CountDownLatch(1);
    return {
      wait: (options) => latch.wait(options),
      waitSync: (options) => latch.waitSync(options),
      waiting: () => latch.statistics().waiting,
      satisfy: () => latch.countDown(),
      after: (outcome) => {
        assert.equal(outcome, true);
      },
      blocked: () => start('waitLatch', latch),
      close: () => latch.countDown(),
    };
  },
});

check('it opens after so many steps, for good', async () => {
  const latch = new CountDownLatch(3);
  const wait = latch.wait();
  latch.countDown();
  assert.equal(latch.count, 2);
  assert.equal(await settled(wait), false);
  latch.countDown(2);
  assert.equal(await wait, true);
  assert.equal(latch.waitSync(), true);
  assert.equal(latch.waitSync({ timeout: 0 }), true);
  assert.equal(await latch.wait({ timeout: 0 }), true);
  latch.countDown(5);
  assert.equal(latch.count, 0);
});

check('one of 0 is open; more steps than are left are none too many', () => {
  assert.equal(new CountDownLatch(0).waitSync(), true);
  const latch = new CountDownLatch(2);
  latch.countDown(2 ** 31);
  assert.equal(latch.count, 0);
});

check('counts that are no whole number in range are refused by value', () => {
  for (const value of [-1, 0.5, Number.NaN, Infinity, 2 ** 31, '3', undefined] as number[]) {
    assert.throws(() => new CountDownLatch(value), {
      name: 'RangeError',
      message: `new CountDownLatch(${inspect(value)}): give a whole number from 0 to 2147483647.`,
    });
  }
  const latch = new CountDownLatch(2);
  for (const n of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => latch.countDown(n), {
      name: 'RangeError',
      message: `countDown(${n}): give a whole number of steps, 1 or more.`,
    });
  }
  assert.equal(latch.count, 2);
});

check(
  'the last step wakes all, blocking and asynchronous; no step is lost between threads',
  async () => {
    for (let round = 0; round < rounds(5, 100); round++) {
      const times = 500;
      const latch = new CountDownLatch(3 * times);
      const waiting = [start('waitLatch', latch), start('waitLatchAsync', latch)];
      const here = [latch.wait(), latch.wait()];
      await until(() => latch.statistics().waiting === 4);
      const counting = [start('countDown', latch, times), start('countDown', latch, times)];
      for (let step = 0; step < times; step++) latch.countDown();
      for (const thread of counting) await thread.result();
      assert.deepEqual(await Promise.all([...waiting.map((thread) => thread.result()), ...here]), [
        true,
        true,
        true,
        true,
      ]);
      assert.deepEqual(latch.statistics(), { waiting: 0, count: 0 });
    }
  },
  { timeout: 60_000 },
);

check(
  'threads that die while they wait or count leave it usable',
  async () => {
    for (let round = 0; round < rounds(8, 400); round++) {
      const latch = new CountDownLatch(1_000_000);
      await using waiter = start('waitLatch', latch);
      await using alive = start('waitLatch', latch);
      await using counter = start('countDown', latch, 900_000);
      await waiter.parked();
      await alive.parked();
      await until(() => latch.count < 1_000_000 - ((round * 131) % 900));
      await Promise.all([waiter.terminate(), counter.terminate()]);
      assert.equal(latch.statistics().waiting, 1);
      latch.countDown(latch.count);
      assert.equal(await alive.result(), true);
    }
  },
  { timeout: 60_000 },
);

check('text form, inspection, subclass', async () => {
  const latch = new CountDownLatch(4);
  assert.match(String(latch), /^<CountDownLatch #[0-9a-f]+ count=4>$/);
  assert.equal(inspect(latch), String(latch));
  assert.equal(await start('textOf', latch).result(), `CountDownLatch ${latch}`);
  class Gate extends CountDownLatch {
    constructor() {
      super(2);
    }
  }
  assert.match(String(new Gate()), /^<Gate #[0-9a-f]+ count=2>$/);
});
