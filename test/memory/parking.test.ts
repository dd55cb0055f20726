/** Waits against the memory they stand in: what a wait leaves in the engine must not outlive it. */
import assert from 'node:assert/strict';
import { AT, heap, ISOLATE } from '../../src/memory/index.ts';
import { Event, Lock } from '../../src/sync/index.ts';
import { check } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

check('a wait that timed out on a freed record swallows no wake-up of the record after it', async () => {
  // The word of an Event that an event loop watches is the one of a Lock on which threads sleep.
  const event = new Event();
  assert.equal(await event.wait({ timeout: 5 }), false);
  const address = event[AT];
  event[Symbol.dispose]();
  // Freed blocks come round again, sooner or later.
  const locks = [new Lock()];
  while (locks.at(-1)![AT] !== address && locks.length < 20_000) locks.push(new Lock());
  const lock = locks.at(-1)!;
  assert.equal(lock[AT], address, 'the block is used again');
  const guard = lock.acquireSync();
  await using thread = start('acquireOnce', lock);
  await thread.parked();
  guard.release();
  assert.equal(await thread.result(), false);
});

check('a new record at the address of one that was waited on serves its own waiters', async () => {
  for (let round = 0; round < 20; round++) {
    const first = new Event();
    const abort = new AbortController();
    const wait = first.wait({ signal: abort.signal });
    abort.abort('enough');
    await assert.rejects(wait, (reason) => reason === 'enough');
    first[Symbol.dispose]();
    const second = new Event();
    const next = second.wait();
    assert.equal(await settled(next), false);
    second.set();
    assert.equal(await next, true);
    second[Symbol.dispose]();
  }
});

check('waits that came to nothing leave the heap as it was', async () => {
  const event = new Event();
  await event.wait({ timeout: 0 });
  const used = heap.usedBytes();
  for (let round = 0; round < 200; round++) {
    const many = Array.from({ length: 300 }, () => new Event());
    const abort = new AbortController();
    const waits = many.map((it) => it.wait({ signal: abort.signal }));
    abort.abort();
    assert.ok((await Promise.allSettled(waits)).every(({ status }) => status === 'rejected'));
    for (const it of many) it[Symbol.dispose]();
  }
  assert.ok(heap.usedBytes() - used <= 4 * 65_536, `${heap.usedBytes() - used} bytes`);
});

check('while a thread blocks, the table says on what', async () => {
  const lock = new Lock();
  const guard = lock.acquireSync();
  const thread = await start('acquireOnce', lock).parked();
  assert.equal(heap.i32[thread.cell[0] + ISOLATE.PARKED_OBJECT], lock[AT]);
  const since = heap.f64[(thread.cell[0] + ISOLATE.PARKED_SINCE) >> 1];
  assert.ok(Math.abs(performance.timeOrigin + performance.now() - since) < 10_000);
  guard.release();
  await thread.result();
  await until(() => heap.load(thread.cell[0] + ISOLATE.STATE) === 0);
});
