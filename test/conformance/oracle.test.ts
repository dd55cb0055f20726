/**
 * Python as the judge: the same small programs, once in Python and once in TypeScript (in oracle/, side by side), run
 * and compared line by line.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { run } from '../threading/program.ts';

const folder = fileURLToPath(new URL('./oracle/', import.meta.url));
const programs = globSync('*.py', { cwd: folder, exclude: ['say.py'] })
  .map((file) => file.slice(0, -3))
  .sort();

/** Python writes undefined as null. */
async function pythonSays(name: string): Promise<string[]> {
  const options = { cwd: folder, timeout: 60_000, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } };
  const { stdout, stderr } = await promisify(execFile)('python3', [`${name}.py`], options);
  assert.equal(stderr, '');
  return stdout.trimEnd().split('\n');
}

const version = spawnSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 8))'], { encoding: 'utf8' });
const skip =
  version.stdout?.trim() === 'True'
    ? false
    : 'python3 (3.8 or newer) is not installed: there is nothing to compare with';

test('there are programs to compare, each in both languages', () => {
  assert.ok(programs.length >= 10);
  assert.deepEqual(
    globSync('*.ts', { cwd: folder, exclude: ['say.ts'] })
      .map((file) => file.slice(0, -3))
      .sort(),
    programs,
  );
});

for (const name of programs) {
  test(`${name.replaceAll('_', ' ')}: what Python prints`, { skip, timeout: 120_000 }, async () => {
    const theirs = await pythonSays(name);
    const { lines, stderr, code } = await run(pathToFileURL(join(folder, `${name}.ts`)));
    assert.deepEqual({ lines, stderr, code }, { lines: theirs, stderr: '', code: 0 });
    assert.ok(theirs.length > 0);
  });
}
