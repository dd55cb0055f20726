/** Programs that were packed into a file, with this library in it or beside it, where nothing else is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Where the programs are written, with the package as its users get it, and where what was packed lies alone. */
let home: string;
let folder: string;

before(() => {
  home = mkdtempSync(join(tmpdir(), 'telaio-sources-'));
  folder = mkdtempSync(join(tmpdir(), 'telaio-bundle-'));
  cpSync(join(root, 'test/structure/fixtures/bundled'), home, { recursive: true });
  mkdirSync(join(home, 'node_modules/telaio'), { recursive: true });
  for (const file of ['package.json', 'dist']) {
    cpSync(join(root, file), join(home, 'node_modules/telaio', file), { recursive: true });
  }
  for (const name of ['acorn', 'eslint-scope', 'esrecurse', 'estraverse']) {
    cpSync(join(root, 'node_modules', name), join(home, 'node_modules', name), { recursive: true });
  }
});
after(() => {
  for (const each of [home, folder]) rmSync(each, { recursive: true, force: true });
});

/** Packs a fixture into a folder of its own; the path of what is to be run. */
async function pack(fixture: string, name: string, options: BuildOptions): Promise<string> {
  const outdir = join(folder, name);
  const ending = options.format === 'cjs' ? '.cjs' : '.mjs';
  const { warnings } = await build({
    entryPoints: [join(home, `${fixture}.ts`)],
    bundle: true,
    platform: 'node',
    target: 'node24',
    outdir,
    outExtension: { '.js': ending },
    logLevel: 'silent',
    ...options,
  });
  // It can't know that what stands in for `import.meta` there is seen to.
  assert.deepEqual(
    warnings.filter(({ id }) => id !== 'empty-import-meta'),
    [],
  );
  return join(outdir, fixture + ending);
}

function run(file: string, ...options: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...options, file], { encoding: 'utf8', timeout: 60_000 });
}

const LINES = `a function 42
a closure 13 16 19
a class 33
WorkerCrashedError 7
true order 4 E_ORDER
TimeoutError
an executor 15
CancelledError CancelledError
a thread 0 3 6 9 12 5
<ThreadPoolExecutor ThreadPoolExecutor-0, sent here>
`;

const WAYS: Record<string, [fixture: string, options: BuildOptions]> = {
  'in one file': ['esm', { format: 'esm' }],
  'in one minified file': ['esm', { format: 'esm', minify: true }],
  'in one file with names kept': ['esm', { format: 'esm', minify: true, keepNames: true }],
  'in one file of CommonJS': ['cjs', { format: 'cjs' }],
  'in one minified file of CommonJS': ['cjs', { format: 'cjs', minify: true }],
  'in pieces': ['esm', { format: 'esm', splitting: true }],
};

for (const [way, [fixture, options]] of Object.entries(WAYS)) {
  test(`a program packed with the library ${way} runs`, { timeout: 120_000 }, async () => {
    const { status, stdout, stderr } = run(await pack(fixture, way, options));
    assert.equal(stdout, LINES, stderr);
    assert.match(stderr, /^Exception in thread wrong, /);
    assert.match(stderr, /RangeError: order 5\n/);
    assert.doesNotMatch(stderr, /order 4/);
    assert.equal(status, 0);
  });
}

test('a program packed without the library, which lies beside it, runs', { timeout: 120_000 }, async () => {
  symlinkSync(join(home, 'node_modules'), join(folder, 'node_modules'));
  try {
    const { status, stdout, stderr } = run(await pack('esm', 'beside', { format: 'esm', packages: 'external' }));
    assert.equal(stdout, LINES, stderr);
    assert.equal(status, 0);
  } finally {
    rmSync(join(folder, 'node_modules'));
  }
});

test('with source maps a report names the places in the sources, without any frame of the library', async () => {
  const file = await pack('esm', 'mapped', { format: 'esm', minify: true, sourcemap: true });
  const { stderr } = run(file, '--enable-source-maps');
  assert.match(stderr, /^Exception in thread wrong, target \w+ \(.*mapped.esm\.mjs:\d+:\d+\)/);
  assert.match(stderr, /RangeError: order 5\n +at .*work\.ts:\d+:\d+\) \{\n {2}code/);
  assert.doesNotMatch(stderr, /[\\/](src|dist)[\\/]threading/);
});

for (const format of ['esm', 'cjs'] as const) {
  test(`what one does while it is loaded, each thread does once: ${format}`, { timeout: 120_000 }, async () => {
    const { status, stdout, stderr } = run(await pack('loud', `loud ${format}`, { format }));
    assert.equal(stdout, 'loaded by MainThread\n1 there\nloaded by one\n2 there\n42 true\nMainThread\n', stderr);
    assert.deepEqual([status, stderr], [0, '']);
  });

  test(`one that starts threads wherever it is loaded is told so: ${format}`, { timeout: 120_000 }, async () => {
    const { stderr } = run(await pack('careless', `careless ${format}`, { format }));
    assert.match(stderr, /BootstrapError: A thread is started while a thread imports file:.*careless\.[cm]js/);
    assert.equal(stderr.match(/BootstrapError: /g)?.length, 1, stderr);
  });

  test(`one that can't be loaded by threads is told so: ${format}`, { timeout: 120_000 }, async () => {
    const { stderr } = run(await pack('broken', `broken ${format}`, { format }));
    assert.match(stderr, /Error: only on the main thread/);
  });
}

test("one of whose own modules before the library can't be loaded by threads, too", { timeout: 120_000 }, async () => {
  const { stderr } = run(await pack('broken-before', 'broken before', { format: 'esm' }));
  assert.match(stderr, /can't be started: its isolate died: only on the main thread/);
});
