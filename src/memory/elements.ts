/**
 * Atomic operations on an element of any typed array of integers over the heap: for `Atomic` and what users count with.
 * What the heap's own words need is in thread-memory.ts.
 */

/** The views that the language has atomic operations for. */
export type IntegerView =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

type Element = number | bigint;
/** One signature stands for both: a view of numbers takes numbers, one of bigints takes bigints. */
type Views = Int32Array;

/** Each returns what was there before. */
export const element = {
  load: (view: IntegerView, at: number): Element => Atomics.load(view as Views, at),
  store: (view: IntegerView, at: number, value: Element): void => {
    Atomics.store(view as Views, at, value as number);
  },
  add: (view: IntegerView, at: number, value: Element): Element => Atomics.add(view as Views, at, value as number),
  sub: (view: IntegerView, at: number, value: Element): Element => Atomics.sub(view as Views, at, value as number),
  and: (view: IntegerView, at: number, value: Element): Element => Atomics.and(view as Views, at, value as number),
  or: (view: IntegerView, at: number, value: Element): Element => Atomics.or(view as Views, at, value as number),
  xor: (view: IntegerView, at: number, value: Element): Element => Atomics.xor(view as Views, at, value as number),
  exchange: (view: IntegerView, at: number, value: Element): Element =>
    Atomics.exchange(view as Views, at, value as number),
  compareExchange: (view: IntegerView, at: number, expected: Element, next: Element): Element =>
    Atomics.compareExchange(view as Views, at, expected as number, next as number),
};
