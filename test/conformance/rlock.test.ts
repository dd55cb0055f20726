/** What CPython promises of `threading.RLock` beyond what every lock does (that is in lock.test.ts), a test a promise. */
import assert from 'node:assert/strict';
import { RESTORE, RESTORE_SYNC, SAVE } from '../../src/sync/mutual.ts';
import { Condition, Event, RLock, RuntimeError, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { holdBetween, lookAt, releaseError, takeUntil } from './fixtures/locks.ts';

const seenByAnother = (lock: RLock) => new Thread({ target: lookAt, args: [lock] }).start().result();

/** CPython runs its suite over a condition's methods too: its default lock is an RLock. */
const forms: [string, () => { lock: RLock; taker: RLock | Condition }][] = [
  [
    'RLock',
    () => {
      const lock = new RLock();
      return { lock, taker: lock };
    },
  ],
  [
    'Condition()',
    () => {
      const taker = new Condition();
      return { lock: taker.lock as RLock, taker };
    },
  ],
];

for (const [name, make] of forms) {
  check(`${name}: the owner may take it again at any time (RLockTests.test_reacquire)`, async () => {
    const { lock, taker } = make();
    taker.acquireSync();
    await taker.acquire();
    taker.release();
    assert.ok(taker.tryAcquire());
    taker.release();
    assert.equal(lock.locked(), true);
    taker.release();
    assert.equal(lock.locked(), false);
  });

  check(`${name}: one release too many is a RuntimeError (RLockTests.test_release_unacquired)`, () => {
    const { taker } = make();
    assert.throws(() => taker.release(), RuntimeError);
    for (let level = 0; level < 3; level++) taker.acquireSync();
    for (let level = 0; level < 3; level++) taker.release();
    assert.throws(() => taker.release(), RuntimeError);
  });

  check(`${name}: its text shows the count to everybody (RLockTests.test_repr_count) [adapted]`, async () => {
    const { lock, taker } = make();
    assert.match(String(lock), /^<unlocked .*count=0/);
    taker.acquireSync();
    taker.acquireSync();
    assert.match(String(lock), /^<locked .*count=2/);
    assert.match((await seenByAnother(lock)).text, /^<locked .*count=2/);
    assert.equal((await seenByAnother(lock)).text, String(lock));
    taker.release();
    taker.release();
    assert.match((await seenByAnother(lock)).text, /^<unlocked .*count=0/);
  });
}

check('locked() is true for all while anybody has it (RLockTests.test_locked_with_2threads) [adapted]', async () => {
  const lock = new RLock();
  assert.equal(lock.locked(), false);
  const [held, open] = [new Event(), new Event()];
  const thread = new Thread({ target: takeUntil, args: [lock, held, open] }).start();
  await held.wait();
  assert.equal(lock.locked(), true);
  assert.deepEqual(lock.statistics(), { waiting: 0, holder: thread.ident });
  assert.equal(lock.tryAcquire(), undefined);
  open.set();
  // There it stays locked for ever when the thread returns; here the next one gets it, and is told.
  await thread.result();
  assert.equal(lock.locked(), false);
  assert.equal(lock.tryAcquire()?.abandoned, true);
});

check(
  'giving up all levels, for a condition, needs the lock (RLockTests.test_release_save_unacquired) [adapted]',
  async () => {
    const lock = new RLock();
    assert.throws(() => lock[SAVE](), RuntimeError);
    for (let level = 0; level < 3; level++) lock.acquireSync();
    for (let level = 0; level < 3; level++) lock.release();
    assert.throws(() => lock[SAVE](), RuntimeError);
    // And held, it gives up all and takes back all.
    for (let level = 0; level < 3; level++) lock.acquireSync();
    let saved = lock[SAVE]();
    assert.equal(lock.locked(), false);
    lock[RESTORE_SYNC](saved);
    assert.equal(lock.recursionCount(), 3);
    saved = lock[SAVE]();
    await lock[RESTORE](saved);
    assert.equal(lock.recursionCount(), 3);
  },
);

check('the levels are the owner’s to see only (RLockTests.test_recursion_count) [adapted]', async () => {
  const lock = new RLock();
  const counts = [lock.recursionCount()];
  lock.acquireSync();
  counts.push(lock.recursionCount());
  lock.acquireSync();
  lock.acquireSync();
  counts.push(lock.recursionCount());
  assert.equal((await seenByAnother(lock)).levels, 0);
  lock.release();
  counts.push(lock.recursionCount());
  lock.release();
  lock.release();
  counts.push(lock.recursionCount());
  assert.deepEqual(counts, [0, 1, 3, 2, 0]);

  const [held, open] = [new Event(), new Event()];
  const holder = new Thread({ target: holdBetween, args: [lock, held, open] }).start();
  held.waitSync();
  assert.equal(lock.recursionCount(), 0);
  open.set();
  await holder.result();
});

check('only the owner owns it, at any depth (RLockTests.test__is_owned) [adapted]', async () => {
  const lock = new RLock();
  assert.equal(lock.isOwned(), false);
  for (let level = 0; level < 2; level++) {
    lock.acquireSync();
    assert.equal(lock.isOwned(), true);
    assert.equal((await seenByAnother(lock)).owned, false);
    assert.equal(await new Thread({ target: releaseError, args: [lock] }).start().result(), 'RuntimeError');
  }
  lock.release();
  assert.equal(lock.isOwned(), true);
  lock.release();
  assert.equal(lock.isOwned(), false);
});

/** Its own way to be made. */
class Named extends RLock {
  label: string;

  constructor(label: string, more: { loud: boolean }) {
    super();
    this.label = more.loud ? label.toUpperCase() : label;
  }
}

check('extra arguments are refused, a subclass has its own (CRLockTests.test_signature) [adapted]', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  const Any = RLock as unknown as new (...args: unknown[]) => RLock;
  new Any().acquireSync();
  for (const args of [[1], [undefined, { name: 'x' }]]) {
    assert.throws(() => new Any(...args), { name: 'TypeError', message: /takes no arguments/ });
  }
  const named = new Named('warp', { loud: true });
  assert.equal(named.label, 'WARP');
  using _guard = named.acquireSync();
  assert.equal((await seenByAnother(named)).locked, true);
  process.off('warning', listen);
  assert.deepEqual(warnings, []);
});
