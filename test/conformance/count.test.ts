/** How much of CPython's suites is met, and that the README says so. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { countConformance, lineOf, totals } from './count.ts';

const limit = { timeout: 20_000 };
const count = countConformance();

test('each behaviour is met, adapted, or listed with a reason, and only one of them', limit, () => {
  console.log(lineOf(count));
  assert.deepEqual(count.mistakes, []);
  assert.ok(count.met.size > 0 && count.adapted.size > 0);
});

for (const [file, pattern, line] of [
  [
    'README.md',
    /Conformance with CPython's suites: (\d+) met, (\d+) adapted, (\d+) differing/,
    ([met, adapted, differing]: number[]) =>
      `Conformance with CPython's suites: ${met} met, ${adapted} adapted, ${differing} differing`,
  ],
  [
    'docs/it/README.md',
    /Conformità con le suite di CPython: (\d+) rispettati, (\d+) adattati, (\d+) diversi/,
    ([met, adapted, differing]: number[]) =>
      `Conformità con le suite di CPython: ${met} rispettati, ${adapted} adattati, ${differing} diversi`,
  ],
] as const) {
  test(`${file} gives the count`, limit, () => {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    const said = pattern.exec(text)?.slice(1).map(Number);
    assert.deepEqual(said, totals(count), `${file} should say: ${line(totals(count))}`);
  });
}

test('what is counted: titles and headers, a behaviour once, contradictions', limit, () => {
  const folder = mkdtempSync(join(tmpdir(), 'telaio-count-'));
  try {
    const quote = "'";
    const title = (text: string): string => `check(${quote}${text}${quote}, () => {});\n`;
    const header = (...lines: string[]): string =>
      `/**\n * A group.\n *\n${lines.map((each) => ` * ${each}\n`).join('')} */\n`;
    const first = title('one (A.test_one)') + title('one again (A.test_one)') + title('two (A.test_two) [adapted]');
    writeFileSync(join(folder, 'a.test.ts'), header('differs: A.test_three — no such thing') + first);
    writeFileSync(join(folder, 'b.test.ts'), title('four ((doctest).test_four)') + title('no marks (beside)'));
    const good = countConformance(folder);
    assert.deepEqual(good.mistakes, []);
    assert.equal(lineOf(good), 'conformance: 2 met, 1 adapted, 1 differing');
    const bad = header('differs: A.test_one — but it is there', 'differs: A.test_five') + title('(A.test_two)');
    writeFileSync(join(folder, 'c.test.ts'), bad);
    assert.deepEqual(countConformance(folder).mistakes, [
      "c.test.ts: A.test_five differs, and it isn't said why",
      'A.test_two is met as it is, and adapted',
      'A.test_one has a test, and differs',
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
