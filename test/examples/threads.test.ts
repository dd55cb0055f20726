/** Programs 1 to 4: threads, daemons, join. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertInOrder, assertOnlyLog, run } from './program.ts';

const deadline = { timeout: 60_000 };
const NAP = '300';

test('1: main is through before its thread, and the process waits for the thread', deadline, async () => {
  const outcome = await run('01-thread.ts', { env: { NAP } });
  assertOnlyLog(outcome);
  const main = [
    'before creating the thread',
    'before running the thread',
    'waiting for the thread to finish',
    'all done',
  ];
  assertInOrder(outcome.log, ...main.map((text) => `Main    : ${text}`), 'Thread 1: finishing');
  assertInOrder(outcome.log, 'Main    : before running the thread', 'Thread 1: starting', 'Thread 1: finishing');
  assert.equal(outcome.log.length, 6);
});

test('2: a daemon ends with the process', deadline, async () => {
  const outcome = await run('02-daemon.ts', { env: { NAP: '10000' } });
  assertOnlyLog(outcome);
  const main = ['before creating the thread', 'before running the thread', 'not waiting for the thread', 'all done'];
  assertInOrder(outcome.log, ...main.map((text) => `Main    : ${text}`));
  assert.ok(!outcome.log.includes('Thread 1: finishing'), outcome.stderr);
  assert.ok(outcome.ms < 10_000, `it took ${outcome.ms} ms`);
});

test(
  '3: join waits for a normal thread and for a daemon, and their lines appear while main blocks',
  deadline,
  async () => {
    const outcome = await run('03-join.ts', { env: { NAP } });
    assertOnlyLog(outcome);
    for (const name of ['normal', 'daemon']) {
      const [before, after] = [
        `Main    : before running the ${name} thread`,
        `Main    : the ${name} thread has finished`,
      ];
      assertInOrder(outcome.log, before, `Thread ${name}: starting`, `Thread ${name}: finishing`, after);
      assertInOrder(
        outcome.log,
        before,
        `Main    : waiting for the ${name} thread to finish`,
        after,
        'Main    : all done',
      );
    }
    assertInOrder(
      outcome.log,
      'Main    : the normal thread has finished',
      'Main    : before running the daemon thread',
      'Main    : all done',
    );
    assert.equal(outcome.log.length, 11);
  },
);

test('4: three threads are started in order and joined in order', deadline, async () => {
  const outcome = await run('04-many-threads.ts', { env: { NAP } });
  assertOnlyLog(outcome);
  const numbers = [0, 1, 2];
  assertInOrder(
    outcome.log,
    ...numbers.map((n) => `Main    : create and start thread ${n}`),
    ...numbers.flatMap((n) => [`Main    : before joining thread ${n}`, `Main    : thread ${n} done`]),
  );
  for (const n of numbers) {
    assertInOrder(
      outcome.log,
      `Main    : create and start thread ${n}`,
      `Thread ${n}: starting`,
      `Thread ${n}: finishing`,
      `Main    : thread ${n} done`,
    );
  }
  assert.equal(outcome.log.length, 15);
});
