import assert from 'node:assert/strict';
import { BoundedSemaphore, Event, Semaphore } from '../../src/sync/index.ts';
import { describeAcquire } from '../support/acquire-contract.ts';
import { check } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

for (const Kind of [Semaphore, BoundedSemaphore]) {
  const { name } = Kind;

  describeWaits({
    name: `${name}.acquire`,
    timedOut: { value: undefined },
    scene() {
      const semaphore = new Kind(3);
      for (let taken = 0; taken < 3; taken++) semaphore.acquireSync();
      return {
        wait: (options) => semaphore.acquire(options),
        waitSync: (options) => semaphore.acquireSync(options),
        waiting: () => semaphore.statistics().waiting,
        satisfy: () => semaphore.release(),
        blocked: () => start('acquireOnce', semaphore),
      };
    },
  });

  describeAcquire({
    name: `${name}(1)`,
    make: () => new Kind(1),
    makeEvent: () => new Event(),
    start,
    taken: (semaphore) => (semaphore as Semaphore).statistics().value === 0,
  });

  check(`${name}: permits that are no whole number in range are refused by value`, () => {
    for (const value of [-1, 0.5, Number.NaN, Infinity, 2 ** 31]) {
      assert.throws(() => new Kind(value), {
        name: 'RangeError',
        message: `new ${name}(${value}): give a whole number from 0 to 2147483647.`,
      });
    }
    assert.equal(new Kind().statistics().value, 1);
  });
}

check('n permits let n in, in every form', async () => {
  const semaphore = new Semaphore(3);
  assert.ok(semaphore.tryAcquire());
  assert.ok(semaphore.acquireSync());
  assert.ok(await semaphore.acquire());
  assert.equal(semaphore.tryAcquire(), undefined);
  const waits = [semaphore.acquire(), semaphore.acquire(), semaphore.acquire()];
  semaphore.release(2);
  await Promise.all(waits.slice(0, 2));
  assert.equal(await settled(waits[2]), false);
  semaphore.release();
  await waits[2];
  assert.deepEqual(semaphore.statistics(), { waiting: 0, value: 0 });
});

check('release(n) wakes n blocking threads', async () => {
  const semaphore = new Semaphore(0);
  await using threads = new AsyncDisposableStack();
  const [held, open] = [new Event(), new Event()];
  const holders = [1, 2, 3].map(() => threads.use(start('holdUntil', semaphore, held, open)));
  for (const holder of holders) await holder.parked();
  semaphore.release(3);
  await until(() => semaphore.statistics().waiting === 0);
  assert.equal(semaphore.statistics().value, 0);
  open.set();
  for (const holder of holders) await holder.result();
  assert.equal(semaphore.statistics().value, 3);
});

check('a release of no whole number, or of more than there can be, is refused', () => {
  const semaphore = new Semaphore();
  for (const n of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => semaphore.release(n), { name: 'RangeError', message: /release/ });
  }
  const most = new Semaphore(2 ** 31 - 1);
  assert.throws(() => most.release(), /2147483647 at most/);
  assert.equal(most.statistics().value, 2 ** 31 - 1);
  most.tryAcquire();
  most.release();
});

check('text form', () => {
  assert.match(String(new Semaphore(4)), /^<Semaphore #[0-9a-f]+ value=4>$/);
});
