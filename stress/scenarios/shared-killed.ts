/** Threads that are killed in the middle of what they do to shared state: it stays whole, and little is left behind. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { heap } from '../../src/memory/index.ts';
import { Atomic, any, i32, ref, Shared, SharedList, SharedMap, text, Value } from '../../src/shared/index.ts';
import { Lock, Semaphore, Thread } from '../../src/threading/index.ts';
import { census, grown, type KindName } from '../../test/support/census.ts';
import { look } from '../look.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { belongs, letGo, valueFor } from './shared-values.ts';

type AnyMap = SharedMap<string, unknown>;

const KEYS = 300;
const LONGEST = 400;

/**
 * What one death may leave behind at most, as blocks of a kind: a value that was taken out and not freed, or made and
 * not put in, with what it holds, and the table or the chunk of the same operation.
 */
const LEFT_BY_ONE: Partial<Record<KindName, number>> = {
  MAP: 1,
  MAP_TABLE: 1,
  MAP_ENTRY: 2,
  MAP_PORTION: 1,
  LIST: 2,
  LIST_CHUNK: 2,
  ATOMIC: 2,
  STRUCT: 1,
  VALUE: 1,
};
/** `clear` takes all out in one instant; who dies in it leaves a stripe's entries, or a list's items. One of so many deaths. */
const CLEARED_AT_ONCE = { MAP_ENTRY: KEYS, LIST: KEYS, LIST_CHUNK: KEYS, ATOMIC: KEYS, MAP_TABLE: 1 };

export class Desk extends Shared({
  label: text(100),
  parcel: any,
  other: ref(Lock),
  turns: i32,
}) {}

export function churnMap(map: AnyMap, _list: SharedList<unknown>, _desk: Desk, ready: Semaphore, seed: number): void {
  const random = new Random(seed);
  for (let turn = 0; ; turn++) {
    if (turn === 3) ready.release();
    const key = `key ${random.integer(0, KEYS - 1)}`;
    const what = random.integer(0, 19);
    if (what < 8) {
      const value = valueFor(key, turn);
      map.set(key, value);
      letGo(value);
    } else if (what < 12) map.delete(key);
    else if (what < 15) {
      letGo(
        map.update(key, (old) => {
          const whole = old === undefined || belongs(key, old);
          letGo(old);
          return whole ? valueFor(key, turn) : 'torn';
        }),
      );
    } else if (what < 17) letGo(map.getOrSet(key, () => valueFor(key, turn)));
    else if (turn % 500 === 499) map.clear();
    else {
      const value = map.get(key);
      if (value !== undefined && !belongs(key, value)) map.set(key, 'torn');
      letGo(value);
    }
  }
}

export function browse(map: AnyMap, list: SharedList<unknown>, _desk: Desk, ready: Semaphore, seed: number): void {
  const random = new Random(seed);
  ready.release();
  for (;;) {
    let left = random.integer(1, 2 * KEYS);
    for (const [key, value] of map) {
      if (!belongs(key, value)) map.set(key, 'torn');
      letGo(value);
      if (--left === 0) break;
    }
    for (const item of list) {
      if (!isWhole(item)) list.push('torn');
      letGo(item);
    }
  }
}

export function churnList(_map: AnyMap, list: SharedList<unknown>, _desk: Desk, ready: Semaphore, seed: number): void {
  const random = new Random(seed);
  for (let turn = 0; ; turn++) {
    if (turn === 3) ready.release();
    const what = random.integer(0, 9);
    const { length } = list;
    try {
      if (length > LONGEST) {
        if (random.chance(0.05)) list.clear();
        else letGo(list.pop());
      } else if (what < 4) {
        const item = itemFor(turn);
        list.push(item);
        letGo(item);
      } else if (what < 6) letGo(list.pop());
      else if (what < 7) list.set(random.integer(0, length), itemFor(turn));
      else if (what < 8) list.update(random.integer(0, length), (old) => (isWhole(old) ? itemFor(turn) : 'torn'));
      else if (!isWhole(list.at(-1))) list.push('torn');
    } catch (error) {
      // Past the end: another has made it shorter.
      if (!(error instanceof RangeError)) throw error;
    }
  }
}

export function churnDesk(_map: AnyMap, _list: SharedList<unknown>, desk: Desk, ready: Semaphore, seed: number): void {
  const random = new Random(seed);
  for (let turn = 0; ; turn++) {
    if (turn === 3) ready.release();
    desk.label = String(turn % 10).repeat(random.integer(1, 100));
    const item = itemFor(turn);
    desk.parcel = item;
    letGo(item);
    const lock = random.chance(0.3) ? null : new Lock();
    desk.other = lock;
    letGo(lock);
    desk.turns = turn;
    const { parcel } = desk;
    if (!isWhole(parcel) || new Set(desk.label).size > 1) desk.label = 'torn';
    letGo(parcel);
  }
}

const ROLES = [churnMap, churnMap, browse, churnList, churnDesk];

