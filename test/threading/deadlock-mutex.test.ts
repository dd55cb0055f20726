/**
 * Waits for a SharedMap or SharedList that another thread is inside of, in `update` or `getOrSet`: they are told like any
 * other, and so are deadlocks with them.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { heap, ISOLATE } from '../../src/memory/index.ts';
import { SharedList, SharedMap } from '../../src/shared/index.ts';
import {
  DeadlockError,
  Event,
  findDeadlocks,
  Lock,
  RLock,
  setDetectDeadlocks,
  Thread,
  type Wait,
  waits,
} from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { until } from '../support/threads.ts';

const of = (name: string): Wait[] => waits().filter(({ thread }) => thread.name === name);

/** Waits until a thread waits, and tells for what: what was seen then, since one that looks around for a moment does not wait. */
async function waitOf(name: string, ready = (_wait: Wait): boolean => true): Promise<Wait> {
  let seen: Wait[] = [];
  await until(() => {
    seen = of(name);
    return seen.length > 0 && ready(seen[0]);
  });
  assert.equal(seen.length, 1);
  return seen[0];
}

/** Stays inside of an update until it is told to go on. */
const stayInside = (map: SharedMap<string, number>, inside: Event, go: Event): void => {
  map.update('a', (value = 0) => {
    inside.set();
    go.waitSync();
    return value + 1;
  });
};

const setIt = (map: SharedMap<string, number>): string => {
  map.set('a', 10);
  return 'set';
};

