/** What a run reads is not overwritten, and nothing is emptied before everything is open. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Folder, shell, telaio } from './telaio.ts';

const deadline = { timeout: 20_000 };
const SAME = 'export default (value: unknown) => value;\n';

test('two spellings of one file that does not exist yet', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', SAME);
  mkdirSync(folder.at('sub'));
  symlinkSync(folder.path, folder.at('link'));
  symlinkSync(folder.at('out.ndjson'), folder.at('later.ndjson'));
  const out = folder.at('out.ndjson');
  for (const other of [
    `${folder.path}/./out.ndjson`,
    `${folder.path}/sub/../out.ndjson`,
    join(folder.at('link'), 'out.ndjson'),
    folder.at('later.ndjson'),
  ]) {
    const { code, stderr } = await telaio(['map', target, '--to', out, '--on-error', other], { stdin: '1\n' });
    assert.deepEqual([code, existsSync(out)], [2, false], other);
    assert.equal(stderr, `telaio: ${other} would be overwritten: it is named twice (as ${out} too)\n`);
  }
});

test('standard input, and the module itself, are not overwritten', deadline, async () => {
  using folder = new Folder();
  folder.file('target.ts', SAME);
  folder.file('data.ndjson', '1\n');
  const fed = await shell('telaio map target.ts --to data.ndjson < data.ndjson', folder.path);
  const message = 'telaio: data.ndjson would be overwritten: it is named twice (as standard input too)\n';
  assert.deepEqual(fed, { code: 2, stdout: '', stderr: message });
  assert.equal(folder.read('data.ndjson'), '1\n');
  const path = folder.at('target.ts');
  const outcome = await telaio(['map', path, '--on-error', path], { stdin: '1\n' });
  assert.equal(outcome.stderr, `telaio: ${path} would be overwritten: it is named twice (as the module ${path} too)\n`);
  assert.deepEqual([outcome.code, folder.read('target.ts')], [2, SAME]);
});

test('a device may be named twice: it keeps nothing', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', SAME);
  const outcome = await telaio(['map', target, '/dev/null', '--on-error', '/dev/null']);
  assert.deepEqual(outcome, { code: 0, stdout: '', stderr: '' });
});

test('a destination that can not be opened leaves the others as they were', deadline, async () => {
  using folder = new Folder();
  const target = folder.file('target.ts', SAME);
  const missing = folder.at('missing/file.ndjson');
  const kept = folder.file('kept.ndjson', 'old\n');
  const fresh = folder.at('fresh.ndjson');
  for (const [to, onError] of [
    [kept, missing],
    [missing, kept],
    [fresh, missing],
    [missing, fresh],
  ]) {
    const { code, stderr } = await telaio(['map', target, '--to', to, '--on-error', onError], { stdin: '1\n' });
    const message = `telaio: can't write ${missing}: no such file or directory (ENOENT)\n`;
    assert.deepEqual([code, stderr, folder.read('kept.ndjson'), existsSync(fresh)], [1, message, 'old\n', false]);
  }
  assert.equal((await telaio(['map', target, '--to', kept], { stdin: '1\n' })).code, 0);
  assert.equal(folder.read('kept.ndjson'), '"1"\n');
});

const FAILS = 'export default (line: string) => { if (line === "2") throw new Error("no"); return line; };\n';

test('the file of standard output or standard error is not named a second time', deadline, async () => {
  using folder = new Folder();
  folder.file('fails.ts', FAILS);
  folder.file('in.txt', '1\n2\n3\n');
  for (const [command, name, stream] of [
    ['--on-error o.txt > o.txt', 'o.txt', 'output'],
    ['--on-error /dev/stdout > o.txt', '/dev/stdout', 'output'],
    ['--on-error o.txt 2>> o.txt', 'o.txt', 'error'],
    ['--on-error /dev/stderr > out.txt 2> o.txt', '/dev/stderr', 'error'],
    ['--to o.ndjson > o.ndjson', 'o.ndjson', 'output'],
  ]) {
    const { code, stderr } = await shell(`rm -f o.*; telaio map fails.ts in.txt ${command}`, folder.path);
    const message = `telaio: ${name} would be overwritten: it is named twice (as standard ${stream} too)\n`;
    const told = stream === 'error' ? folder.read('o.txt') : stderr;
    assert.deepEqual([code, told], [2, message], command);
    if (stream === 'output') assert.equal(folder.read(command.split('> ')[1]), '', command);
  }
});

test('a run is not fed by what it writes', deadline, async () => {
  using folder = new Folder();
  folder.file('fails.ts', FAILS);
  for (const [command, name] of [
    ['loop.txt >> loop.txt', 'loop.txt'],
    ['< loop.txt >> loop.txt', 'standard input'],
  ]) {
    folder.file('loop.txt', '1\n3\n');
    const { code, stderr } = await shell(`telaio map fails.ts ${command}`, folder.path);
    const told = `${name} would be written to while it is read: it is named twice (as standard output too)`;
    assert.deepEqual([code, stderr, folder.read('loop.txt')], [2, `telaio: ${told}\n`, '1\n3\n']);
  }
  folder.file('in.txt', '1\n2\n');
  const { code } = await shell('telaio map fails.ts in.txt --on-error skip > all.txt 2>&1', folder.path);
  assert.deepEqual([code, folder.read('all.txt').startsWith('1\n')], [0, true], 'one file for both outputs');
});
