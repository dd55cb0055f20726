/** The program as a program: threads, pipes, signals, exit codes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, symlinkSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Folder, interruptTwice, PROGRAM, shell, start } from './telaio.ts';

const deadline = { timeout: 60_000 };
const SAME = 'export default (line: string) => line;\n';

function numbers(count: number): string {
  return Array.from({ length: count }, (_, n) => `${n}\n`).join('');
}

test('lines through two threads, from a file with a relative path, as a pipe', deadline, async () => {
  using folder = new Folder();
  folder.file(
    'double.ts',
    'export const table = 2;\nexport function double(n: string): number { return table * Number(n); }\n',
  );
  folder.file('in.txt', numbers(5000));
  const { code, stdout, stderr } = await shell('cat in.txt | telaio map double.ts#double --workers 2', folder.path);
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(stdout, Array.from({ length: 5000 }, (_, n) => `${2 * n}\n`).join(''));
});

test(
  'the work is done in as many threads as were asked for, and the module loaded once in each',
  deadline,
  async () => {
    using folder = new Folder();
    const source = `
    import { threadId } from 'node:worker_threads';
    import { appendFileSync } from 'node:fs';
    appendFileSync(new URL('./loads.txt', import.meta.url), 'load\\n');
    export default (line: string) => { const end = performance.now() + 2; while (performance.now() < end); return threadId; };`;
    folder.file('busy.ts', source);
    folder.file('in.txt', numbers(500));
    const { code, stdout } = await start(['map', 'busy.ts', 'in.txt', '--workers', '2'], { cwd: folder.path }).ended;
    assert.equal(code, 0);
    const threads = new Set(stdout.trim().split('\n'));
    assert.equal(threads.size, 2);
    assert.ok(!threads.has('0'), 'not in the main thread');
    assert.equal(folder.read('loads.txt'), 'load\nload\n');
  },
);

test('run through a symbolic link, as npm installs it', deadline, async () => {
  using folder = new Folder();
  const link = folder.at('telaio');
  symlinkSync(PROGRAM, link);
  const { code, stdout } = await start(['--version'], { program: link }).ended;
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a module that can not be used: one line, exit code 2, nothing written', deadline, async () => {
  using folder = new Folder();
  folder.file('throws.ts', "throw new Error('no table')\n");
  folder.file('two.ts', 'export const one = () => 1, two = () => 2;\n');
  for (const [argument, message] of [
    ['missing.ts', /^telaio: the module missing\.ts can't be loaded: no such file or directory \(ENOENT\)\n$/],
    ['throws.ts', /^telaio: .*throws\.ts can't be loaded: Error: no table \(file:.*throws\.ts:1:7\)\n$/],
    ['two.ts', /^telaio: .*two\.ts has no default export and several functions; name one of #one, #two\n$/],
    ['two.ts#three', /^telaio: .*two\.ts has no export named three; it has #one, #two\n$/],
  ] as const) {
    const { code, stdout, stderr } = await start(['map', argument, 'two.ts', '--to', 'out.ndjson'], {
      cwd: folder.path,
    }).ended;
    assert.match(stderr, message);
    assert.deepEqual([code, stdout], [2, '']);
  }
  assert.equal(existsSync(folder.at('out.ndjson')), false);
});

test('a record whose function throws: file, line and the stack of the function alone', deadline, async () => {
  using folder = new Folder();
  folder.file(
    'fails.ts',
    "export default async (line: string) => {\n  if (line === '70') throw new RangeError('seventy');\n  return line;\n};\n",
  );
  folder.file('in.txt', numbers(100));
  const { code, stdout, stderr } = await start(['map', 'fails.ts', 'in.txt'], { cwd: folder.path }).ended;
  assert.match(stderr, /^telaio: in\.txt, line 71: RangeError: seventy\n {4}at .*fails\.ts:2:28\)?\n$/);
  assert.deepEqual([code, stdout], [1, numbers(70)]);
});

test('| head: the end of the reader is a quiet end, exit code 0', deadline, async () => {
  using folder = new Folder();
  folder.file('same.ts', SAME);
  const command = '(yes | telaio map same.ts; echo "code $?" >&2) | head -n 3';
  const { stdout, stderr } = await shell(command, folder.path);
  assert.deepEqual([stdout, stderr], ['y\ny\ny\n', 'code 0\n']);
});

test('standard output on a full disk', deadline, async () => {
  using folder = new Folder();
  folder.file('same.ts', SAME);
  const { code, stderr } = await shell('telaio map same.ts same.ts > /dev/full', folder.path);
  const message = "telaio: can't write to standard output: no space left on the device (ENOSPC)\n";
  assert.deepEqual([code, stderr], [1, message]);
});

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal}: what was accepted is finished and stored, exit code ${exitCode}`, deadline, async () => {
    using folder = new Folder();
    folder.file('same.ts', SAME);
    const running = start(['map', 'same.ts', '--to', 'sqlite:out.db#t'], { cwd: folder.path });
    // Standard input stays open: only the signal ends the run. The failing pipe is the test's, not the program's.
    running.child.stdin?.on('error', () => {}).write(numbers(1000));
    while (rows(folder.at('out.db')) < 500) await new Promise(setImmediate);
    running.child.kill(signal);
    const { code, stderr } = await running.ended;
    assert.equal(code, exitCode);
    const [, count] = /^telaio: stopped by SIG\w+ after ([\d,]+) records, all of them stored\n$/.exec(stderr) ?? [];
    assert.equal(rows(folder.at('out.db')), Number(count?.replace(',', '')));
  });
}

test('a second Ctrl-C ends at once, also when the function never ends', deadline, async () => {
  using folder = new Folder();
  folder.file('hangs.ts', "export default () => { console.error('in'); for (;;); };\n");
  const running = start(['map', 'hangs.ts', '--workers', '1', 'hangs.ts'], { cwd: folder.path });
  const { stderr } = running.child;
  if (stderr) await once(stderr, 'data');
  await interruptTwice(running);
  const { code } = await running.ended;
  assert.equal(code, 130);
});

function rows(path: string): number {
  if (!existsSync(path)) return 0;
  using db = new DatabaseSync(path, { timeout: 5000 });
  const there = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 't'").get();
  return there === undefined ? 0 : Number(db.prepare('SELECT count(*) AS n FROM t').get()?.n);
}
