import assert from 'node:assert/strict';
import { Event } from '../../src/sync/index.ts';

/** Waits for a state without a turn of the event loop. */
export function blockUntil(condition: () => boolean): void {
  const nothing = new Event();
  for (const end = performance.now() + 15_000; !condition(); nothing.waitSync({ timeout: 1 })) {
    assert.ok(performance.now() < end, `never came: ${condition}`);
  }
}
