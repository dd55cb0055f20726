/** The same program under each way to run TypeScript, and code that no file holds, each in a process of its own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const limit = { timeout: 60_000 };
const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const source = new URL('../../src/functions/', import.meta.url).href;

function run(...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  return new Promise((resolve) => {
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    execFile(process.execPath, args, { env, timeout: 50_000 }, (error, stdout, stderr) => {
      resolve({ stdout, stderr, code: error === null ? 0 : Number(error.code ?? 1) });
    });
  });
}

let folder = '';
let oneLine = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'functions-'));
  const path = join(folder, 'one-line.mts');
  // Biome would lay a fixture file out over several lines.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: code
  await writeFile(path, 'export const late = (k: number) => (): never => { throw new Error(`one line ${k}`); };');
  oneLine = pathToFileURL(path).href;
});
after(() => rm(folder, { recursive: true }));

const expected = {
  exported: '4px',
  unexported: 'thread',
  arrow: '13px',
  helped: 22,
  imports: 'sibling',
  inline: 3,
  named: 'inner inner',
  'common hidden': 'common.cjs 1px',
  'common listed': 'listed 1px',
  'common arrow': '4px',
  'common whole': '1!',
  loads: 1,
  kind: 'binding',
};

describe('a program', () => {
  for (const [name, flags] of [
    ['node', []],
    ['tsx', ['--import', 'tsx']],
  ] as const) {
    test(`under ${name}`, limit, async () => {
      const { stdout, stderr } = await run(...flags, fixture('program.ts'), oneLine);
      assert.equal(stderr, '');
      const out = JSON.parse(stdout) as Record<string, string>;
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, out[key]])), expected);
      assert.match(out.thrown!, /^thrown 1 @ lib\.ts:133:11$/);
      assert.match(out['common thrown']!, /^thrown 3 @ common\.cjs:25:11$/);
      // A source map has no better column than the statement's.
      assert.match(out['one line']!, name === 'node' ? /@ one-line\.mts:1:57$/ : /@ one-line\.mts:1:5\d$/);
      // tsx can load an ES module only asynchronously.
      assert.match(out.sync!, name === 'node' ? /^4px$/ : /exported \(.*lib\.ts:.*loader.*Import the module/);
      assert.match(out.place!, /^arrow \(lib\.ts:83:\d+\)$/);
    });
  }
  test('where code generation from strings is disallowed', limit, async () => {
    const { stdout } = await run('--disallow-code-generation-from-strings', fixture('program.ts'));
    const out = JSON.parse(stdout) as Record<string, string>;
    assert.equal(out.exported, '4px');
    assert.equal(out['common listed'], 'listed 1px');
    for (const name of ['arrow', 'inline']) {
      assert.match(out[name]!, /\((?:.*lib|.*program)\.ts:\d+:\d+\).*disallows code generation.*export it/);
    }
    assert.match(out.unexported!, /never .*disallows code generation.*Export it/);
  });
});

describe('without a file', () => {
  const script = `
    const { captureFunction, rebuildFunction } = await import('${source}index.ts');
    const outer = 1;
    const { reference } = captureFunction((a) => a + 1);
    console.log(rebuildFunction(structuredClone(reference), [])(2));
    try { captureFunction(() => outer) } catch (error) { console.log(error.message) }`;
  for (const type of ['module', 'commonjs']) {
    test(`node -e, ${type}`, limit, async () => {
      const text =
        type === 'module' ? script : `(async () => {${script}})()`.replace('const outer', 'globalThis.outer');
      const { stdout, stderr } = await run(`--input-type=${type}`, '-e', text);
      assert.equal(stderr, '');
      assert.match(stdout, /^3\n.*'outer' of a module that exists only in memory/);
    });
  }
});
