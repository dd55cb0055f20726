import assert from 'node:assert/strict';
import { breakMutex, heap, KIND, lockMutex, unlockMutex } from '../../src/memory/index.ts';
import { Event } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, turns } from '../support/threads.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

/** A mutex word and a word that it guards. */
function words(): { block: number; mutex: number; word: number } {
  const block = heap.allocate(KIND.BLOB, 8);
  heap.i32.fill(0, block + 2, block + 10);
  return { block, mutex: block + 2, word: block + 3 };
}

check('one at a time: no update is lost', async () => {
  const { block, mutex, word } = words();
  const times = rounds(20_000, 2_000_000);
  const threads = [1, 2].map(() => start('increment', mutex, word, times));
  for (let round = 0; round < times; round++) {
    lockMutex(heap, mutex);
    heap.i32[word]++;
    unlockMutex(heap, mutex);
  }
  for (const thread of threads) await thread.result();
  assert.equal(heap.i32[word], 3 * times);
  assert.equal(heap.i32[mutex], 0);
  heap.release(block);
});

check('a mutex whose owner was killed inside is taken over, and the one who takes it is told', async () => {
  for (let round = 0; round < rounds(5, 300); round++) {
    const { block, mutex } = words();
    const inside = new Event();
    const dead = start('lockAndStay', mutex, inside);
    await inside.wait();
    // Both of those who wait come through; one of them takes over.
    const waiting = [1, 2].map(() => start('takeOver', mutex));
    for (const thread of waiting) await thread.running();
    await dead.terminate();
    const told = await Promise.all(waiting.map((thread) => thread.result()));
    assert.deepEqual(told.sort(), [false, true]);
    assert.equal(lockMutex(heap, mutex), false);
    unlockMutex(heap, mutex);
    heap.release(block);
  }
});

check('a live owner keeps it, however long that takes', async () => {
  const { block, mutex } = words();
  lockMutex(heap, mutex);
  const waiter = start('takeOver', mutex);
  await waiter.running();
  // Longer than a sleeper trusts its owner before it looks again.
  const end = performance.now() + 150;
  while (performance.now() < end) await turns(1);
  assert.equal(heap.load(mutex) & 0x3fffffff, heap.ident);
  unlockMutex(heap, mutex);
  assert.equal(await waiter.result(), false);
  heap.release(block);
});

check('breakMutex frees what the dead one held, and nothing else', () => {
  const { block, mutex } = words();
  lockMutex(heap, mutex);
  assert.equal(breakMutex(heap, mutex, heap.ident + 1), false);
  assert.equal(breakMutex(heap, mutex, heap.ident), true);
  assert.equal(heap.load(mutex), 0);
  assert.equal(breakMutex(heap, mutex, heap.ident), false);
  heap.release(block);
});
