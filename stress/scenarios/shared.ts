/** Shared state under writers, readers and iterations at once: nothing lost, nothing torn, every iteration complete. */
import assert from 'node:assert/strict';
import {
  Atomic,
  any,
  atomic,
  f64,
  i32,
  i64,
  ref,
  Shared,
  SharedArray,
  SharedList,
  SharedMap,
  text,
  u32,
  Value,
} from '../../src/shared/index.ts';
import { Lock, Thread } from '../../src/threading/index.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { belongs, letGo, valueFor } from './shared-values.ts';

type AnyMap = SharedMap<string, unknown>;

const COUNTERS = 8;
const RESIDENTS = 50;
const ONCE = 30;

export function keyOf(writer: number, number: number): string {
  return `${writer}:${number}`;
}

/** Own keys come, and two of three stay; in between counters are raised, and what must be made once is asked for. */
export function write(map: AnyMap, made: Atomic, writer: number, count: number, seed: number): void {
  const random = new Random(seed);
  for (let number = 0; number < count; number++) {
    const key = keyOf(writer, number);
    const value = valueFor(key, random.integer(0, 1000));
    map.set(key, value);
    letGo(value);
    map.update(`count ${number % COUNTERS}`, (old) => (old as number) + 1);
    const once = map.getOrSet(`once ${random.integer(0, ONCE - 1)}`, (asked) => {
      made.add(1);
      return valueFor(asked, writer);
    });
    letGo(once);
    if (number % 3 === 2) assert.equal(map.delete(key), true, `${key} was gone`);
    else if (random.chance(0.3)) {
      const after = map.update(key, (old) => {
        assert.ok(belongs(key, old), `${key} has ${String(old)}`);
        letGo(old);
        return valueFor(key, number);
      });
      letGo(after);
    }
  }
}

/** Each pass gives every key once, those that stay among them, with values of their own. */
export function iterate(map: AnyMap, passes: number): void {
  for (let pass = 0; pass < passes; pass++) {
    const seen = new Set<string>();
    for (const [key, value] of map) {
      assert.ok(!seen.has(key), `an iteration gave ${key} twice`);
      seen.add(key);
      assert.ok(belongs(key, value), `${key} has ${String(value)}`);
      letGo(value);
    }
    for (let number = 0; number < RESIDENTS; number++) {
      assert.ok(seen.has(`stays ${number}`), `an iteration left out stays ${number}`);
      const key = `stays ${number}`;
      const value = map.get(key);
      assert.ok(belongs(key, value), `${key} is not whole`);
      letGo(value);
    }
  }
}

async function maps(random: Random): Promise<void> {
  using map: AnyMap = new SharedMap();
  using made = new Atomic(u32);
  for (let number = 0; number < COUNTERS; number++) map.set(`count ${number}`, 0);
  for (let number = 0; number < RESIDENTS; number++) map.set(`stays ${number}`, valueFor(`stays ${number}`, number));
  const count = random.integer(1, 1200);
  const writers = random.integer(1, 4);
  const seeds = Array.from({ length: writers }, () => random.integer(0, 2 ** 31));
  const threads = [
    ...seeds.map((seed, writer) => new Thread({ target: write, args: [map, made, writer, count, seed] }).start()),
    ...Array.from({ length: random.integer(0, 2) }, () =>
      new Thread({ target: iterate, args: [map, random.integer(1, 12)] }).start(),
    ),
  ];
  await Promise.all(threads.map((thread) => thread.result()));
  const keys = [...map.keys()];
  assert.equal(keys.length, map.size, 'size is not what is in');
  assert.equal(new Set(keys).size, keys.length);
  let sum = 0;
  for (let number = 0; number < COUNTERS; number++) sum += map.get(`count ${number}`) as number;
  assert.equal(sum, writers * count, 'an update was lost');
  const once = keys.filter((key) => key.startsWith('once ')).length;
  assert.equal(made.load(), once, 'what is made once was made twice');
  for (let writer = 0; writer < writers; writer++) {
    for (let number = 0; number < count; number++) {
      const key = keyOf(writer, number);
      assert.equal(map.has(key), number % 3 !== 2, `${key} is ${map.has(key) ? 'in' : 'lost'}`);
    }
  }
  assert.equal(keys.length, COUNTERS + RESIDENTS + once + writers * (count - Math.trunc(count / 3)));
  iterate(map, 1);
  map.clear();
  assert.deepEqual([map.size, [...map].length, map.has('stays 1')], [0, 0, false]);
}

/** What a list is filled with says who put it in. */
export function fill(list: SharedList<unknown>, raised: SharedList<number>, writer: number, count: number): void {
  for (let number = 0; number < count; number++) {
    const id = writer * 1_000_000 + number;
    if (number % 4 === 3) {
      list.push(id, [id]);
    } else if (number % 4 === 2) {
      using lock = new Lock();
      list.push({ id, text: 'x'.repeat(number % 300), lock });
    } else {
      list.push(id);
    }
    raised.update(number % raised.length, (value) => value + 1);
  }
}

function idOf(item: unknown): number {
  if (typeof item === 'number') return item;
  return Array.isArray(item) ? -1 : (item as { id: number }).id;
}

/** Takes out until all is through; arrays are what was pushed along with another. */
export function drainInto(list: SharedList<unknown>, left: Atomic): number[] {
  const taken: number[] = [];
  while (left.load() > 0) {
    const item = list.pop();
    if (item === undefined) continue;
    taken.push(idOf(item));
    letGo(item);
    left.sub(1);
  }
  return taken;
}

