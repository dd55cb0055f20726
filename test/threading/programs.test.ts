/** Whole programs: when they end, what they print, with which exit code. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type RunOptions, run } from './program.ts';

const limit = { timeout: 120_000 };
const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);
const program = (name: string, options: RunOptions = {}) => run(fixture('program.ts'), { ...options, args: [name] });

function prints(name: string, lines: string[], code = 0): void {
  test(name, limit, async () => {
    const ran = await program(name);
    assert.deepEqual({ lines: ran.lines, code: ran.code, stderr: ran.stderr }, { lines, code, stderr: '' });
  });
}

describe('the end of the process', { concurrency: 2 }, () => {
  prints('stays', ['main has ended', 'the thread has ended']);
  prints('daemon', ['alive true']);
  prints('forgets', ['forgot']);
  prints('grandchild', ['the grandchild has ended']);
  prints('exitInMain', [], 6);
  prints('exitInThread', ['main goes on']);
  prints('environment', ['["yes",3,"environment"]']);
  prints('plain', ['42 MainThread 1']);
  prints('sleeps', ['true']);

  test('an exception in the main thread ends the process with its exit code', limit, async () => {
    const { code, stderr } = await program('throwInMain');
    assert.equal(code, 1);
    assert.match(stderr, /main is broken/);
  });
});

describe('reports', { concurrency: 2 }, () => {
  test(
    'an error that nobody caught: one report with thread, function, and the user’s own file and line',
    limit,
    async () => {
      const { code, stdout, stderr } = await program('fails');
      assert.equal(code, 0);
      assert.equal(stdout, '');
      const [first, second, ...rest] = stderr.split('\n');
      assert.match(first, /^Exception in thread unlucky, target fail \(.*fixtures\/targets\.ts:\d+:\d+\):$/);
      assert.equal(second, 'TypeError: the widget is broken');
      assert.match(rest[0], /^ {4}at deeper \(.*fixtures\/targets\.ts:\d+:\d+\)$/);
      assert.match(stderr, /\[cause\]: RangeError.*too many cogs/);
      assert.match(stderr, /code: 'E_WIDGET'/);
      assert.doesNotMatch(stderr, /src\/threading|node:internal/);
      assert.equal(stderr.match(/Exception in thread/g)!.length, 1);
    },
  );

  test('an error in a timer', limit, async () => {
    const { code, stderr } = await program('failsInTimer');
    assert.equal(code, 0);
    assert.match(stderr, /^Exception in thread unlucky, target throwFromTimer .*\nError: from a timer\n {4}at /);
  });

  test('a custom hook instead', limit, async () => {
    const { lines, stderr } = await program('hook');
    assert.deepEqual(lines, ['HOOK unlucky: the widget is broken in target fail']);
    assert.equal(stderr, '');
  });

  test('a hook that throws: its error, and then the first one too', limit, async () => {
    const { code, stderr } = await program('brokenHook');
    assert.equal(code, 0);
    assert.match(
      stderr,
      /^The except hook failed:\nError: the hook has a hole[\s\S]*Exception in thread unlucky[\s\S]*broken/,
    );
  });

  test('a thread that runs out of memory, while the main thread is blocked', limit, async () => {
    const { code, lines, stderr } = await program('outOfMemory');
    assert.equal(code, 0);
    assert.deepEqual(lines, ['main goes on']);
    assert.match(stderr, /hoarder ran out of memory: raise resourceLimits\.maxOldGenerationSizeMb\.\n$/);
  });

  test('BootstrapError names the module and the line that starts a thread while being imported', limit, async () => {
    const { lines } = await program('bootstrap');
    assert.equal(lines.length, 1);
    assert.match(lines[0], /^BootstrapError: .*careless\.ts at .*careless\.ts:8:\d+: .*import\.meta\.main/);
  });

  test('no thread can be made: start() throws the reason at once, each time', limit, async () => {
    const nodeArgs = ['--permission', '--allow-fs-read=*', '--no-warnings'];
    const { lines, ms } = await program('startFails', { nodeArgs });
    assert.equal(lines.length, 2);
    for (const line of lines) assert.match(line, /^RuntimeError: No thread can be started: .*--allow-worker/);
    assert.ok(ms < 10_000);
  });

  test('a preloaded module that throws in threads: start() throws its error', limit, async () => {
    const nodeArgs = ['--import', fixture('preload-breaks.mjs').href];
    const { lines } = await program('startFails', { nodeArgs });
    assert.equal(lines.length, 2);
    for (const line of lines)
      assert.match(line, /^WorkerCrashedError: unborn can't be started: .*the preload is broken/);
  });
});

describe('output from threads', { concurrency: 2 }, () => {
  function assertWhole(lines: string[]): void {
    const next: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (const line of lines.slice(0, -1)) {
      const found = /^([abc]) (\d+) \.{120} end$/.exec(line);
      assert.ok(found, `a broken line: ${line}`);
      assert.equal(Number(found[2]), next[found[1]]++);
    }
    assert.deepEqual(next, { a: 400, b: 400, c: 400 });
    assert.equal(lines.at(-1), 'one, two and a Buffer');
  }

  test('whole lines, in the order of each thread, while the main thread is blocked', limit, async () => {
    const { code, lines, stderr } = await program('output');
    assert.equal(code, 0);
    assert.equal(stderr, 'to stderr\n');
    assertWhole(lines);
  });

  test('also into a pipe that is slow to be read', limit, async () => {
    const { lines } = await program('output', { into: 'while IFS= read -r line; do printf "%s\\n" "$line"; done' });
    assertWhole(lines);
  });

  test('a reader that goes away ends a thread that would write for ever, as in Node', limit, async () => {
    const { lines, stderr } = await program('endless', { into: 'head -n 2' });
    assert.deepEqual(lines, ['line 0', 'line 1']);
    assert.equal(stderr.match(/^Exception in thread .*\nError: EPIPE: broken pipe, write$/gm)?.length, 1, stderr);
  });

  test('a thread that is terminated while it writes does not keep the others from writing', limit, async () => {
    const { code, lines } = await program('dieWriting');
    assert.equal(code, 0);
    assert.deepEqual(lines, ['still writes']);
  });

  test('a preloaded module that writes: neither its output nor what comes later is lost', limit, async () => {
    const nodeArgs = ['--import', fixture('preload-writes.mjs').href];
    const { lines } = await program('output', { nodeArgs });
    assertWhole(lines.filter((line) => line !== 'preloaded'));
  });
});

describe('ways to run', { concurrency: 2 }, () => {
  test('tsx', limit, async () => {
    const { lines, stderr } = await program('plain', { nodeArgs: ['--import', 'tsx'] });
    assert.deepEqual(lines, ['42 MainThread 1'], stderr);
  });

  test('CommonJS', limit, async () => {
    const { lines, stderr } = await run(fixture('common.cjs'));
    assert.deepEqual(lines, ['42', '42', 'true'], stderr);
  });

  test('node --test: tests with targets in their own file run once each', limit, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'threads-'));
    try {
      const log = join(folder, 'log');
      const { code, stdout } = await run(fixture('node-test-program.ts'), {
        nodeArgs: ['--test', '--test-reporter=tap'],
        env: { TEST_LOG: log },
      });
      assert.equal(code, 0, stdout);
      assert.deepEqual(readFileSync(log, 'utf8').split('\n').sort(), [
        '',
        'only',
        'only',
        'suite',
        'test',
        'todo',
        'todo',
      ]);
      assert.match(stdout, /# pass 4\n# fail 0\n# cancelled 0\n# skipped 3\n# todo 2\n/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a raw worker that started the first thread and ended: the main thread starts others', limit, async () => {
    const { code, lines, stderr } = await run(fixture('raw-owner.ts'));
    assert.deepEqual({ code, lines, stderr }, { code: 0, lines: ['42', 'left MainThread', '3', '7'], stderr: '' });
  });

  test('a raw worker that started the first thread and was terminated', limit, async () => {
    if (process.platform !== 'linux') return;
    const { code, lines, stderr } = await run(fixture('raw-terminated.ts'));
    assert.deepEqual(
      { code, lines, stderr },
      { code: 0, lines: ['3', 'false WorkerCrashedError', 'MainThread'], stderr: '' },
    );
  });
});
