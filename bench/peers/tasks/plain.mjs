// What the workers of every pool run. Plain JavaScript, so that no worker needs to strip types at its start. The functions
// use nothing but what they are given, since some pools send their source.

export function empty(value) {
  return value;
}

export function echo(bytes) {
  return bytes;
}

/** So many turns of arithmetic. */
export function work(turns) {
  let x = turns;
  for (let i = 0; i < turns; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

export function addOne(n) {
  return n + 1;
}

/** What a caller writes whose pool has no `map`. */
export function addOneToEach(numbers) {
  return numbers.map((n) => n + 1);
}

/** Keeps its worker until the first cell is no longer 0; the second counts those that have begun. */
export function hold(cells) {
  Atomics.add(cells, 1, 1);
  Atomics.wait(cells, 0, 0);
}
