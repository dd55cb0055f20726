/** Threads that are ended in the middle of what they do to a map or a list leave it usable and consistent. */
import assert from 'node:assert/strict';
import { addressOf, BLOCK, heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { SharedList, SharedMap } from '../../src/shared/index.ts';
import { Event, Lock } from '../../src/sync/index.ts';
import { census, grown } from '../support/census.ts';
import { check, rounds } from '../support/check.ts';
import { type TestThread, threadsOf, until } from '../support/threads.ts';
import { belongs, isTagged, type Places, Shelf, tagged, valueFor } from './fixtures/roles.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));
const KEYS = 400;

/** Everything about a map that nobody else changes now. */
function assertConsistent(map: SharedMap<number, unknown>): void {
  const entries = [...map];
  assert.equal(entries.length, map.size);
  assert.equal(new Set(entries.map(([key]) => key)).size, entries.length);
  for (const [key, value] of entries) {
    assert.ok(belongs(key, value), `key ${key} has ${String(value)}`);
    assert.equal(map.has(key), true);
  }
  for (let key = 0; key < KEYS; key++) {
    const was = map.has(key);
    map.set(key, valueFor(key, key));
    assert.ok(belongs(key, map.get(key)));
    if (!was) assert.equal(map.delete(key), true);
  }
  assert.equal(map.size, entries.length);
}

/** Ends the thread once it has gone on for some steps, other ones each time. */
async function endSomewhere(thread: TestThread, round: number): Promise<void> {
  const from = (await thread.running()).progress;
  await until(() => thread.progress - from > (round * 131) % 2000);
  await thread.terminate();
}

check(
  'SharedMap: threads that die while they write, read and iterate',
  async () => {
    const map = new SharedMap<number, unknown>();
    for (let round = 0; round < rounds(10, 500); round++) {
      await using survivor = start('churn', map, KEYS, 77 + round);
      await using dead = start(round % 5 === 4 ? 'browse' : 'churn', map, KEYS, round);
      await endSomewhere(dead, round);
      const before = (await survivor.running()).progress;
      await until(() => survivor.progress > before + 100);
      survivor.stop();
      await survivor.result();
      assertConsistent(map);
    }
  },
  { timeout: 60_000 },
);

check(
  'SharedMap: one that dies alone is found out by the next',
  async () => {
    const map = new SharedMap<number, unknown>();
    for (let round = 0; round < rounds(10, 500); round++) {
      await using dead = start('churn', map, KEYS, round);
      await endSomewhere(dead, round);
      assertConsistent(map);
    }
  },
  { timeout: 60_000 },
);

check('SharedMap: one that dies inside of update leaves the old value, and nobody waiting', async () => {
  for (let round = 0; round < rounds(4, 300); round++) {
    const map = new SharedMap<string, number>([['here', 5]]);
    const inside = new Event();
    await using dead = start('stayInside', map, inside);
    await inside.wait();
    // Who reads a small value waits for nobody.
    assert.equal(map.get('here'), 5);
    await using waiting = start('countUp', map, 100, 100);
    await waiting.running();
    await dead.terminate();
    await waiting.result();
    assert.equal(
      map.update('here', (value) => value! + 1),
      6,
    );
    assert.equal(map.size, 101);
  }
});

check(
  'SharedList: threads that die while they push, pop, set and read',
  async () => {
    const list = new SharedList<unknown>();
    for (let round = 0; round < rounds(10, 500); round++) {
      await using survivor = start('churnList', list, 99 + round);
      await using dead = start('churnList', list, round);
      await endSomewhere(dead, round);
      const before = (await survivor.running()).progress;
      await until(() => survivor.progress > before + 100);
      survivor.stop();
      await survivor.result();
      const items = [...list];
      assert.equal(items.length, list.length);
      for (const item of items) assert.ok(isTagged(item), String(item));
      assert.equal(list.push(tagged(round)), items.length + 1);
      assert.ok(isTagged(list.at(-1)));
      list.set(-1, 'last');
      assert.equal(list.pop(), 'last');
    }
  },
  { timeout: 60_000 },
);

check('SharedList: one that dies inside of update leaves the old item', async () => {
  for (let round = 0; round < rounds(3, 300); round++) {
    const list = new SharedList<number>([5]);
    const inside = new Event();
    await using dead = start('stayInsideList', list, inside);
    await inside.wait();
    assert.equal(list.at(0), 5);
    await dead.terminate();
    assert.equal(list.push(6), 2);
    assert.equal(
      list.update(0, (value) => value + 1),
      6,
    );
  }
});

check(
  'deaths lose at most what was in hand: the heap stays as large as what is in use',
  async () => {
    const map = new SharedMap<number, unknown>();
    const list = new SharedList<unknown>();
    const empty = (): number => {
      map.clear();
      list.clear();
      return heap.usedBytes();
    };
    const deaths = rounds(12, 400);
    let first = 0;
    for (let round = 0; round < deaths + 4; round++) {
      if (round === 4) first = empty();
      const threads = [start('churn', map, KEYS, round), start('churnList', list, round)];
      await Promise.all(threads.map((thread) => endSomewhere(thread, round)));
    }
    // Free blocks of the dead go to the others; a few pages are always in somebody's cache.
    const more = empty() - first;
    assert.ok(more <= 2 ** 20 + deaths * 4096, `${more} bytes more after ${deaths} deaths`);
  },
  { timeout: 60_000 },
);

/** Blocks that the allocator was just handing out or taking back. */
const LEFT_BY_ONE = 2;

for (const role of ['churn', 'browse', 'churnList']) {
  check(
    `${role}: a death leaves two blocks behind at most`,
    async () => {
      const map = new SharedMap<number, unknown>();
      const list = new SharedList<unknown>();
      const deaths = rounds(8, 200);
      let beyond = 0;
      let before = census(heap);
      for (let round = 0; round < deaths; round++) {
        // No shared objects: this thread would hold them until the next collection.
        if (role === 'browse') for (let key = 0; key < KEYS; key++) map.set(key, `${key}:`);
        await endSomewhere(role === 'churnList' ? start(role, list, round) : start(role, map, KEYS, round), round);
        map.clear();
        list.clear();
        const after = census(heap);
        const left = grown(before, after);
        before = after;
        if (Object.values(left).reduce((sum, count) => sum + count, 0) > LEFT_BY_ONE) {
          beyond++;
          // `clear` takes all out in one instant; who dies in that leaves all.
          assert.ok(role !== 'browse' && beyond <= 1 + deaths / 50, `round ${round} has left ${JSON.stringify(left)}`);
        }
      }
    },
    { timeout: 60_000 },
  );
}

for (const role of ['takeOut', 'putIn']) {
  check(
    `${role}: a thread that dies while it moves shared objects in or out keeps none of them`,
    async () => {
      const locks = Array.from({ length: 20 }, () => new Lock());
      const [other, inside] = locks;
      const places: Places = {
        map: new SharedMap(),
        shelf: new Shelf({ other, value: { lock: inside } }),
        list: new SharedList(),
        queue: new Queue(),
        locks,
      };
      for (const [key, lock] of locks.entries()) places.map.set(key, lock);
      const count = (): number => locks.reduce((sum, lock) => sum + heap.load(addressOf(lock) + BLOCK.COUNT), 0);
      const before = count();
      for (let round = 0; round < rounds(40, 2_000); round++) {
        await endSomewhere(start(role, places), round);
        while (places.queue.tryGet() !== undefined);
        places.list.clear();
        assert.equal(count(), before, `after ${round + 1} deaths`);
      }
    },
    { timeout: 60_000 },
  );
}

check('two updates that want each other are told so, and both maps go on', async () => {
  for (let round = 0; round < rounds(2, 200); round++) {
    const maps = [new SharedMap<string, number>(), new SharedMap<string, number>()];
    const events = [new Event(), new Event()];
    const threads = [0, 1].map((n) => start('crossOnce', maps[n], maps[1 - n], events[n], events[1 - n]));
    const told = (await Promise.all(threads.map((thread) => thread.result()))) as string[];
    const refused = told.filter((text) => text !== 'went through');
    assert.ok(refused.length >= 1);
    for (const text of refused) {
      assert.match(
        text,
        /^TELAIO_DEADLOCK: <SharedMap #[0-9a-f]+ \d \w+> waits for a thread that waits for this one: /,
      );
    }
    for (const map of maps) map.set('k', 1).update('k', (value) => value! + 1);
  }
});
