/**
 * Garbage that holds shared objects. V8 collects when its own heap is full, and knows nothing of what its small wrappers
 * hold in ours: an isolate that runs one short thread after another may go for minutes without it. So each isolate
 * collects, in between two threads or when it has no task: once whenever the shared heap has grown by a step (pages.ts),
 * and when it has come to hold many more records itself.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SUPER } from './layout.ts';
import { countNoted } from './objects.ts';
import { heap } from './thread-heap.ts';

/** So many more than after the last collection, and half as many again: those that live must not be gone through for ever. */
const MANY = 1_000;

/** The growth up to which this isolate has collected, and what it held then; a new one has no garbage. */
let collected = heap.load(SUPER.GROWTHS);
let left = 0;
let gc: (() => void) | undefined;

export function isCollectionDue(): boolean {
  return heap.load(SUPER.GROWTHS) !== collected || countNoted() > left * 1.5 + MANY;
}

/** Takes some ten milliseconds in a small isolate. What was held by garbage is given back when it resolves. */
export async function collectGarbage(): Promise<void> {
  collected = heap.load(SUPER.GROWTHS);
  gc ??= findGc();
  gc?.();
  // Finalizers run in a turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  left = countNoted();
}

/** Another thread may take the flag back before the context is made: then once more, and rather not at all than for ever. */
const MOST_TRIES = 5;

function findGc(): (() => void) | undefined {
  if (globalThis.gc !== undefined) return globalThis.gc as () => void;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    setFlagsFromString('--expose-gc');
    const found = runInNewContext('globalThis.gc') as (() => void) | undefined;
    // The program's own contexts stay as they would be, but for one that another thread makes at this very moment.
    setFlagsFromString('--no-expose-gc');
    if (found !== undefined) return found;
  }
  return undefined;
}
