/** Whole programs in which threads wait long, and something will let them go on. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { heap, THREAD, THREAD_FLAG } from '../../src/memory/index.ts';
import { AT } from '../../src/memory/objects.ts';
import { Event, RLock, Semaphore, setDetectDeadlocks, Thread, waits } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { run } from './program.ts';

const rescuers = new URL('./fixtures/rescuers.ts', import.meta.url);
const contended = new URL('./fixtures/contended.ts', import.meta.url);

describe('an awaiting main thread that could release a lock', () => {
  for (const [title, how] of [
    ['in a signal handler', 'signal'],
    ['when a wait with AbortSignal.timeout is aborted', 'abort'],
  ])
    check(
      `${title}: no error`,
      async () => {
        const { code, stderr, stdout } = await run(rescuers, { args: [how], env: { TELAIO_DEBUG: '1' } });
        assert.deepEqual({ code, stderr, stdout }, { code: 0, stderr: '', stdout: 'went through,went through\n' });
      },
      { timeout: 60_000 },
    );

  check(
    "Node's own signal listener, which writes reports, releases nothing: a DeadlockError",
    async () => {
      const env = { TELAIO_DEBUG: '1' };
      const options = { args: ['unref'], env, nodeArgs: ['--report-on-signal'] };
      const { code, stdout } = await run(rescuers, options);
      assert.deepEqual({ code, stdout }, { code: 0, stdout: 'DeadlockError,went through\n' });
    },
    { timeout: 60_000 },
  );

  check(
    'in an unref-ed timer, which nobody can see: a DeadlockError all the same',
    async () => {
      const { code, stderr, stdout } = await run(rescuers, { args: ['unref'], env: { TELAIO_DEBUG: '1' } });
      assert.deepEqual({ code, stdout }, { code: 0, stdout: 'DeadlockError,went through\n' });
      assert.match(stderr, /DeadlockError: A deadlock: these threads wait for each other/);
    },
    { timeout: 60_000 },
  );
});

describe('no DeadlockError', () => {
  check(
    'in 2,000 rounds of threads and main that contend, with time limits, timers that keep nothing alive, and signals',
    async () => {
      const each = rounds(500, 10_000);
      const { code, stderr, lines } = await run(contended, {
        args: [String(each)],
        env: { TELAIO_DEBUG: '1' },
        timeout: rounds(100_000, 1_500_000),
      });
      assert.deepEqual({ code, stderr, lines }, { code: 0, stderr: '', lines: [`${4 * each} rounds`, 'looked'] });
    },
    { timeout: 110_000 },
  );

  check('for a circle whose thread is to end', async () => {
    setDetectDeadlocks(true);
    const takeBoth = (first: RLock, second: RLock, taken: Semaphore, go: Event): string => {
      using _first = first.acquireSync();
      taken.release();
      go.waitSync();
      using _second = second.acquireSync();
      return 'went through';
    };
    const [a, b, taken, go] = [new RLock(), new RLock(), new Semaphore(0), new Event()];
    const dying = new Thread({ target: takeBoth, args: [a, b, taken, go], name: 'dying' }).start();
    const other = new Thread({ target: takeBoth, args: [b, a, taken, go], name: 'other' }).start();
    await taken.acquire();
    await taken.acquire();
    // What `terminate` says first; its second half, the end itself, comes below.
    heap.or(dying[AT] + THREAD.FLAGS, THREAD_FLAG.TERMINATE);
    go.set();
    const longAgo = (since: number): boolean => since < Date.now() - 1_000;
    await until(() => waits().filter(({ object, since }) => object.kind === 'RLock' && longAgo(since)).length === 2);
    await dying.terminate();
    assert.equal(await other.result(), 'went through');
  });
});
