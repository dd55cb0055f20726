/** No word of a shared record has two owners: the table of offsets, checked against itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as layout from '../../src/memory/layout.ts';

/** Fields that are wider than a word, in words, by name. */
const widthOf = (record: string, field: string): number => {
  // The address of a spot, not a spot.
  if (field === 'PARKED_SPOT') return 1;
  if (/SPOT$|^NOT_EMPTY$|^NOT_FULL$/.test(field)) return layout.SPOT.WORDS;
  if (field === 'PARKED_SINCE' || field === 'INTERVAL') return 2;
  if (record === 'SUPER' && field === 'CLASS_STACKS') return layout.CLASS_COUNT * 2;
  if (record === 'SUPER' && field === 'BITMAP') return layout.MAX_HEAP_BYTES / layout.PAGE_BYTES / 32;
  if (record === 'ISOLATE' && field === 'CACHES') return layout.CLASS_COUNT * 2;
  if (record === 'HOLDINGS' && field === 'ENTRIES') return layout.HOLDINGS.PER_CHUNK;
  return 1;
};

/** Names in a record's table that are sizes, not offsets. */
const SIZES = new Set(['WORDS', 'PER_CHUNK', 'FIRST_CAPACITY']);

const records = (Object.entries(layout) as [string, Record<string, number>][]).filter(
  ([name, value]) =>
    typeof value === 'object' &&
    !/^(KIND|RECORD|ASYNC_WAITS|PARKED|DETECT|.*_STATE|.*_OUTCOME|.*_FLAG|.*_FORM)$/.test(name),
);

test('there are records to look at', () => {
  assert.ok(records.length >= 15);
});

for (const [name, fields] of records) {
  test(`${name}: no two fields overlap`, () => {
    const owner = new Map<number, string>();
    for (const [field, offset] of Object.entries(fields)) {
      if (SIZES.has(field)) continue;
      for (let word = offset; word < offset + widthOf(name, field); word++) {
        assert.equal(owner.get(word), undefined, `${name}.${field} and ${name}.${owner.get(word)} share word ${word}`);
        owner.set(word, field);
      }
    }
    const { WORDS } = fields;
    if (WORDS !== undefined) assert.ok(Math.max(...owner.keys()) < WORDS, `${name} is longer than its WORDS`);
  });
}

test('kinds are distinct and fit their byte', () => {
  const kinds = Object.values(layout.KIND);
  assert.equal(new Set(kinds).size, kinds.length);
  assert.ok(Math.max(...kinds) < 256);
});