function itemFor(turn: number): unknown {
  if (turn % 5 === 0) return { key: 'item', copies: ['item'], lock: new Lock() };
  if (turn % 5 === 1) return new SharedList<unknown>(['item', 'item', turn]);
  if (turn % 5 === 2) return `item|${'x'.repeat(turn % 40)}`;
  return turn;
}

function isWhole(item: unknown): boolean {
  return item === undefined || typeof item === 'number' || belongs('item', item);
}

function assertWhole(map: AnyMap, list: SharedList<unknown>, desk: Desk): void {
  const entries = [...map];
  assert.equal(entries.length, map.size, 'size is not what is in');
  assert.equal(new Set(entries.map(([key]) => key)).size, entries.length);
  for (const [key, value] of entries) {
    assert.ok(belongs(key, value), `${key} has ${String(value)}`);
    assert.ok(belongs(key, map.get(key)));
  }
  for (let number = 0; number < KEYS; number++) {
    const key = `key ${number}`;
    const was = map.has(key);
    map.set(key, valueFor(key, number));
    assert.ok(belongs(key, map.get(key)));
    if (!was) assert.equal(map.delete(key), true);
  }
  assert.equal(map.size, entries.length);
  const items = [...list];
  assert.equal(items.length, list.length);
  for (const item of items) assert.ok(isWhole(item), `the list has ${String(item)}`);
  assert.equal(list.push('last'), items.length + 1);
  assert.equal(list.pop(), 'last');
  assert.ok(new Set(desk.label).size <= 1, `a torn label: ${desk.label}`);
  assert.ok(isWhole(desk.parcel), `the desk has ${String(desk.parcel)}`);
  assert.ok(desk.other === null || desk.other.locked() === false);
}

async function killed(random: Random): Promise<void> {
  await look();
  const before = census(heap);
  const deaths = random.integer(1, 4);
  await kill(random, deaths);
  await look();
  const left = grown(before, census(heap));
  for (const [name, bound] of Object.entries(LEFT_BY_ONE) as [KindName, number][]) {
    const most = deaths * bound + ((CLEARED_AT_ONCE as Partial<Record<KindName, number>>)[name] ?? 0);
    assert.ok((left[name] ?? 0) <= most, `${deaths} deaths have left ${JSON.stringify(left)}`);
  }
}

async function kill(random: Random, deaths: number): Promise<void> {
  using map: AnyMap = new SharedMap();
  using list = new SharedList<unknown>();
  using desk = new Desk();
  using ready = new Semaphore(0);
  const threads = Array.from({ length: deaths }, () => {
    const seed = random.integer(0, 2 ** 31);
    return new Thread({ target: random.pick(ROLES), args: [map, list, desk, ready, seed], daemon: true }).start();
  });
  for (let started = 0; started < deaths; started++) assert.ok(await ready.acquire({ timeout: 30_000 }));
  // One after the other: those that are left go on beside the dead.
  for (const thread of threads) {
    await delay(random.next() * 4);
    await thread.terminate();
    if (random.chance(0.3)) map.set('key 0', valueFor('key 0', deaths));
  }
  assertWhole(map, list, desk);
  map.clear();
  list.clear();
  desk.parcel = undefined;
  desk.other = null;
}

/** Adds for ever; an operation has happened or not, so the sum is that of whole steps. */
export function addForEver(
  sums: SharedMap<string, number>,
  atomic: Atomic,
  value: Value<number>,
  ready: Semaphore,
): void {
  for (let turn = 0; ; turn++) {
    if (turn === 3) ready.release();
    atomic.add(2);
    sums.update('two', (sum = 0) => sum + 2);
    value.addSync(2);
  }
}

async function killedSums(random: Random): Promise<void> {
  using sums = new SharedMap<string, number>([['two', 0]]);
  using atomic = new Atomic(i32);
  using value = new Value(i32, 0);
  using ready = new Semaphore(0);
  const threads = Array.from({ length: random.integer(1, 3) }, () =>
    new Thread({ target: addForEver, args: [sums, atomic, value, ready], daemon: true }).start(),
  );
  await ready.acquire();
  await delay(random.next() * 3);
  await Promise.all(threads.map((thread) => thread.terminate()));
  const [added, updated, locked] = [atomic.load(), sums.get('two')!, value.value];
  assert.deepEqual([added % 2, updated % 2, locked % 2], [0, 0, 0]);
  // Each thread died at most between one and the next.
  assert.ok(added >= updated && added - updated <= 2 * threads.length, `${added} added, ${updated} updated`);
  assert.ok(updated >= locked && updated - locked <= 2 * threads.length, `${updated} updated, ${locked} locked`);
  assert.equal(
    sums.update('two', (sum) => sum! + 2),
    updated + 2,
  );
  assert.equal(await value.add(2), locked + 2);
}

export const sharedKilled: Scenario[] = [
  { name: 'shared state, threads killed', weight: 3, run: killed },
  { name: 'shared sums, threads killed', weight: 2, run: killedSums },
];
