/** Programs 5 and 6: a pool whose results nobody reads. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertInOrder, assertOnlyLog, fileOf, run } from './program.ts';

const deadline = { timeout: 60_000 };

test('5: all calls have ended when the block is left', deadline, async () => {
  const outcome = await run('05-pool.ts', { env: { NAP: '300' } });
  assertOnlyLog(outcome);
  for (const n of [0, 1, 2]) {
    assertInOrder(
      outcome.log,
      'Main    : before the block',
      `Thread ${n}: starting`,
      `Thread ${n}: finishing`,
      'Main    : after the block',
    );
  }
  assert.equal(outcome.log.length, 8);
});

test(
  '6: an error that nobody has looked at is thrown at the end of the block, with its own place',
  deadline,
  async () => {
    const { code, stderr, log } = await run('06-pool-error.ts');
    assert.equal(code, 1);
    for (const n of [0, 2])
      assertInOrder(log, 'Main    : before the block', `Thread ${n}: starting`, `Thread ${n}: finishing`);
    assert.ok(log.includes('Thread 1: starting'));
    assert.equal(log.length, 6, 'main does not get behind the block');
    assert.match(stderr, /^RangeError: Thread 1 has nothing to work on$/m);
    assert.doesNotMatch(stderr.split('RangeError')[0], /\/(?:src|dist)\//, 'no place inside the library before it');
    const source = readFileSync(fileOf('06-pool-error.ts'), 'utf8').split('\n');
    const line = source.findIndex((text) => text.includes('throw new')) + 1;
    const column = source[line - 1].indexOf('new RangeError') + 1;
    const first = /^ +at .*$/m.exec(stderr)?.[0] ?? '';
    assert.match(first, new RegExp(`^ +at work \\(.*/examples/06-pool-error\\.ts:${line}:${column}\\)$`));
  },
);
