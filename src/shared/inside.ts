/**
 * What `update` and `getOrSet` need while they run the user's function under a lock: a call of the same object from
 * inside would wait for itself, so it is refused by name; calls of others wait as ever, unless that goes round in a
 * circle of such functions, which is refused by name too. Circles with other waits are for the detection of deadlocks.
 */
import { RuntimeError } from '../errors.ts';
import { AT, CIRCLE, type Heap, lockMutexFor, type SharedObject } from '../memory/index.ts';

/** The records whose lock this isolate holds under the user's code, the innermost last. */
const open: number[] = [];

/** Throws when this isolate is inside of a function that `object` runs under its lock. */
export function refuseInside(object: SharedObject): void {
  if (open.length > 0 && open.includes(object[AT])) throw inside(object);
}

function inside(object: SharedObject): RuntimeError {
  return new RuntimeError(
    `${object.toString()} was used inside of a function that it runs under its lock, in update or getOrSet: use what the ` +
      'function is given, and do the rest before or after.',
    'TELAIO_REENTRANT',
  );
}

/** Runs the user's function under the object's lock, which the caller holds. */
export function during<T>(object: SharedObject, fn: () => T): T {
  open.push(object[AT]);
  try {
    return fn();
  } finally {
    open.pop();
  }
}

/** Locks a mutex of the object; true when the last owner died holding it. */
export function lockOf(object: SharedObject, heap: Heap, mutex: number): boolean {
  const outcome = lockMutexFor(heap, mutex, object[AT], open.length > 0);
  if (outcome !== CIRCLE) return outcome;
  throw new RuntimeError(
    `${object.toString()} waits for a thread that waits for this one: each is inside of a function that a SharedMap or ` +
      "SharedList runs under its lock, and wants the other's. Take them in the same order everywhere, or one after the other.",
    'TELAIO_DEADLOCK',
  );
}