export function look(list: SharedList<unknown>, passes: number): void {
  for (let pass = 0; pass < passes; pass++) {
    for (const item of list) {
      const id = Array.isArray(item) ? item[0] : idOf(item);
      assert.ok(Number.isInteger(id) && id >= 0, `an item is not whole: ${String(item)}`);
      if ((id % 1_000_000) % 4 === 2) assert.equal((item as { text: string }).text.length, (id % 1_000_000) % 300);
      letGo(item);
    }
  }
}

async function lists(random: Random): Promise<void> {
  using list = new SharedList<unknown>();
  using raised = new SharedList<number>(new Array(random.integer(1, 40)).fill(0));
  const count = random.integer(1, 1500);
  const writers = random.integer(1, 3);
  // One of four brings a second item with it.
  const items = writers * (count + Math.trunc(count / 4));
  const takers = random.integer(0, 2);
  using left = new Atomic(i32, items);
  const pushing = Array.from({ length: writers }, (_, writer) =>
    new Thread({ target: fill, args: [list, raised, writer, count] }).start(),
  );
  const looking = Array.from({ length: random.integer(0, 2) }, () =>
    new Thread({ target: look, args: [list, random.integer(1, 8)] }).start(),
  );
  const taking = Array.from({ length: takers }, () => new Thread({ target: drainInto, args: [list, left] }).start());
  await Promise.all([...pushing, ...looking].map((thread) => thread.result()));
  if (takers === 0) look(list, 1);
  const seen = (await Promise.all(taking.map((thread) => thread.result()))).flat();
  if (takers === 0) {
    assert.equal(list.length, items);
    for (const item of list) seen.push(idOf(item));
    list.clear();
  }
  assert.equal(list.length, 0);
  assert.equal(list.pop(), undefined);
  const ids = seen.filter((id) => id >= 0);
  assert.equal(seen.length, items, 'an item was lost, or came twice');
  assert.equal(new Set(ids).size, writers * count);
  assert.equal(
    [...raised].reduce((sum, value) => sum + value, 0),
    writers * count,
    'an update was lost',
  );
}

/** A chain of two: `next` goes to and fro between boards that say their own number. */
export class Board extends Shared({
  number: i32,
  sum: atomic(i64),
  flags: atomic(u32),
  label: text(200),
  parcel: any,
  // biome-ignore lint/suspicious/noExplicitAny: the class's own type, which would be circular
  next: ref((): any => Board),
  lock: Lock,
}) {}

const CELLS = 16;

/** Every sort of field at once; `tokens` wander between the hands of the threads and one cell. Returns what is in hand. */
export function play(
  board: Board,
  others: Board[],
  cells: SharedArray<Float64Array>,
  total: Value<number>,
  cell: Atomic,
  me: number,
  turns: number,
  seed: number,
): number {
  const random = new Random(seed);
  let inHand = 0;
  for (let turn = 0; turn < turns; turn++) {
    board.sum.add(BigInt(me));
    // By compareExchange: a bit of one's own, to and fro.
    for (let flags = board.flags.load(); ; ) {
      const before = board.flags.compareExchange(flags, (flags ^ (1 << me)) >>> 0);
      if (before === flags) break;
      flags = before;
    }
    inHand = cell.exchange(inHand);
    total.addSync(1);
    const guard = board.lock.acquireSync();
    const from = random.integer(0, CELLS - 1);
    const to = random.integer(0, CELLS - 1);
    const amount = random.integer(1, 9);
    cells.set(from, cells.get(from) - amount);
    cells.array[to] += amount;
    guard.release();
    board.label = `${me}`.repeat(random.integer(1, 200));
    const mine = {
      me,
      copies: new Array(random.integer(0, 50)).fill(me),
      lock: random.chance(0.2) ? new Lock() : null,
    };
    board.parcel = mine;
    letGo(mine);
    board.next = random.chance(0.1) ? null : random.pick(others);
    const { label, parcel, next } = board;
    assert.ok(new Set(label).size === 1, `a torn label: ${label}`);
    const { me: whose, copies } = parcel as { me: number; copies: number[] };
    assert.ok(copies.every((copy) => copy === whose));
    letGo(parcel);
    assert.ok(next === null || others.includes(next), `next is ${next}`);
  }
  return inHand;
}

async function fields(random: Random): Promise<void> {
  using board = new Board({ number: 0 });
  const others = [1, 2, 3].map((number) => new Board({ number }));
  using cells = new SharedArray(f64, CELLS);
  using total = new Value(i32, 0);
  using cell = new Atomic(i32, 12_345);
  cells.fill(100);
  const turns = random.integer(1, 400);
  const threads = Array.from({ length: random.integer(2, 5) }, (_, me) => {
    const seed = random.integer(0, 2 ** 31);
    return new Thread({ target: play, args: [board, others, cells, total, cell, me, turns, seed] }).start();
  });
  const hands = await Promise.all(threads.map((thread) => thread.result()));
  const numbers = threads.map((_, me) => me);
  assert.equal(board.sum.load(), BigInt(turns * numbers.reduce((sum, me) => sum + me, 0)), 'an add was lost');
  assert.equal(board.flags.load(), turns % 2 === 0 ? 0 : 2 ** threads.length - 1, 'a compareExchange was lost');
  assert.equal(total.value, turns * threads.length, 'Value.addSync lost a turn');
  assert.equal(
    hands.reduce((sum, hand) => sum + hand, cell.load()),
    12_345,
    'a token was lost',
  );
  assert.equal(
    [...cells].reduce((sum, value) => sum + value, 0),
    100 * CELLS,
    'an amount was lost',
  );
  board.next = null;
  board.parcel = undefined;
  for (const other of others) other[Symbol.dispose]();
}

export const shared: Scenario[] = [
  { name: 'shared maps under writers and iterations', weight: 3, run: maps },
  { name: 'shared lists under writers and takers', weight: 2, run: lists },
  { name: 'shared fields, arrays and atomics', weight: 2, run: fields },
];
