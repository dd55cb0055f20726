/**
 * Counts CPython's behaviours in the files of this folder: a title that ends with `(TestClass.test_name)` is one that is
 * met, with `[adapted]` behind it one that is met in another form, and ` * differs: TestClass.test_name — reason` in a
 * file's header one that is not. A behaviour with several tests counts once.
 *
 * `node test/conformance/count.ts` prints the line.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Conformance = {
  met: Set<string>;
  adapted: Set<string>;
  /** Name and reason. */
  differing: Map<string, string>;
  /** What contradicts itself. */
  mistakes: string[];
};

const TITLE = /\((\(?\w+\)?\.(?:test_|DocTest)\w+)\)( \[adapted\])?['"`]/g;
const DIFFERS = /^ \*\s+\*? ?differs: (\S+)(?: — (.+))?$/gm;

export function countConformance(folder = fileURLToPath(new URL('.', import.meta.url))): Conformance {
  const count: Conformance = { met: new Set(), adapted: new Set(), differing: new Map(), mistakes: [] };
  // The test of this module speaks of titles that are none.
  const files = globSync('*.test.ts', { cwd: folder, exclude: ['count.test.ts'] }).sort();
  for (const file of files) readInto(count, file, join(folder, file));
  for (const name of count.adapted)
    if (count.met.has(name)) count.mistakes.push(`${name} is met as it is, and adapted`);
  for (const name of count.differing.keys()) {
    if (count.met.has(name) || count.adapted.has(name)) count.mistakes.push(`${name} has a test, and differs`);
  }
  return count;
}

function readInto(count: Conformance, file: string, path: string): void {
  const text = readFileSync(path, 'utf8');
  for (const [, name, adapted] of text.matchAll(TITLE)) (adapted ? count.adapted : count.met).add(name);
  for (const [, name, reason] of text.matchAll(DIFFERS)) {
    if (!reason) count.mistakes.push(`${file}: ${name} differs, and it isn't said why`);
    if (count.differing.has(name)) count.mistakes.push(`${file}: ${name} is listed twice`);
    count.differing.set(name, reason ?? '');
  }
}

export function totals({ met, adapted, differing }: Conformance): [number, number, number] {
  return [met.size, adapted.size, differing.size];
}

export function lineOf(count: Conformance): string {
  const [met, adapted, differing] = totals(count);
  return `conformance: ${met} met, ${adapted} adapted, ${differing} differing`;
}

if (import.meta.main) console.log(lineOf(countConformance()));
