/** A CommonJS TypeScript package under tsx, which wraps each file's code in an arrow, this library's own included. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const limit = { timeout: 60_000 };
const tsx = import.meta.resolve('tsx');
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsx-commonjs-'));
  const library = join(folder, 'node_modules/telaio');
  await mkdir(library, { recursive: true });
  await writeFile(join(library, 'package.json'), '{"type":"module","exports":"./src/index.ts"}');
  await symlink(path('../../src'), join(library, 'src'), 'junction');
  await writeFile(join(folder, 'package.json'), '{}');
  for (const name of ['functions', 'pool', 'subclass']) {
    await cp(path(`./fixtures/tsx-commonjs/${name}.mts`), join(folder, `${name}.cts`));
    await cp(path(`./fixtures/tsx-commonjs/${name}.mts`), join(folder, `${name}.ts`));
  }
});
after(() => rm(folder, { recursive: true }));

function run(name: string): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    execFile(
      process.execPath,
      ['--import', tsx, join(folder, name)],
      { env, timeout: 50_000 },
      (_error, stdout, stderr) => resolve({ stdout, stderr }),
    );
  });
}

describe('under tsx, CommonJS', () => {
  for (const ending of ['ts', 'cts']) {
    test(`.${ending}: functions, classes, arrows and imports of the module`, limit, async () => {
      assert.deepEqual(await run(`functions.${ending}`), { stdout: '["a/b",5,6,true]\n', stderr: '' });
    });
    test(`.${ending}: a pool ends without a word`, limit, async () => {
      assert.deepEqual(await run(`pool.${ending}`), { stdout: '2\n', stderr: '' });
    });
    test(`.${ending}: an object of a class that extends one of the library`, limit, async () => {
      assert.deepEqual(await run(`subclass.${ending}`), { stdout: '[true,7]\n', stderr: '' });
    });
  }
});
