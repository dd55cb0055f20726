import { inspect } from 'node:util';

/** Options of every wait. */
export type WaitOptions = {
  /** Milliseconds; `Infinity` (the default) waits for ever. Negative or NaN: `RangeError`. */
  timeout?: number;
  /** Aborting it ends the wait with `signal.reason`. */
  signal?: AbortSignal;
};
export type SyncWaitOptions = { timeout?: number };

/** The moment (in `performance.now()` time) at which a wait with this timeout ends. */
export function deadlineOf(timeout: number | undefined): number {
  if (timeout === undefined || timeout === Infinity) return Infinity;
  if (typeof timeout !== 'number' || !(timeout >= 0)) {
    throw new RangeError(
      `timeout is ${inspect(timeout, { depth: 0 })}: give milliseconds, 0 or more, or Infinity to wait for ever.`,
    );
  }
  return performance.now() + timeout;
}
