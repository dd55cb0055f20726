/** Whole programs with executors: when they end, what they tell, with which exit code. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { type RunOptions, run } from '../threading/program.ts';

const limit = { timeout: 120_000 };
const program = (name: string, options: RunOptions = {}) =>
  run(new URL('./fixtures/program.ts', import.meta.url), { ...options, args: [name, ...(options.args ?? [])] });

function prints(name: string, lines: string[], code = 0): void {
  test(name, limit, async () => {
    const ran = await program(name);
    ran.lines.sort();
    assert.deepEqual({ lines: ran.lines, code: ran.code, stderr: ran.stderr }, { lines, code, stderr: '' });
  });
}

describe('programs with executors', { concurrency: 2 }, () => {
  prints('forgets', ['task 1', 'task 2', 'task 3']);
  prints('forgetsIdle', ['36']);
  prints('observed', ['somebody looked']);
  prints('crash', ['WorkerCrashedError']);
  prints('blocked', ['328350']);
  prints('stuck', ['running']);
  prints('daemonBlocks', ['ran']);

  test('failures that nobody looked at: a report each on stderr, exit code 1', limit, async () => {
    const { code, stderr } = await program('unobserved');
    assert.equal(code, 1);
    assert.equal(stderr.match(/^A task failed and nobody looked at its outcome:$/gm)?.length, 2);
    assert.match(stderr, /TypeError: nobody looked\n {4}at fail \(.*fixtures\/tasks\.ts:\d+:\d+\)/);
    assert.match(stderr, /TypeError: thirteen/);
    assert.doesNotMatch(stderr, /src\/futures|src\/threading/);
  });

  test('an exit code that the program gives stays', limit, async () => {
    const { code, stderr } = await program('unobservedWithExit');
    assert.equal(code, 3);
    assert.match(stderr, /nobody looked/);
  });

  test('in a thread: told when the thread ends', limit, async () => {
    const { lines, stderr } = await program('unobservedInThread');
    assert.deepEqual(lines, ['joined']);
    assert.match(stderr, /A task failed and nobody looked at its outcome:\nTypeError: nobody looked in the thread/);
  });

  const once = /^A task failed and nobody looked at its outcome:\nRangeError: nobody looked\n( {2,}.*\n)+$/;
  for (const name of ['nestedForgotten', 'nestedToOwn', 'daemonSubmits']) {
    test(`what tasks and threads submit is done, and told once at exit: ${name}`, limit, async () => {
      const { code, lines, stderr } = await program(name);
      assert.deepEqual([lines.sort(), code], [['ran', 'submitted'], 1]);
      assert.match(stderr, once);
    });
  }

  test('what a task submits to its own executor: thrown at the block’s end', limit, async () => {
    const { code, lines, stderr } = await program('nestedInBlock');
    assert.deepEqual(
      [lines.sort(), code, stderr],
      [['ran', 'submitted', 'the block: RangeError: nobody looked'], 0, ''],
    );
  });

  test('the same of a worker that leaves after its first task', limit, async () => {
    const { code, lines, stderr } = await program('nestedInBlock', { args: ['1'] });
    assert.deepEqual(
      [lines.sort(), code, stderr],
      [['ran', 'submitted', 'the block: RangeError: nobody looked'], 0, ''],
    );
  });

  test('of a thread that is killed: the first, and how many more', limit, async () => {
    const { code, lines, stderr } = await program('killedWithFailures');
    assert.deepEqual([lines, code], [['terminated'], 1]);
    assert.equal(stderr.match(/^A task failed and nobody looked at its outcome:$/gm)?.length, 50);
    assert.match(stderr, /^70 more tasks failed so\.$/m);
  });

  test('the last lines of a worker that died, however it died: at most ten', limit, async (t) => {
    const file = join(mkdtempSync(join(tmpdir(), 'telaio-')), 'errors.json');
    t.after(() => rmSync(dirname(file), { recursive: true }));
    const { code } = await program('lastWords', { args: [file] });
    assert.equal(code, 0);
    const before = (end: number, count: number): string[] =>
      Array.from({ length: count }, (_, n) => `line ${end - count + n}`);
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), [
      { lastLines: [...before(3, 2), 'élan'], end: ' line 2\n  élan' },
      { lastLines: [...before(2000, 9), 'élan'], end: 'ne 1999\n  élan' },
      { lastLines: [...before(1000, 9), 'élan'], end: 'ine 999\n  élan' },
    ]);
  });

  test('leaving the block throws, so the program ends with that error', limit, async () => {
    const { code, stderr } = await program('leavesBlock');
    assert.equal(code, 1);
    assert.match(stderr, /TypeError: left behind/);
    assert.doesNotMatch(stderr, /nobody looked at its outcome/);
  });
});
