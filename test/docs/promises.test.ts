/** docs/promises.md names a test for each promise: each is there, in that file and under that title. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './blocks.ts';

const CELL = /`(test\/[\w./-]+\.test\.ts)`: (.*?)(?=; `test\/| \|$)/g;

/** The first argument of whatever makes a test in that file, or a row of what several tests are made of. */
function titlesIn(file: string): RegExp[] {
  const source = readFileSync(join(root, file), 'utf8');
  const calls = source.matchAll(/\b(?:check|test|prints)\(\s*(?:'((?:[^'\\]|\\.)+)'|"([^"]+)"|`([^`]+)`)/g);
  const titles = [...calls].filter(
    ([, single, double, template]) => single ?? double ?? template.replace(/\$\{[^}]*\}/g, ''),
  );
  return titles.map(([, single, double, template]) => {
    const title = (single ?? double ?? template).replace(/\\(.)/g, '$1');
    const parts = template === undefined ? [title] : title.split(/\$\{[^}]*\}/);
    return new RegExp(`^${parts.map((part) => RegExp.escape(part)).join('.*')}$`);
  });
}

function named(): { line: number; file: string; title: string }[] {
  const lines = readFileSync(join(root, 'docs/promises.md'), 'utf8').split('\n');
  return lines.flatMap((text, index) =>
    [...text.matchAll(CELL)].map(([, file, title]) => ({ line: index + 1, file, title })),
  );
}

test('every test that docs/promises.md names is there', () => {
  const all = named();
  assert.ok(all.length > 30, `${all.length} tests named`);
  for (const { line, file, title } of all) {
    const place = `docs/promises.md:${line}`;
    assert.ok(existsSync(join(root, file)), `${place}: there is no ${file}`);
    assert.ok(
      titlesIn(file).some((pattern) => pattern.test(title)),
      `${place}: ${file} has no test "${title}"`,
    );
  }
});

test('every row but those of what is not there yet names one', () => {
  const [kept] = readFileSync(join(root, 'docs/promises.md'), 'utf8').split('## Not yet');
  const rows = kept.split('\n').filter((line) => /^\| (?!what is missed|---)/.test(line));
  assert.ok(rows.length > 20);
  for (const row of rows) assert.match(row, /\| `test\/\S+\.test\.ts`: [^|]+ \|$/);
});
