/** What consumers tell, held against what producers put. */
import assert from 'node:assert/strict';

/** `taken`: which producer's, and which of its items. */
export type Taken = { taken: [number, number][]; largest?: number };

/** Each of `count` items a producer once; `inOrder`: each consumer saw a producer's items in their order. */
export function assertExactlyOnce(outcomes: Taken[], producers: number, count: number, inOrder = true): void {
  const seen = new Set<number>();
  for (const { taken } of outcomes) {
    const last = new Map<number, number>();
    for (const [producer, number] of taken) {
      const before = last.get(producer) ?? -1;
      if (inOrder) assert.ok(number > before, `producer ${producer}: ${number} after ${before}`);
      last.set(producer, number);
      seen.add(producer * 1_000_000 + number);
    }
  }
  assert.equal(
    outcomes.reduce((sum, { taken }) => sum + taken.length, 0),
    producers * count,
  );
  assert.equal(seen.size, producers * count);
}
