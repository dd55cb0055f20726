/** Errors that escape a thread: whole at the other end, and reported by the except hook. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Queue } from '../../src/queue/index.ts';
import { Event, setExceptHook, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { exitWith, fail, rejectUnhandled, throwFromTimer, throwValue, uncopyable } from './fixtures/targets.ts';

type Report = { message: unknown; thread: string; target: string };

/** Reports go into a queue instead of onto stderr while `body` runs. */
async function reporting(body: (reports: Queue<Report>) => Promise<void>): Promise<void> {
  const reports = new Queue<Report>();
  setExceptHook(({ error, thread, target }) => {
    reports.putSync({ message: error instanceof Error ? error.message : error, thread: thread.name, target });
  });
  try {
    await body(reports);
  } finally {
    setExceptHook(undefined);
  }
}

describe('errors of threads', () => {
  check('result() rejects with the error, whole: class, message, code, properties, cause, remote stack', () =>
    reporting(async () => {
      const thread = new Thread({ target: fail }).start();
      assert.equal(await thread.join(), true, 'join does not throw it');
      const error = (await thread.result().catch((error: unknown) => error)) as TypeError & Record<string, unknown>;
      assert.ok(error instanceof TypeError);
      assert.equal(error.message, 'the widget is broken');
      assert.equal(error.code, 'E_WIDGET');
      assert.deepEqual(error.widget, { cogs: 12 });
      assert.ok(error.cause instanceof RangeError);
      assert.equal((error.cause as Error).message, 'too many cogs');
      assert.match(error.stack!, /at deeper \(.*fixtures\/targets\.ts:\d+:\d+\)\n.*at (Module\.)?fail/);
    }),
  );

  check('values that are no errors arrive as they are', () =>
    reporting(async () => {
      for (const value of ['text', 7, null, undefined, { plain: true }]) {
        const thread = new Thread({ target: throwValue, args: [value] }).start();
        await thread.join();
        assert.deepEqual(
          await thread.result().then(
            () => 'no',
            (error: unknown) => ({ error }),
          ),
          { error: value },
        );
      }
    }),
  );

  check('a result that cannot be copied is a CloneError with its path', async () => {
    await assert.rejects(new Thread({ target: uncopyable }).start().result(), {
      name: 'CloneError',
      message: /deep\[0\]\.bad can't be copied/,
    });
  });

  check('the hook is called in the thread that failed: the error, the thread, the target and its place', () =>
    reporting(async (reports) => {
      await new Thread({ target: fail, name: 'unlucky' }).start().join();
      const report = await reports.get({ timeout: 5000 });
      assert.equal(report.message, 'the widget is broken');
      assert.equal(report.thread, 'unlucky');
      assert.match(report.target, /^target fail \(.*fixtures\/targets\.ts:\d+:\d+\)$/);
      assert.equal(reports.qsize(), 0, 'once');
    }),
  );

  check('an error in a timer and a rejection that nobody handles end that thread only, and are reported', () =>
    reporting(async (reports) => {
      const gate = new Event();
      const other = new Thread({ target: () => gate.waitSync() }).start();
      for (const [target, message] of [
        [throwFromTimer, 'from a timer'],
        [rejectUnhandled, 'nobody handles me'],
      ] as const) {
        await assert.rejects(new Thread({ target }).start().result(), { message });
        assert.equal((await reports.get({ timeout: 5000 })).message, message);
      }
      assert.equal(other.isAlive(), true);
      gate.set();
      await other.join();
    }),
  );

  check('process.exit in a thread ends that thread: code 0 well, another as WorkerCrashedError', async () => {
    assert.equal(await new Thread({ target: exitWith, args: [0] }).start().result(), undefined);
    await assert.rejects(new Thread({ target: exitWith, args: [3], name: 'quitter' }).start().result(), {
      name: 'WorkerCrashedError',
      code: 'TELAIO_WORKER_CRASHED',
      message: /quitter ended itself by process\.exit\(3\), running target exitWith/,
    });
  });

  check('a module that throws while the thread imports it is that thread’s error', () =>
    reporting(async (reports) => {
      const { broken } = await import('./fixtures/broken-elsewhere.ts');
      await assert.rejects(new Thread({ target: broken }).start().result(), { message: /not in a thread/ });
      assert.match(String((await reports.get({ timeout: 5000 })).message), /not in a thread/);
    }),
  );
});
