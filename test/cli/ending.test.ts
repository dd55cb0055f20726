/** A run that has ended ends the process, whatever still reads, runs or waits. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { Folder, interruptTwice, type Outcome, PROGRAM, type Running, shell, start } from './telaio.ts';

const deadline = { timeout: 20_000 };
const noScript = spawnSync('script', ['--version']).status === 0 ? false : 'there is no program `script`';
const SAME = 'export default (line: string) => line;\n';

function fifo(folder: Folder, name: string): string {
  execFileSync('mkfifo', [folder.at(name)]);
  return folder.at(name);
}

/** Kills what has not ended by itself, so that a failing test does not leave it behind. */
async function ended({ child, ended: outcome }: Running, limit = 8_000): Promise<Outcome> {
  const killer = setTimeout(() => child.kill('SIGKILL'), limit);
  try {
    return await outcome;
  } finally {
    clearTimeout(killer);
  }
}

test('a named pipe is read like a file', deadline, async () => {
  using folder = new Folder();
  folder.file('same.ts', SAME);
  fifo(folder, 'in');
  // It is open, and gives nothing for a while.
  const command = '(sleep 0.1; printf "a\\nb\\n") > in & telaio map same.ts in <(printf "c\\n")';
  assert.deepEqual(await shell(command, folder.path), { code: 0, stdout: 'a\nb\nc\n', stderr: '' });
});

for (const [name, module, code] of [
  ['Ctrl-C', SAME, 130],
  ['an error', 'export default (line: string) => { throw new Error(line); }', 1],
] as const) {
  test(`${name} ends a run that reads a named pipe whose writer stays silent`, deadline, async () => {
    using folder = new Folder();
    folder.file('target.ts', module);
    const path = fifo(folder, 'in');
    // Open for both, so that neither end waits for the other.
    const writer = openSync(path, 'r+');
    const running = start(['map', 'target.ts', 'in'], { cwd: folder.path });
    try {
      writeSync(writer, 'x\n');
      if (code === 130 && running.child.stdout) {
        await once(running.child.stdout, 'data');
        running.child.kill('SIGINT');
      }
      assert.equal((await ended(running)).code, code);
    } finally {
      closeSync(writer);
    }
  });
}

test('/dev/stdin is standard input, and ends with the run', deadline, async () => {
  using folder = new Folder();
  folder.file('same.ts', SAME);
  const running = start(['map', 'same.ts', '/dev/stdin'], { cwd: folder.path });
  running.child.stdin?.on('error', () => {}).write('x\n');
  if (running.child.stdout) await once(running.child.stdout, 'data');
  running.child.kill('SIGINT');
  const { code, stdout } = await ended(running);
  assert.deepEqual([code, stdout], [130, 'x\n']);
});

const LOOPS = `
  export default (line: string) => {
    if (line === 'fails') throw new RangeError('no');
    while (line === 'loops');
    return line;
  };`;

for (const order of [[], ['--unordered']]) {
  test(`a failure ends the run while another record never ends ${order}`, deadline, async () => {
    using folder = new Folder();
    folder.file('target.ts', LOOPS);
    folder.file('in.txt', 'a\nfails\nloops\nb\n');
    const argv = ['map', 'target.ts', 'in.txt', '--chunk', '1', '--workers', '2', ...order];
    const { code, stdout, stderr } = await ended(start(argv, { cwd: folder.path }));
    assert.match(stderr, /^telaio: in\.txt, line 2: RangeError: no\n/);
    assert.equal(code, 1);
    // Without an order, what the failure overtook need not be stored.
    assert.ok(stdout.startsWith('a\n') || (order.length > 0 && stdout === ''), stdout);
  });
}

test('a failure is told even when a record before it never ends; a second Ctrl-C ends that', deadline, async () => {
  using folder = new Folder();
  folder.file('target.ts', LOOPS);
  folder.file('in.txt', 'loops\nfails\n');
  const argv = ['map', 'target.ts', 'in.txt', '--chunk', '1', '--workers', '2'];
  const running = start(argv, { cwd: folder.path });
  if (running.child.stderr) await once(running.child.stderr, 'data');
  await interruptTwice(running);
  const { code, stderr } = await ended(running);
  assert.match(stderr, /^telaio: in\.txt, line 2: RangeError: no\n/);
  assert.match(stderr, /telaio: ended by a second SIGINT after 0 records; those that were running are lost\n$/);
  assert.equal(code, 130);
});

test('--help and --version into a pipe that nobody reads, or onto a full disk', deadline, async () => {
  using folder = new Folder();
  const full = "telaio: can't write to standard output: no space left on the device (ENOSPC)\n";
  for (const argument of ['--version', 'map --help']) {
    const gone = await shell(`(telaio ${argument}; echo "code $?" >&2) | :`, folder.path);
    assert.equal(gone.stderr, 'code 0\n');
    const { code, stderr } = await shell(`telaio ${argument} > /dev/full`, folder.path);
    assert.deepEqual([code, stderr], [1, full]);
  }
});

test('a Node that is too old is told so in one line', deadline, async () => {
  using folder = new Folder();
  const old = folder.file('old.mjs', "Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } });\n");
  const env = { ...process.env, NODE_OPTIONS: `--import=${old}` };
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, '--version'], { env, encoding: 'utf8' });
  assert.deepEqual([status, stderr], [2, 'telaio: this is Node 20.20.2; telaio needs Node 24 or newer\n']);
  const source = readFileSync(PROGRAM, 'utf8');
  // Whatever is imported before the check has to be in the language of that Node.
  assert.doesNotMatch(source, /^(import|export) (?!type).* from '\./m);
});

test('the cursor of a terminal is back after a second Ctrl-C', { ...deadline, skip: noScript }, async () => {
  using folder = new Folder();
  const interrupts = `export default () => {
    for (let next = 0; ; ) if (performance.now() > next) { next = performance.now() + 50; process.kill(process.pid, 'SIGINT'); }
  };`;
  folder.file('target.ts', interrupts);
  const command = `${process.execPath} ${PROGRAM} map target.ts target.ts --to out.ndjson`;
  const options = { cwd: folder.path, encoding: 'utf8', timeout: 15_000 } as const;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], options);
  const hidden = stdout.lastIndexOf('\x1b[?25l');
  assert.ok(hidden >= 0, 'there was a bar');
  assert.ok(stdout.lastIndexOf('\x1b[?25h') > hidden);
  assert.match(stdout, /telaio: ended by a second SIGINT/);
});

test('workers beyond the cores start when there is work for them', deadline, async () => {
  using folder = new Folder();
  const source = "appendFileSync(new URL('./loads.txt', import.meta.url), 'x'); export default () => {};";
  folder.file('target.mjs', `import { appendFileSync } from 'node:fs'; ${source}`);
  const { code } = await ended(start(['map', 'target.mjs', '/dev/null', '--workers', '40'], { cwd: folder.path }));
  assert.equal(code, 0);
  assert.ok(folder.read('loads.txt').length <= availableParallelism());
});
