/**
 * Looking on for a while before sleeping. A sleep and its wake-up cost 15 to 50 µs on either side, an item 0.2 µs, so a
 * side that is a little ahead of the other does better to wait awake: a small queue would otherwise put both to sleep
 * in turn at every item.
 *
 * How long is learnt: waits that turn out short lengthen it, long ones shorten it to almost nothing, so that whoever
 * waits for a slow partner leaves the core to others. Nothing but time depends on it: whoever has looked in vain parks,
 * and parking loses no wake-up.
 */
import { availableParallelism } from 'node:os';
import { pause } from '../memory/index.ts';

const LONGEST_MS = availableParallelism() > 1 ? 0.05 : 0;
const SHORTEST_MS = LONGEST_MS / 16;
/** Shorter waits than this would have ended while looking, had nobody slept. */
const SHORT_MS = LONGEST_MS * 2;
/**
 * For so long it is worth waiting for more than one item, or room for more than one: each look takes the cache line
 * away from who works on it.
 */
const PATIENCE_MS = 0.001;

let budget = LONGEST_MS;

/** How much there is to take now, items or room; negative: the wait is over for another reason. */
export type Look = () => number;

/** Looks on until there is something, `plenty` if that comes soon; `most` milliseconds. False when it gave up; then park. */
export function spin(look: Look, plenty: number, most = LONGEST_MS): boolean {
  if (LONGEST_MS === 0) return false;
  const start = performance.now();
  for (;;) {
    for (let turn = 0; turn < 4; turn++) pause();
    const there = look();
    if (there < 0 || there >= plenty) break;
    const waited = performance.now() - start;
    if (there > 0 && waited >= PATIENCE_MS) break;
    if (waited >= budget || waited >= most) return false;
  }
  if (budget < LONGEST_MS) budget = Math.min(budget * 2, LONGEST_MS);
  return true;
}

/** Says how long a wait took that began with `spin` and ended asleep. */
export function learn(milliseconds: number): void {
  budget = milliseconds < SHORT_MS ? Math.min(budget * 2, LONGEST_MS) : Math.max(budget / 2, SHORTEST_MS);
}
