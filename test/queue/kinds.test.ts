/** What all four kinds of queue have in common, each in every form; what is different stands in the other files. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { CloneError, Empty, Full, ShutDown } from '../../src/errors.ts';
import { AT, BLOCK, heap } from '../../src/memory/index.ts';
import { LifoQueue, PriorityQueue, Queue, SimpleQueue } from '../../src/queue/index.ts';
import { Condition, Event, Lock, RLock, Semaphore } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

const countOf = (object: { [AT]: number }): number => heap.load(object[AT] + BLOCK.COUNT);

for (const Kind of [Queue, LifoQueue, PriorityQueue, SimpleQueue] as (new () => Queue<number>)[]) {
  describeWaits({
    name: `${Kind.name}.get`,
    timedOut: { error: Empty },
    scene() {
      const queue = new Kind();
      return {
        wait: (options) => queue.get(options),
        waitSync: (options) => queue.getSync(options),
        waiting: () => queue.statistics().getters,
        satisfy: () => queue.put(1),
        after: (outcome) => assert.equal(outcome, 1),
        blocked: () => start('getOnce', queue),
      };
    },
  });
}

for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
  describeWaits({
    name: `${Kind.name}.getMany`,
    timedOut: { error: Empty },
    scene() {
      const queue = new Kind<number>();
      return {
        wait: (options) => queue.getMany(5, options),
        waitSync: (options) => queue.getManySync(5, options),
        waiting: () => queue.statistics().getters,
        satisfy: () => queue.put(1),
        after: (outcome) => assert.deepEqual(outcome, [1]),
        blocked: () => start('getManySync', queue, 5),
      };
    },
  });

  describeWaits({
    name: `${Kind.name}.putMany`,
    timedOut: { error: Full },
    scene() {
      const queue = new Kind<number>(2);
      queue.putSync(0);
      queue.putSync(0);
      return {
        wait: (options) => queue.putMany([1], options),
        waitSync: (options) => queue.putManySync([1], options),
        waiting: () => queue.statistics().putters,
        satisfy: () => void queue.getSync(),
        after: () => assert.equal(queue.qsize(), 2),
        blocked: () => start('putManySync', queue, [1]),
      };
    },
  });
}

for (const Kind of [Queue, LifoQueue, PriorityQueue, SimpleQueue] as (new () => Queue<unknown>)[]) {
  const { name } = Kind;

  check(`${name}: every copyable value, there and back through another thread`, async () => {
    const values = [undefined, null, Number.NaN, -0, 0, Infinity, -Infinity, '', false, 0n, -(2n ** 80n)];
    values.push(2 ** 31, -(2 ** 31), 2 ** 31 - 1, 2 ** 53, 0.1, Number.MIN_VALUE, Symbol.for('end') as never);
    const [there, back] = [new Kind(), new Kind()];
    await using thread = start('echoOne', there, back);
    for (const value of values) {
      // In an array: a PriorityQueue takes no NaN for a priority.
      const sent = Number.isNaN(value) ? [value] : value;
      there.putSync(sent);
      const got = back.getSync({ timeout: 10_000 });
      if (Array.isArray(sent)) assert.deepEqual(got, sent);
      else assert.ok(Object.is(got, sent), `${String(got)} for ${String(sent)}`);
    }
    const map = new Map<unknown, unknown>([[{ a: [1, , 3] }, new Set([new Date(5), /x/g])]]);
    there.putSync(map);
    assert.deepEqual(back.getSync({ timeout: 10_000 }), map);
    there.putSync('end');
    await thread.result();
  });

  check(
    `${name}: items from one byte to 64 MB, and nothing of them stays`,
    async () => {
      const [there, back] = [new Kind(), new Kind()];
      await using thread = start('echoOne', there, back);
      const before = heap.usedBytes();
      for (const size of [1, 2, 1000, 1024, 1030, 65_535, 2 ** 20 + 1, 64 * 2 ** 20]) {
        const bytes = new Uint8Array(size).fill(size % 251);
        bytes[size >> 1] = 7;
        there.putSync(bytes);
        const got = back.getSync({ timeout: 20_000 }) as Uint8Array;
        assert.equal(Buffer.compare(got, bytes), 0, `${size} bytes`);
      }
      there.putSync('end');
      await thread.result();
      assert.ok(heap.usedBytes() <= before + 4 * 2 ** 20, `${heap.usedBytes()} bytes after, ${before} before`);
    },
    { timeout: 40_000 },
  );

  check(`${name}: shared objects come back as the same objects, and are counted right`, async () => {
    const objects = [new Lock(), new RLock(), new Event(), new Semaphore(2), new Condition(), new Kind()];
    const queue = new Kind();
    for (const object of objects) {
      const before = countOf(object);
      for (let round = 0; round < 100; round++) {
        queue.putSync(object);
        queue.putSync([object, { object }]);
        assert.equal(queue.qsize(), 2);
        const got = [queue.getSync(), queue.getSync()]
          .flat()
          .map((item) => (item as { object?: object }).object ?? item);
        assert.deepEqual(
          got.map((item) => item === object),
          [true, true, true],
        );
      }
      assert.equal(countOf(object), before);
      queue.putSync(object);
      assert.equal(countOf(object), before + 1);
      queue.tryGet();
    }
    // Itself, and what is left in when it is dropped.
    queue.putSync(queue);
    assert.equal(queue.getSync(), queue);
    const lock = new Lock();
    const dropped = new Kind();
    for (let item = 0; item < 50; item++) dropped.putSync(item % 2 ? [lock] : lock);
    assert.equal(countOf(lock), 51);
    dropped[Symbol.dispose]();
    assert.equal(countOf(lock), 1);
  });

  check(`${name}: what can't be copied is refused with its path, and nothing goes in`, async () => {
    const queue = new Kind();
    await assert.rejects(queue.put({ a: [Symbol('x')] }), { name: 'CloneError', message: /^value\.a\[0\] can't be/ });
    assert.throws(() => queue.putSync(new WeakMap()), CloneError);
    assert.throws(() => queue.tryPut({ deep: { p: Promise.resolve() } }), /value\.deep\.p .*await it first/);
    const lock = new Lock();
    assert.throws(
      () => queue.putManySync([1, lock, [lock, Symbol('y')], 2]),
      /^CloneError: value\[1\] can't be copied/,
    );
    assert.equal(queue.qsize(), 2);
    queue.tryGetMany(5);
    assert.equal(countOf(lock), 1);
  });

  check(`${name}: putMany and getMany`, async () => {
    const queue = new Kind();
    await queue.putMany([]);
    queue.putManySync(new Set());
    assert.equal(queue.tryPutMany([]), 0);
    assert.deepEqual(queue.tryGetMany(3), []);
    await queue.putMany([1, 2]);
    queue.putManySync(new Set([3, 4]));
    assert.equal(queue.tryPutMany([5, { six: 6 }, 'seven'.repeat(500)]), 3);
    assert.equal(queue.qsize(), 7);
    const got = [await queue.getMany(1), queue.getManySync(2), queue.tryGetMany(1), await queue.getMany(100)];
    assert.deepEqual(
      got.map((items) => items.length),
      [1, 2, 1, 3],
    );
    assert.deepEqual(
      got.flat().map(String).sort(),
      [1, 2, 3, 4, 5, { six: 6 }, 'seven'.repeat(500)].map(String).sort(),
    );
    assert.deepEqual(queue.tryGetMany(Infinity), []);
    const length = rounds(20_000, 300_000);
    queue.putManySync(Array.from({ length }, (_, item) => item));
    assert.equal(queue.qsize(), length);
    const all = queue.getManySync(Infinity) as number[];
    assert.equal(all.length, length);
    assert.equal(new Set(all).size, length);
    assert.throws(() => queue.getManySync(1, { timeout: 0 }), Empty);
  });

  check(`${name}: getMany waits for one and takes no more than there is`, async () => {
    const queue = new Kind();
    const waiting = queue.getMany(10);
    await using thread = start('getManySync', queue, 10);
    await until(() => queue.statistics().getters === 2);
    assert.equal(await settled(waiting), false);
    // One for each: either may be first, and takes what is there then.
    queue.putSync(1);
    await until(() => queue.statistics().getters === 1);
    queue.putSync(2);
    const both = [...(await waiting), ...((await thread.result()) as number[])] as number[];
    assert.deepEqual(both.sort(), [1, 2]);
  });

  check(`${name}: misuse is refused by name`, async () => {
    const queue = new Kind();
    for (const most of [0, -1, 1.5, Number.NaN, '3' as never]) {
      for (const call of ['getMany', 'getManySync', 'tryGetMany'] as const) {
        const refused = new RegExp(
          `^${call}\\(${inspect(most)}\\): give how many items at most, a whole number from 1 on\\.$`,
        );
        await assert.rejects(async () => queue[call](most), { name: 'RangeError', message: refused });
      }
    }
    for (const items of [5, undefined, null, { a: 1 }, (async function* () {})()]) {
      await assert.rejects(queue.putMany(items as never), {
        name: 'TypeError',
        message: /^putMany\(.*\): give an array or another iterable of items\.$/,
      });
    }
    for (const timeout of [-1, Number.NaN]) {
      const refused = { name: 'RangeError', message: /^timeout is (-1|NaN): give milliseconds, 0 or more/ };
      queue.putSync(0);
      assert.throws(() => queue.getSync({ timeout }), refused);
      assert.throws(() => queue.getManySync(1, { timeout }), refused);
      assert.throws(() => queue.putSync(1, { timeout }), refused);
      assert.throws(() => queue.putManySync([1], { timeout }), refused);
      assert.equal(queue.getSync(), 0);
      assert.equal(queue.empty(), true);
    }
    queue[Symbol.dispose]();
    assert.throws(() => queue.putSync(1), { name: 'DisposedError', message: new RegExp(`This ${name} was disposed`) });
    assert.equal(inspect(queue), `<disposed ${name}>`);
  });

  check(`${name}: text form and statistics`, () => {
    const queue = new Kind();
    queue.putSync(5);
    assert.match(inspect(queue), new RegExp(`^<${name} #[0-9a-f]+ 1 items>$`));
    const { size, getters } = queue.statistics();
    assert.deepEqual([size, getters], [1, 0]);
  });

  check(`${name}: iterating takes what is there and waits for more`, async () => {
    const queue = new Kind();
    const seen: unknown[] = [];
    const iterating = (async () => {
      for await (const item of queue) {
        seen.push(item);
        if (seen.length === 3) break;
      }
    })();
    await until(() => queue.statistics().getters === 1);
    queue.putSync(1);
    await until(() => seen.length === 1);
    queue.putSync(2);
    await until(() => seen.length === 2);
    queue.putSync(3);
    await iterating;
    queue.putSync(4);
    for (const item of queue.itemsSync()) {
      seen.push(item);
      break;
    }
    assert.deepEqual(seen, [1, 2, 3, 4]);
  });
}

check('LifoQueue, PriorityQueue and Queue are Queues; SimpleQueue has no bound, no join and no shutdown', () => {
  assert.ok(new LifoQueue() instanceof Queue && new PriorityQueue() instanceof Queue);
  const simple = new SimpleQueue();
  assert.ok(!(simple instanceof Queue));
  for (const name of ['maxSize', 'full', 'taskDone', 'join', 'joinSync', 'shutdown']) assert.ok(!(name in simple));
});

check('a thread gets each kind as what it is', async () => {
  for (const Kind of [Queue, LifoQueue, PriorityQueue, SimpleQueue] as (new () => Queue<unknown>)[]) {
    const queue = new Kind();
    await using thread = start('nameOf', queue);
    assert.equal(await thread.result(), Kind.name);
  }
});

check('ShutDown: after shutdown every form of putting says so, and of taking once it is empty', async () => {
  for (const Kind of [Queue, LifoQueue, PriorityQueue]) {
    const queue = new Kind<number>();
    queue.putSync(1);
    queue.shutdown();
    const takesNoMore = new RegExp(
      `^<${Kind.name} #[0-9a-f]+ [01] items, shut down> takes no more items: shutdown\\(\\)`,
    );
    const refused = { name: 'ShutDown', code: 'TELAIO_SHUT_DOWN', message: takesNoMore };
    assert.throws(() => queue.putSync(1), refused);
    assert.throws(() => queue.tryPut(1), refused);
    assert.throws(() => queue.putManySync([1]), { ...refused, placed: 0 });
    assert.throws(() => queue.tryPutMany([1]), refused);
    await assert.rejects(queue.put(1), refused);
    await assert.rejects(queue.putMany([1]), refused);
    // Nothing to put is nothing to refuse.
    await queue.putMany([]);
    assert.deepEqual(queue.getManySync(4), [1]);
    for (const take of [
      () => queue.getSync(),
      () => queue.tryGet(),
      () => queue.getManySync(2),
      () => queue.tryGetMany(2),
    ])
      assert.throws(take, {
        name: 'ShutDown',
        message: /^<.* 0 items, shut down> has nothing more to give: shutdown\(\)/,
      });
    await assert.rejects(queue.get(), ShutDown);
    await assert.rejects(queue.getMany(2), ShutDown);
    assert.deepEqual([...queue.itemsSync()], []);
    assert.deepEqual(await Array.fromAsync(queue), []);
  }
});
