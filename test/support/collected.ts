/** A collection on demand. When the engine gets to what is dropped is its own affair. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Collects until something is gone; whether it is, after so many rounds. */
export async function collected(gone: () => boolean, rounds = 500): Promise<boolean> {
  setFlagsFromString('--expose-gc');
  collect ??= runInNewContext('gc') as () => void;
  for (let round = 0; round < rounds; round++) {
    // A weak reference that was read is strong to the end of its turn, and a registry is told in a turn of its own.
    await setImmediate();
    collect();
    if (gone()) return true;
  }
  return false;
}
