/** Threads that nobody should have started, and threads that end in a way that nobody would see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from './program.ts';

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);
const limit = { timeout: 30_000 };

test('a module whose leftovers start threads: BootstrapError in the first thread, no chain', limit, async () => {
  const { code, lines, stderr } = await run(fixture('late-starter.ts'));
  assert.equal(code, 0);
  assert.equal(lines.filter((line) => line === 'work').length, 1, 'one thread has run');
  assert.match(stderr, /BootstrapError: .*late-starter\.ts at .*late-starter\.ts:\d+:\d+: .*import\.meta\.main/);
});

test('a result that cannot be sent back is reported, with thread and target', limit, async () => {
  const { code, lines, stderr } = await run(fixture('odd-endings.ts'), { args: ['uncopyable'] });
  assert.equal(code, 0);
  assert.match(stderr, /^Exception in thread uncopyable, target .*odd-endings\.ts:5:\d+/);
  assert.match(lines[0], /^CloneError: The result of uncopyable, target .*: value can't be copied .*WeakMap/);
});

test('a promise that nothing will ever settle is named as that', limit, async () => {
  const { code, lines, stderr } = await run(fixture('odd-endings.ts'), { args: ['unsettled'] });
  assert.equal(code, 0);
  assert.doesNotMatch(stderr, /top-level await|process\.exit/);
  assert.match(lines[0], /^RuntimeError: unsettled can't end: the promise of target .*odd-endings\.ts:6:\d+/);
});

test(
  "what a thread leaves to later turns of the event loop fails in its own name, not in the next one's",
  limit,
  async () => {
    const { code, lines, stderr } = await run(fixture('odd-endings.ts'), { args: ['leftover'] });
    assert.deepEqual([code, lines], [0, ['none of the others was blamed']], stderr);
    assert.equal(stderr.match(/^Uncaught in a thread that had ended:\nError: left behind$/gm)?.length, 5);
  },
);

test('a thread that ends its standard output does not silence the next', limit, async () => {
  const { code, lines } = await run(fixture('odd-endings.ts'), { args: ['stream'] });
  assert.deepEqual([code, lines], [0, ['the last word of one', 'the next can speak']]);
});
