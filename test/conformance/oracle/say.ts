/** What both sides print: one JSON array a line, written at once, whichever thread it comes from. */
import { writeSync } from 'node:fs';

export function say(...values: unknown[]): void {
  writeSync(1, `${JSON.stringify(values)}\n`);
}

/** What a call does: what it gives, or that it refuses. */
export function refused(call: () => unknown): string {
  try {
    call();
    return 'allowed';
  } catch {
    return 'refused';
  }
}
