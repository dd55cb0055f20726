/** The architecture, proven: floors, doors, sizes. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sources = globSync('src/**/*.ts', { cwd: root }).sort();

/** From the ground up; those in one row are siblings, which don't know each other. */
const FLOORS = [
  ['errors.ts'],
  ['memory'],
  ['functions'],
  ['sync'],
  ['shared'],
  ['queue'],
  ['kinds.ts'],
  ['threading'],
  ['futures'],
  ['cli'],
  ['index.ts'],
];
const floorOf = (place: string): number => FLOORS.findIndex((floor) => floor.includes(place.split('/')[0]));

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s+'(\.[^']+)'|import\('(\.[^']+)'\)/g)].map(
    (match) => match[1] ?? match[2],
  );
}

test('there are sources, and each belongs to a floor', () => {
  assert.ok(sources.length > 40);
  for (const file of sources) assert.notEqual(floorOf(file.slice(4)), -1, `${file} is on no floor`);
});

test('imports go only downwards', () => {
  for (const file of sources) {
    const own = floorOf(file.slice(4));
    for (const imported of importsOf(file)) {
      const target = relative('src', join(dirname(file), imported));
      const floor = floorOf(target);
      const inside = target.split('/')[0] === file.slice(4).split('/')[0];
      assert.ok(inside || floor < own, `${file} imports ${target}, which is not below it`);
    }
  }
});

test('a floor is entered by its doors: index.ts, or internal.ts for the floors above', () => {
  for (const file of sources) {
    for (const imported of importsOf(file)) {
      const target = relative('src', join(dirname(file), imported));
      const [folder, ...rest] = target.split('/');
      if (rest.length === 0 || folder === file.slice(4).split('/')[0]) continue;
      const door = rest.join('/');
      assert.ok(['index.ts', 'internal.ts', 'message-codec.ts'].includes(door), `${file} reaches into ${target}`);
    }
  }
});

test('index.ts only re-exports', () => {
  for (const file of sources.filter((name) => name.endsWith('/index.ts'))) {
    const code = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    const rest = code.replace(/export\s+(?:type\s+)?(?:\*|\{[^}]*\})\s+from\s+'[^']+';/g, '').trim();
    assert.equal(rest, '', `${file} does more than re-export`);
  }
});

test('Atomics appears in the memory rooms only', () => {
  for (const file of sources.filter((name) => !name.startsWith('src/memory/'))) {
    const code = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    assert.doesNotMatch(code, /\bAtomics\s*\./, file);
  }
});

test('no file is longer than 500 lines', () => {
  for (const file of globSync('{src,test,bench,examples,scripts}/**/*.{ts,mjs}', { cwd: root })) {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length;
    assert.ok(lines <= 501, `${file} has ${lines} lines`);
  }
});

test('a public name is exported once from the package', async () => {
  const text = sources
    .filter((name) => name.endsWith('/index.ts'))
    .map((name) => [name, readFileSync(join(root, name), 'utf8')] as const);
  const whole = await import('../../src/index.ts');
  for (const [name, code] of text) {
    const floor = name.split('/')[1];
    if (!['threading', 'queue', 'shared', 'futures'].includes(floor)) continue;
    for (const match of code.matchAll(/export\s+\{([^}]*)\}/g)) {
      for (const exported of match[1]
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part && !part.startsWith('type '))) {
        const plain = exported.split(' as ').at(-1)!;
        assert.ok(plain in whole, `telaio/${floor} exports ${plain}, telaio does not`);
      }
    }
  }
});
