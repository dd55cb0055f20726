/** Programs 7 to 9: a race, a lock, a lock taken twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertInOrder, assertOnlyLog, run } from './program.ts';

const deadline = { timeout: 60_000 };

test('7: without a lock one of two updates is lost', deadline, async () => {
  const outcome = await run('07-race.ts', { env: { NAP: '500' } });
  assertOnlyLog(outcome);
  for (const n of [0, 1]) {
    assertInOrder(
      outcome.log,
      'Main    : the value is 0 before the updates',
      `Thread ${n}: starting update`,
      `Thread ${n}: finishing update`,
      'Main    : the value is 1 after two updates',
    );
  }
  assert.equal(outcome.log.length, 6);
});

test('8: with a lock none is, and a throw releases it', deadline, async () => {
  for (let round = 0; round < 3; round++) {
    const outcome = await run('08-lock.ts', { env: { NAP: '20' } });
    assertOnlyLog(outcome);
    for (const method of ['update', 'updateByHand']) {
      const end = outcome.log.indexOf(`Main    : ${method}: the value is 2`);
      assert.notEqual(end, -1, outcome.stderr);
      const held = outcome.log.splice(0, end + 1).filter((line) => /has the lock|about to release/.test(line));
      assert.deepEqual(
        held.map((line) => line.replace(/^Thread \d/, 'Thread')),
        [
          'Thread: has the lock',
          'Thread: about to release the lock',
          'Thread: has the lock',
          'Thread: about to release the lock',
        ],
      );
      assert.equal(held[0].slice(0, 8), held[1].slice(0, 8), 'one after the other');
      assert.equal(outcome.log.shift(), 'Main    : thrown while the lock is held; locked now: false');
    }
    assert.deepEqual(outcome.log, []);
  }
});

test('9: an RLock can be taken twice; who stops at a Lock is named, and whom it waits for', deadline, async () => {
  const outcome = await run('09-rlock.ts', { env: { PATIENCE: '200' } });
  assertOnlyLog(outcome);
  assert.deepEqual(outcome.log, [
    'Main    : the balance is 20',
    'Depositor (lock): stopped: Depositor (lock) waits for a Lock that Depositor (lock) holds',
    'Main    : the balance is 0',
  ]);
});
