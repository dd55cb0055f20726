import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { heap, KIND } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Event, type Guard, RWLock } from '../../src/sync/index.ts';
import { blockUntil } from '../support/block-until.ts';
import { check, rounds } from '../support/check.ts';
import { settled, type TestThread, threadsOf, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/meeting.ts', import.meta.url));

function words(count: number): { at: number; free(): void } {
  const block = heap.allocate(KIND.BLOB, count);
  heap.i32.fill(0, block + 2, block + 2 + count);
  return { at: block + 2, free: () => heap.release(block) };
}

for (const side of ['read', 'write'] as const) {
  const sync = side === 'read' ? 'readSync' : 'writeSync';
  for (const holder of ['holdWrite', 'holdRead'] as const) {
    if (side === 'read' && holder === 'holdRead') continue;
    describeWaits({
      name: `RWLock.${side} while another thread has it (${holder})`,
      timedOut: { value: undefined },
      async scene() {
        const lock = new RWLock();
        const [held, open] = [new Event(), new Event()];
        const other = start(holder, lock, held, open);
        await held.wait();
        const mine: Guard[] = [];
        return {
          wait: (options) => lock[side](options),
          waitSync: (options) => lock[sync](options),
          waiting: () => lock.statistics().waiting,
          satisfy() {
            open.set();
            mine.pop()?.release();
            blockUntil(() => !lock.locked());
          },
          after: (guard) => {
            assert.ok(guard);
            mine.push(guard as Guard);
          },
          blocked: () => start(side === 'read' ? 'readOnce' : 'writeOnce', lock),
          async close() {
            await other.terminate();
          },
        };
      },
    });
  }
}

check('many read at once, in every form and from several threads; one writes, alone', async () => {
  const lock = new RWLock();
  const [held, open] = [new Event(), new Event()];
  await using there = start('holdRead', lock, held, open);
  await held.wait();
  const guards = [lock.readSync(), await lock.read(), lock.tryRead()!, lock.readSync({ timeout: 5 })!];
  assert.equal(lock.statistics().readers, 5);
  assert.equal(lock.tryWrite(), undefined);
  for (const guard of guards) {
    assert.equal(guard.abandoned, false);
    guard.release();
    guard.release();
  }
  assert.equal(lock.statistics().readers, 1, 'a guard gives back once');
  open.set();
  await there.result();
  {
    using writing = lock.writeSync();
    assert.ok(writing);
    assert.equal(lock.statistics().writer, heap.ident);
    assert.equal(lock.tryRead(), undefined);
    assert.equal(lock.tryWrite(), undefined);
    assert.equal(await lock.read({ timeout: 3 }), undefined);
    assert.equal(await lock.write({ timeout: 3 }), undefined);
  }
  assert.equal(lock.locked(), false);
  using again = await lock.write();
  assert.ok(again);
});

check('more readers than the first table has room for', async () => {
  const lock = new RWLock();
  const opens = Array.from({ length: 15 }, () => [new Event(), new Event()] as const);
  const threads = opens.map(([held, open]) => start('holdRead', lock, held, open));
  for (const [held] of opens) await held.wait();
  assert.equal(lock.statistics().readers, 15);
  // From the middle first.
  for (const index of [7, 0, 14, 3, 9, 1, 2, 4, 5, 6, 8, 10, 11, 12, 13]) {
    assert.equal(lock.tryWrite(), undefined);
    opens[index][1].set();
    await threads[index].result();
  }
  assert.equal(lock.statistics().readers, 0);
  lock.tryWrite()!.release();
});

check(
  'a reader that comes after a waiting writer waits behind it; the readers that waited go before the next',
  async () => {
    const lock = new RWLock();
    const [held, open] = [new Event(), new Event()];
    const first = start('holdRead', lock, held, open);
    await held.wait();
    const log = new Queue<string>();
    const gates = { write: new Event(), read: new Event() };
    const enter = (side: 'read' | 'write'): TestThread => start('enterAndLog', lock, side, log, gates[side]);
    const threads = [enter('write')];
    await until(() => lock.statistics().waitingWriters === 1);
    assert.equal(lock.tryRead(), undefined);
    threads.push(enter('read'), enter('read'));
    await until(() => lock.statistics().waitingReaders === 2);
    threads.push(enter('write'));
    await until(() => lock.statistics().waitingWriters === 2);
    open.set();
    await first.result();
    // One of the writers, whichever; while it writes, nobody else.
    assert.equal(await log.get(), 'write');
    assert.equal(lock.statistics().readers, 0);
    gates.write.set();
    // Both readers, beside each other; the other writer, whose gate is open, must still wait.
    assert.deepEqual([await log.get(), await log.get()], ['read', 'read']);
    assert.deepEqual([lock.statistics().readers, log.qsize()], [2, 0]);
    gates.read.set();
    assert.equal(await log.get(), 'write');
    for (const thread of threads) assert.equal(await thread.result(), false);
    assert.deepEqual(lock.statistics(), { waiting: 0, waitingReaders: 0, waitingWriters: 0, readers: 0 });
  },
);

check('a writer that gives up lets the readers behind it go on', async () => {
  const lock = new RWLock();
  using reading = lock.readSync();
  assert.ok(reading);
  for (const giveUp of [
    () => lock.write({ timeout: 40 }),
    () => lock.write({ signal: AbortSignal.timeout(40) }).catch((error) => assert.equal(error.name, 'TimeoutError')),
  ]) {
    const write = giveUp();
    await using reader = start('readOnce', lock);
    assert.equal(await write, undefined);
    assert.equal(await reader.result(), false);
    const again = giveUp();
    const here = lock.read();
    assert.equal(await again, undefined);
    (await here).release();
  }
});

check(
  'no word is torn under threads that read and write in every form',
  async () => {
    const lock = new RWLock();
    const pair = words(4);
    const roles = ['hammerRead', 'hammerRead', 'hammerWrite', 'hammerMixed', 'tryAll'];
    const threads = roles.map((role) => start(role, lock, pair.at));
    const goal = rounds(2_000, 100_000);
    await until(() => threads.every((thread) => thread.progress > goal / 20) && threads[2].progress > goal / 10);
    for (const thread of threads) thread.stop();
    for (const thread of threads) assert.equal(await thread.result(), 0);
    assert.deepEqual(lock.statistics(), { waiting: 0, waitingReaders: 0, waitingWriters: 0, readers: 0 });
    pair.free();
  },
  { timeout: 60_000 },
);

for (const [title, role, sides] of [
  ['a writer gets in among threads that never stop reading', 'hammerRead', ['write']],
  ['a reader, and another writer, get in among threads that never stop writing', 'hammerWrite', ['read', 'write']],
] as const) {
  check(
    `${title}, blocking and asynchronous`,
    async () => {
      const lock = new RWLock();
      const pair = words(4);
      const threads = [1, 2, 3].map(() => start(role, lock, pair.at));
      for (const thread of threads) await until(() => thread.progress > 100);
      for (let round = 0; round < rounds(20, 200); round++) {
        for (const side of sides) {
          lock[`${side}Sync`]().release();
          (await lock[side]()).release();
        }
      }
      for (const thread of threads) thread.stop();
      for (const thread of threads) assert.equal(await thread.result(), 0);
      pair.free();
    },
    { timeout: 60_000 },
  );
}

check('writers that never stop share the lock', async () => {
  const lock = new RWLock();
  const pair = words(4);
  const writers = [1, 2].map(() => start('hammerWrite', lock, pair.at));
  for (const writer of writers) await until(() => writer.progress > 0);
  const before = writers.map((writer) => writer.progress);
  const turns = (): number[] => writers.map((writer, index) => writer.progress - before[index]);
  const end = performance.now() + 500;
  await until(() => Math.min(...turns()) > 20 || performance.now() > end);
  const had = turns();
  for (const writer of writers) writer.stop();
  for (const writer of writers) assert.equal(await writer.result(), 0);
  assert.ok(Math.min(...had) > 20, String(had));
  pair.free();
});

check('nobody waits for an asynchronous waiter whose event loop is blocked', async () => {
  const lock = new RWLock();
  // A write that is due once this thread turns its event loop, which waits for a thread that reads.
  const [held, open] = [new Event(), new Event()];
  const first = start('holdRead', lock, held, open);
  await held.wait();
  const write = lock.write();
  const behind = start('readOnce', lock);
  await until(() => lock.statistics().waiting === 2);
  open.set();
  blockUntil(() => lock.statistics().waitingReaders === 0);
  (await write).release();
  assert.equal(await behind.result(), false);
  await first.result();

  // And a read, behind which a writer would stand.
  const [wrote, next] = [new Event(), new Event()];
  const writer = start('holdWrite', lock, wrote, next);
  await wrote.wait();
  const read = lock.read();
  const second = start('writeOnce', lock);
  await until(() => lock.statistics().waiting === 2);
  next.set();
  blockUntil(() => lock.statistics().waitingWriters === 0);
  (await read).release();
  await Promise.all([writer.result(), second.result()]);
});

check('a blocking read inside a read goes on although a writer waits', async () => {
  const lock = new RWLock();
  using outer = lock.readSync();
  await using writer = start('writeOnce', lock);
  await until(() => lock.statistics().waitingWriters === 1);
  using inner = lock.readSync();
  using tried = lock.tryRead();
  assert.ok(inner && tried);
  const another = lock.read();
  assert.equal(await settled(another), false, 'a task may be another: it stands behind the writer');
  for (const guard of [inner, tried, outer]) guard.release();
  assert.equal(await writer.result(), false);
  (await another).release();
});

check('what would wait for its own thread is an error that says so', async () => {
  const lock = new RWLock();
  const expected = (call: string, does: string) => ({
    name: 'RuntimeError',
    code: 'TELAIO_RUNTIME',
    message: new RegExp(
      `^${call}\\(\\) of <locked RWLock #[0-9a-f]+ .*> would wait for ever: this very thread ${does}\\. Release that guard first\\.$`,
    ),
  });
  {
    using reading = lock.readSync();
    assert.ok(reading);
    assert.throws(() => lock.writeSync(), expected('writeSync', 'reads'));
    assert.equal(lock.writeSync({ timeout: 3 }), undefined);
    assert.equal(lock.statistics().waiting, 0);
  }
  {
    using writing = lock.writeSync();
    assert.ok(writing);
    assert.throws(() => lock.writeSync(), expected('writeSync', 'writes'));
    assert.throws(() => lock.readSync(), expected('readSync', 'writes'));
    assert.equal(lock.readSync({ timeout: 3 }), undefined);
  }
  assert.equal(lock.locked(), false);
});

check(
  'a writer that dies leaves it abandoned: readers are told until a writer was',
  async () => {
    for (let round = 0; round < rounds(6, 150); round++) {
      const lock = new RWLock();
      const held = new Event();
      await using dead =
        round % 2 === 0 ? start('holdWrite', lock, held, new Event()) : start('keep', lock, 'write', held);
      await held.wait();
      const reader = start('readOnce', lock);
      await until(() => lock.statistics().waiting === 1);
      await dead.terminate();
      assert.equal(await reader.result(), true);
      assert.equal((await lock.read()).abandoned, true);
      // That read's guard was dropped; the thread lives, and so does its read.
      assert.equal(lock.tryWrite(), undefined);
      assert.equal(lock.statistics().readers, 1);
    }
    const lock = new RWLock();
    const held = new Event();
    await using dead = start('holdWrite', lock, held, new Event());
    await held.wait();
    const write = lock.write();
    await dead.terminate();
    const guard = await write;
    assert.equal(guard.abandoned, true);
    guard.release();
    assert.equal(lock.writeSync().abandoned, false);
  },
  { timeout: 60_000 },
);

check(
  'a reader that dies gives back all its reads, and only its own',
  async () => {
    for (let round = 0; round < rounds(6, 150); round++) {
      const lock = new RWLock();
      const [held, also, open] = [new Event(), new Event(), new Event()];
      await using dead = round % 2 === 0 ? start('dieReading', lock, 3, held) : start('keep', lock, 'read', held);
      await using alive = start('holdRead', lock, also, open);
      await Promise.all([held.wait(), also.wait()]);
      await using writer = start('writeOnce', lock);
      await until(() => lock.statistics().waitingWriters === 1);
      await dead.terminate();
      assert.equal(lock.statistics().readers, 1);
      assert.equal(writer.isParked(), true);
      open.set();
      assert.equal(await writer.result(), false);
      await alive.result();
      assert.deepEqual(lock.statistics(), { waiting: 0, waitingReaders: 0, waitingWriters: 0, readers: 0 });
    }
  },
  { timeout: 60_000 },
);

check(
  'a writer that dies while it waits holds no reader back, blocking or asynchronous',
  async () => {
    for (let round = 0; round < rounds(6, 150); round++) {
      const lock = new RWLock();
      using reading = lock.readSync();
      assert.ok(reading);
      await using dead = round % 2 === 0 ? start('writeOnce', lock) : start('keep', lock, 'write', new Event());
      await until(() => lock.statistics().waitingWriters === 1);
      const blocked = start('readOnce', lock);
      const turned = lock.read();
      await until(() => lock.statistics().waitingReaders === 2);
      await dead.terminate();
      assert.equal(await blocked.result(), false);
      (await turned).release();
      assert.equal(lock.statistics().waiting, 0);
    }
  },
  { timeout: 60_000 },
);

check(
  'threads killed at any instant while they read and write: the others go on, and no pair is torn unheard',
  async () => {
    const lock = new RWLock();
    const pair = words(4);
    const survivors = ['hammerRead', 'hammerWrite'].map((role) => start(role, lock, pair.at));
    const roles = ['hammerRead', 'hammerWrite', 'hammerMixed', 'tryAll'];
    const moved = async (thread: TestThread): Promise<void> => {
      const before = thread.progress;
      await until(() => thread.progress > before);
    };
    for (let round = 0; round < rounds(40, 800); round++) {
      await using dead =
        round % 7 === 3 ? start('dieReading', lock, 3, new Event()) : start(roles[round % 4], lock, pair.at);
      await dead.running();
      const goal = (round * 1131) % 2500;
      if (round % 7 === 3) await dead.parked();
      else await until(() => dead.progress >= goal);
      await dead.terminate();
      for (const thread of survivors) await moved(thread);
    }
    for (const thread of survivors) thread.stop();
    for (const thread of survivors) assert.equal(await thread.result(), 0);
    assert.deepEqual(lock.statistics(), { waiting: 0, waitingReaders: 0, waitingWriters: 0, readers: 0 });
    lock.tryWrite()!.release();
    pair.free();
  },
  { timeout: 120_000 },
);

check('text, inspection, statistics, subclass', async () => {
  const lock = new RWLock();
  assert.match(String(lock), /^<unlocked RWLock #[0-9a-f]+>$/);
  const reads = [lock.readSync(), lock.readSync()];
  assert.match(inspect(lock), /^<locked RWLock #[0-9a-f]+ readers=2>$/);
  for (const guard of reads) guard.release();
  using writing = lock.tryWrite();
  assert.ok(writing);
  assert.match(String(lock), new RegExp(`^<locked RWLock #[0-9a-f]+ writer=${heap.ident}>$`));
  assert.deepEqual(lock.statistics(), {
    waiting: 0,
    waitingReaders: 0,
    waitingWriters: 0,
    readers: 0,
    writer: heap.ident,
  });
  assert.equal(await start('textOf', lock).result(), `RWLock ${lock}`);
});
