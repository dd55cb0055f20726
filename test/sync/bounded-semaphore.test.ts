/** What is BoundedSemaphore's own; what both kinds promise stands in semaphore.test.ts. */
import assert from 'node:assert/strict';
import { RuntimeError } from '../../src/errors.ts';
import { BoundedSemaphore, Semaphore } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf } from '../support/threads.ts';

const start = threadsOf(new URL('./fixtures/meeting.ts', import.meta.url));

check('a release too many is refused with the numbers, and changes nothing', () => {
  const semaphore = new BoundedSemaphore(2);
  const expected = (n: number, sum: number) => ({
    name: 'RuntimeError',
    code: 'TELAIO_RUNTIME',
    message: new RegExp(
      `^<BoundedSemaphore #[0-9a-f]+ value=\\d> was released too often: it began with 2, and ${n} more would make ${sum}\\. ` +
        'Each release\\(\\) belongs after an acquire\\(\\), once\\. A `using` guard releases by itself\\.$',
    ),
  });
  assert.throws(() => semaphore.release(), expected(1, 3));
  semaphore.acquireSync();
  assert.throws(() => semaphore.release(2), expected(2, 3));
  assert.equal(semaphore.statistics().value, 1);
  semaphore.release();
  assert.throws(() => semaphore.release(), RuntimeError);
  assert.equal(semaphore.statistics().value, 2);
});

check('none at all can be released into a BoundedSemaphore(0)', () => {
  const semaphore = new BoundedSemaphore(0);
  assert.equal(semaphore.tryAcquire(), undefined);
  assert.throws(() => semaphore.release(), /began with 0/);
});

check(
  'the bound holds between threads, however they interleave',
  async () => {
    const semaphore = new BoundedSemaphore(2);
    const times = rounds(2000, 200_000);
    const threads = [start('releaseTwice', semaphore, times), start('releaseTwice', semaphore, times)];
    const refused = await Promise.all(threads.map((thread) => thread.result()));
    // With nobody else in between each second release is one too many.
    assert.ok(Number(refused[0]) + Number(refused[1]) > 0);
    assert.deepEqual(semaphore.statistics(), { waiting: 0, value: 2 });
    assert.throws(() => semaphore.release(), RuntimeError);
  },
  { timeout: 60_000 },
);

check('it crosses as what it is, and so does a subclass', async () => {
  const semaphore = new BoundedSemaphore(3);
  assert.ok(semaphore instanceof Semaphore);
  assert.match(
    String(await start('textOf', semaphore).result()),
    /^BoundedSemaphore <BoundedSemaphore #[0-9a-f]+ value=3>$/,
  );
  assert.match(String(await start('textOf', new Semaphore(3)).result()), /^Semaphore <Semaphore /);
  assert.equal(
    (await start('attempt', () => semaphore.release()).result()) as string,
    'RuntimeError',
    'the bound is known in other threads',
  );
});