/** Inside of an update, wants a lock. */
const lockInside = (map: SharedMap<string, number>, lock: Lock | RLock, inside: Event, held: Event): string => {
  try {
    map.update('a', (value = 0) => {
      inside.set();
      held.waitSync();
      using _guard = lock.acquireSync();
      return value + 1;
    });
    return 'went through';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

/** With the lock, wants the map. */
const setLocked = (map: SharedMap<string, number>, lock: Lock | RLock, inside: Event, held: Event): string => {
  try {
    using _guard = lock.acquireSync();
    held.set();
    inside.waitSync();
    map.set('a', 10);
    return 'went through';
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

function circle(lock: Lock | RLock): {
  map: SharedMap<string, number>;
  inside: Thread<never[], string>;
  outside: Thread<never[], string>;
} {
  const map = new SharedMap<string, number>([['a', 1]]);
  const args = [map, lock, new Event(), new Event()] as const;
  const inside = new Thread({ target: lockInside, args: [...args], name: 'inside' }).start();
  const outside = new Thread({ target: setLocked, args: [...args], name: 'outside' }).start();
  return { map, inside: inside as never, outside: outside as never };
}

function deadlockOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof DeadlockError, String(error));
    return error.message;
  }
  return assert.fail('no DeadlockError');
}

const MEND =
  'Wait for nobody inside of a function that a SharedMap or SharedList runs under its lock, in update or getOrSet.';

describe('waits()', () => {
  check('a thread that waits for a map: the map, since when, and who is inside', async () => {
    setDetectDeadlocks(false);
    const [map, inside, go] = [new SharedMap<string, number>(), new Event(), new Event()];
    const holder = new Thread({ target: stayInside, args: [map, inside, go], name: 'holder' }).start();
    await inside.wait();
    const before = Date.now();
    const waiter = new Thread({ target: setIt, args: [map], name: 'waiter' }).start();
    const { since, ...wait } = await waitOf('waiter');
    assert.deepEqual(wait, {
      thread: { name: 'waiter', ident: waiter.ident },
      object: { kind: 'SharedMap', text: String(map) },
      blocking: true,
      timed: false,
      count: 1,
      holder: { name: 'holder', ident: holder.ident },
    });
    assert.match(wait.object.text, /^<SharedMap #[0-9a-f]+ 0 entries>$/);
    assert.ok(since >= before - 50 && since <= Date.now() + 50, `${since} is not between ${before} and ${Date.now()}`);
    assert.deepEqual(findDeadlocks(), []);
    go.set();
    assert.equal(await waiter.result(), 'set');
    assert.deepEqual(of('waiter'), []);
    assert.equal(map.get('a'), 10);
  });

  check('each way to wait for a map or a list', async () => {
    setDetectDeadlocks(false);
    const stayInList = (list: SharedList<number>, inside: Event, go: Event): void => {
      list.update(0, (value) => {
        inside.set();
        go.waitSync();
        return value;
      });
    };
    const [map, list] = [new SharedMap<string, number>([['a', 1]]), new SharedList<number>([1])];
    const [inMap, inList, go] = [new Event(), new Event(), new Event()];
    new Thread({ target: stayInside, args: [map, inMap, go], name: 'in map' }).start();
    new Thread({ target: stayInList, args: [list, inList, go], name: 'in list' }).start();
    await inMap.wait();
    await inList.wait();
    const ways: Record<string, () => unknown> = {
      'map set': () => map.set('a', 2),
      'map delete': () => map.delete('a'),
      'map update': () => map.update('a', (value = 0) => value),
      'map clear': () => map.clear(),
      'map entries': () => [...map],
      'list push': () => list.push(1),
      'list update': () => list.update(0, (value) => value),
      'list set': () => list.set(0, 1),
      'list clear': () => list.clear(),
    };
    const threads = Object.entries(ways).map(([name, way]) => new Thread({ target: () => void way(), name }).start());
    for (const name of Object.keys(ways)) {
      const { object, holder } = await waitOf(name);
      assert.equal(object.kind, name.startsWith('map') ? 'SharedMap' : 'SharedList');
      assert.equal(holder?.name, name.startsWith('map') ? 'in map' : 'in list');
    }
    go.set();
    for (const thread of threads) await thread.result().catch((error) => assert.equal(error.name, 'RangeError'));
  });

  check('where it waits, of a thread that has waited a while with detection on; no error for it', async () => {
    setDetectDeadlocks(true);
    const [map, inside, go] = [new SharedMap<string, number>(), new Event(), new Event()];
    new Thread({ target: stayInside, args: [map, inside, go] }).start();
    await inside.wait();
    const waiter = new Thread({ target: setIt, args: [map], name: 'waiter' }).start();
    const { place } = await waitOf('waiter', (wait) => wait.place !== undefined);
    assert.match(place!, /deadlock-mutex\.test\.ts:\d+:\d+$/);
    go.set();
    assert.equal(await waiter.result(), 'set');
  });

  check('killed while it waits, or while it is inside: it is gone, and the others go on', async () => {
    setDetectDeadlocks(true);
    let used = 0;
    for (let round = rounds(8, 300); round > 0; round--) {
      const [map, inside, go] = [new SharedMap<string, number>([['a', 1]]), new Event(), new Event()];
      const holder = new Thread({ target: stayInside, args: [map, inside, go], name: 'holder' }).start();
      await inside.wait();
      const waiters = ['first', 'second'].map((name) => new Thread({ target: setIt, args: [map], name }).start());
      // Half of them before the threads said where they wait, and half of them after.
      const waits = (name: string): boolean => of(name).some(({ place }) => round % 2 === 0 || place !== undefined);
      await until(() => waits('first') && waits('second'));
      await waiters[0].terminate();
      assert.deepEqual(of('first'), []);
      if (round % 4 < 2) await holder.terminate();
      else go.set();
      assert.equal(await waiters[1].result(), 'set');
      assert.equal(map.get('a'), 10);
      assert.deepEqual(of('second'), []);
      await holder.join();
      if (used === 0) used = heap.usedBytes();
    }
    assert.ok(heap.usedBytes() - used <= 2 ** 20, `the heap grew by ${heap.usedBytes() - used} bytes`);
  });

  check('who need not wait says nothing', () => {
    const map = new SharedMap<string, number>();
    const list = new SharedList<number>([0]);
    const said = (): Int32Array =>
      heap.i32.slice(heap.descriptor + ISOLATE.PARKED_SPOT, heap.descriptor + ISOLATE.CACHES);
    const before = said();
    for (let turn = 0; turn < 1_000; turn++) {
      map.update('a', (value = 0) => {
        list.update(0, (item) => item + 1);
        return value + 1;
      });
      map.set('b', turn);
    }
    assert.equal(map.get('a'), 1_000);
    assert.deepEqual(
      said()[ISOLATE.PARKED_SEQUENCE - ISOLATE.PARKED_SPOT],
      before[ISOLATE.PARKED_SEQUENCE - ISOLATE.PARKED_SPOT],
    );
    assert.equal(heap.load(heap.descriptor + ISOLATE.WANTED_MUTEX), 0);
  });
});

describe('a circle of a lock and a map', () => {
  check('is found, also with detection off', async () => {
    setDetectDeadlocks(false);
    for (const make of [() => new Lock(), () => new RLock()]) {
      const { inside, outside } = circle(make());
      await until(() => findDeadlocks().length === 1);
      const [found] = findDeadlocks();
      const told = found.map(({ thread, object, holder }) => [thread.name, object.kind, holder?.name]);
      const lock = found.find(({ object }) => object.kind !== 'SharedMap')!.object.kind;
      assert.deepEqual(told.sort(), [
        ['inside', lock, 'outside'],
        ['outside', 'SharedMap', 'inside'],
      ]);
      await outside.terminate();
      assert.equal(await inside.result(), 'went through');
      assert.deepEqual(findDeadlocks(), []);
    }
  });

  check('two threads: the one that came last gets the error, the other goes on', async () => {
    setDetectDeadlocks(true);
    const { map, inside, outside } = circle(new RLock());
    const results = await Promise.all([inside.result(), outside.result()]);
    const error = results.find((text) => text !== 'went through')!;
    assert.equal(results.filter((text) => text === 'went through').length, 1, results.join('\n'));
    assert.match(
      error,
      /^DeadlockError: A deadlock: these threads wait for each other and none of them can ever go on\.\n/,
    );
    const [, first, second, mend] = error.split('\n');
    const lines = [first, second].map((line) => line.replace(' (this thread)', '')).sort();
    assert.match(
      lines[0],
      /^ {2}inside waits for <locked RLock .*>, held by outside, at .*deadlock-mutex\.test\.ts:\d+:\d+$/,
    );
    assert.match(
      lines[1],
      /^ {2}outside waits for <SharedMap #[0-9a-f]+ 1 entry>, held by inside, at .*deadlock-mutex\.test\.ts:\d+:\d+$/,
    );
    assert.equal(mend, MEND);
    // Who was told inside of the update has left the value as it was; the other one did its work.
    assert.equal(map.get('a'), results[0] === 'went through' ? 2 : 10);
    map.set('a', 0);
  });

  check('the main thread inside: its update throws and changes nothing', async () => {
    setDetectDeadlocks(true);
    const [map, lock] = [new SharedMap<string, number>([['a', 1]]), new Lock()];
    const [inside, held] = [new Event(), new Event()];
    const other = new Thread({ target: setLocked, args: [map, lock, inside, held], name: 'other' }).start();
    held.waitSync();
    const message = deadlockOf(() =>
      map.update('a', (value = 0) => {
        inside.set();
        using _guard = lock.acquireSync();
        return value + 1;
      }),
    );
    assert.match(message, /MainThread \(this thread\) waits for <locked Lock .*>, held by other, at /);
    assert.match(message, /other waits for <SharedMap #[0-9a-f]+ 1 entry>, held by MainThread, at /);
    assert.equal(await other.result(), 'went through');
    assert.equal(map.get('a'), 10);
  });

  check('the main thread wants the map: its wait is taken back', async () => {
    setDetectDeadlocks(true);
    const [map, lock] = [new SharedMap<string, number>([['a', 1]]), new Lock()];
    const [inside, held] = [new Event(), new Event()];
    const other = new Thread({ target: lockInside, args: [map, lock, inside, held], name: 'other' }).start();
    const message = deadlockOf(() => {
      using _guard = lock.acquireSync();
      held.set();
      inside.waitSync();
      map.set('a', 10);
    });
    assert.match(message, /MainThread \(this thread\) waits for <SharedMap #[0-9a-f]+ 1 entry>, held by other, at /);
    assert.equal(await other.result(), 'went through');
    assert.equal(map.get('a'), 2);
    assert.deepEqual(of('MainThread'), []);
  });

  check('a thread that is joined inside of getOrSet', async () => {
    setDetectDeadlocks(true);
    const map = new SharedMap<string, number>();
    const inside = new Event();
    const setWhenInside = (shared: SharedMap<string, number>, ready: Event): string => {
      ready.waitSync();
      shared.set('a', 10);
      return 'set';
    };
    const other = new Thread({ target: setWhenInside, args: [map, inside], name: 'other' }).start();
    const message = deadlockOf(() =>
      map.getOrSet('a', () => {
        inside.set();
        other.joinSync();
        return 1;
      }),
    );
    assert.match(message, /MainThread \(this thread\) waits for the end of other, at /);
    assert.match(message, /other waits for <SharedMap #[0-9a-f]+ 0 entries>, held by MainThread, at /);
    assert.equal(await other.result(), 'set');
    assert.equal(map.get('a'), 10);
  });

  check('a list, a map and a lock in one circle of three', async () => {
    setDetectDeadlocks(true);
    const list = new SharedList<number>([1]);
    const map = new SharedMap<string, number>([['a', 1]]);
    const lock = new RLock();
    const ready = Array.from({ length: 3 }, () => new Event());
    const go = (own: number): void => {
      ready[own].set();
      for (const event of ready) event.waitSync();
    };
    const turns: Record<string, () => unknown> = {
      inList: () =>
        list.update(0, (value) => {
          go(0);
          map.set('a', 2);
          return value + 1;
        }),
      inMap: () =>
        map.update('a', (value = 0) => {
          go(1);
          lock.acquireSync().release();
          return value + 1;
        }),
      locked: () => {
        using _guard = lock.acquireSync();
        go(2);
        list.push(3);
      },
    };
    const threads = Object.entries(turns).map(([name, turn]) =>
      new Thread({ target: () => void turn(), name }).start(),
    );
    const ends = await Promise.allSettled(threads.map((thread) => thread.result()));
    const errors = ends.filter((end) => end.status === 'rejected').map(({ reason }) => reason as Error);
    assert.equal(errors.length, 1, errors.join('\n'));
    assert.equal(errors[0].name, 'DeadlockError');
    assert.match(errors[0].message, /waits for <SharedList .*held by inList/);
    assert.match(errors[0].message, /waits for <SharedMap .*held by inMap/);
    assert.match(errors[0].message, /waits for <locked RLock .*held by locked/);
  });

  check('over and over: exactly one of the two gets it, and both objects stay usable', async () => {
    setDetectDeadlocks(true);
    for (let round = rounds(5, 300); round > 0; round--) {
      const lock = new RLock();
      const { map, inside, outside } = circle(lock);
      const results = await Promise.all([inside.result(), outside.result()]);
      assert.equal(results.filter((text) => text === 'went through').length, 1, results.join('\n'));
      assert.equal(results.filter((text) => text.startsWith('DeadlockError')).length, 1, results.join('\n'));
      map.update('a', () => 0);
      lock.acquireSync().release();
      assert.deepEqual(findDeadlocks(), []);
    }
  });
});
