/** The package as its users get it: packed, unpacked beside nothing else, imported, type-checked. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
let consumer: string;

before(() => {
  consumer = mkdtempSync(join(tmpdir(), 'telaio-consumer-'));
  const home = join(consumer, 'node_modules', 'telaio');
  mkdirSync(home, { recursive: true });
  for (const file of ['package.json', 'dist', 'README.md', 'LICENSE'])
    cpSync(join(root, file), join(home, file), { recursive: true });
  for (const name of [
    ...Object.keys(manifest.dependencies),
    '@types',
    'undici-types',
    'esrecurse',
    'estraverse',
    'string-width',
    'strip-ansi',
    'ansi-regex',
    'emoji-regex',
    'is-fullwidth-code-point',
  ]) {
    const target = join(root, 'node_modules', name);
    if (existsSync(target)) symlinkSync(target, join(consumer, 'node_modules', name));
  }
  writeFileSync(join(consumer, 'package.json'), '{ "type": "module" }');
});
after(() => rmSync(consumer, { recursive: true, force: true }));

test('publint finds nothing wrong', { timeout: 60_000 }, async () => {
  const { publint } = await import('publint');
  const { messages } = await publint({
    pkgDir: join(consumer, 'node_modules', 'telaio'),
    level: 'warning',
    pack: false,
  });
  assert.deepEqual(messages, []);
});

test('tests of the package that are written in the same file as a target run once', { timeout: 60_000 }, () => {
  writeFileSync(
    join(consumer, 'once.test.js'),
    `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Thread } from 'telaio';
const twice = (n) => 2 * n;
test('a thread', async () => {
  const thread = new Thread({ target: (n) => twice(n), args: [21] });
  thread.start();
  assert.equal(await thread.result(), 42);
  console.log('ran');
});
`,
  );
  const { stdout, status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', 'once.test.js'], {
    cwd: consumer,
    encoding: 'utf8',
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  assert.equal(status, 0, stdout);
  assert.equal(stdout.match(/^ran$/gm)?.length, 1, stdout);
});

test('every subpath can be imported and has types', { timeout: 60_000 }, () => {
  const paths = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'));
  const names = paths.map((path) => path.replace(/^\./, 'telaio'));
  writeFileSync(
    join(consumer, 'all.ts'),
    names.map((name, index) => `import * as m${index} from '${name}'; void m${index};`).join('\n'),
  );
  writeFileSync(
    join(consumer, 'use.ts'),
    `import { Lock, Thread } from 'telaio/threading';
import { Queue } from 'telaio/queue';
import { ThreadPoolExecutor } from 'telaio/futures';
const queue: Queue<number> = new Queue<number>(10);
const thread: Thread<[number], string> = new Thread({ target: (n: number) => String(n), args: [1] });
const result: Promise<string> = thread.result();
async function use(): Promise<number> {
  using guard = new Lock().acquireSync();
  void guard.abandoned;
  await using executor = new ThreadPoolExecutor({ maxWorkers: 2 });
  // @ts-expect-error a text is no number
  executor.submit((n: number) => n, 'text');
  const item: number = await queue.get();
  return (await executor.submit((n: number) => n + 1, item)) + (await executor.map((n: number) => n, [1]).toArray())[0];
}
void result; void use;
`,
  );
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const options = [
    '--noEmit',
    '--strict',
    '--target',
    'esnext',
    '--module',
    'nodenext',
    '--types',
    'node',
    'all.ts',
    'use.ts',
  ];
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...options], { cwd: consumer, encoding: 'utf8' });
  assert.equal(status, 0, stdout);
  const code = `${names.map((name) => `await import('${name}');`).join('')} console.log('imported');`;
  assert.equal(
    execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: consumer, encoding: 'utf8' }),
    'imported\n',
  );
});

test('a thread runs from the installed package', { timeout: 60_000 }, () => {
  writeFileSync(
    join(consumer, 'program.ts'),
    `import { Thread } from 'telaio';
const double = (n: number) => n * 2;
if (import.meta.main) console.log(await new Thread({ target: double, args: [21] }).start().result());
`,
  );
  assert.equal(execFileSync(process.execPath, ['program.ts'], { cwd: consumer, encoding: 'utf8' }), '42\n');
});
