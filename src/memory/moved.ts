/**
 * Objects that leave their thread instead of being copied: ArrayBuffers, message ports. They can't lie in shared memory, so
 * a message holds a number in their place, and they go beside it through a message port.
 */

let leaving: ReadonlyMap<object, number> | undefined;
const arrived = new Map<number, object>();

/** Where objects are looked for that have not arrived; false when there is nothing more to come. */
export const arrivals: { fetch: (() => boolean) | undefined } = { fetch: undefined };

/** What is encoded by `run` holds the numbers of these objects in their place. */
export function leavingWith<R>(objects: ReadonlyMap<object, number>, run: () => R): R {
  const before = leaving;
  leaving = objects;
  try {
    return run();
  } finally {
    leaving = before;
  }
}

/** The number of an object that leaves with what is being encoded. */
export const leavingNumber = (object: object): number | undefined => leaving?.get(object);

/** Objects have come through a port; who decodes the message takes them. */
export function arrive(objects: Iterable<readonly [number, object]>): void {
  for (const [number, object] of objects) arrived.set(number, object);
}

/** Nobody will take them. */
export function forgetArrived(numbers: Iterable<number>): void {
  for (const number of numbers) arrived.delete(number);
}

/** The object of a number, once. Throws `RangeError` when it has been lost. */
export function takeArrived(number: number): object {
  while (!arrived.has(number) && arrivals.fetch?.()) {
    // Each look may bring it.
  }
  const object = arrived.get(number);
  if (object === undefined) throw new RangeError('What was transferred with this value is gone: its thread has ended.');
  arrived.delete(number);
  return object;
}
