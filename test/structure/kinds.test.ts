/** Whoever drops the last count of a record, what it held must go: so each isolate must know of each kind. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const from = (file: string): string => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);

/** The names of the kinds that hold something, as a program knows them that has imported this module. */
async function kindsKnownBy(module: string): Promise<string[]> {
  const script = `
    await import(${from(module)});
    const { kindNames, kindsThatHold } = await import(${from('memory/heap.ts')});
    console.log(JSON.stringify(kindsThatHold().map((kind) => kindNames[kind])));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  return JSON.parse(stdout);
}

test('an isolate that nothing of the program was imported in knows what every kind of record holds', async () => {
  const all = await kindsKnownBy('index.ts');
  assert.ok(all.includes('executor') && all.includes('thread') && all.includes('map'), String(all));
  // What the nursery, which buries the dead, and each thread import first.
  assert.deepEqual(await kindsKnownBy('kinds.ts'), all);
});
