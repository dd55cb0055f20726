import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { Heap, heap, ISOLATE, KIND, parseHeapSize, size } from '../../src/memory/index.ts';
import { CLASS_COUNT, PAGE_BYTES, PAGE_WORDS, SMALL_LIMIT_BYTES } from '../../src/memory/layout.ts';
import { BATCH, CLASS_BYTES, classOf } from '../../src/memory/size-class.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf, until } from '../support/threads.ts';
import { churn } from './fixtures/roles.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));
const run = promisify(execFile);

check('every size has the smallest class that holds it, and little is wasted', () => {
  assert.equal(CLASS_BYTES.length, CLASS_COUNT);
  for (let bytes = 1; bytes <= SMALL_LIMIT_BYTES; bytes++) {
    const index = classOf(bytes);
    assert.ok(CLASS_BYTES[index] >= bytes, `${bytes} bytes in a class of ${CLASS_BYTES[index]}`);
    assert.ok(index === 0 || CLASS_BYTES[index - 1] < bytes, `${bytes} bytes fit in a smaller class`);
    if (bytes > 128) assert.ok(CLASS_BYTES[index] < bytes * 1.25, `${bytes} in ${CLASS_BYTES[index]}`);
  }
  for (const [index, bytes] of CLASS_BYTES.entries()) {
    assert.equal(bytes % 16, 0);
    assert.ok(index === 0 || bytes > CLASS_BYTES[index - 1]);
    assert.ok(BATCH[index] >= 1 && BATCH[index] <= 64);
  }
  assert.equal(CLASS_BYTES.at(-1), SMALL_LIMIT_BYTES);
});

check('live blocks never overlap (random steps against a reference model)', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ words: fc.oneof(fc.nat(100), fc.nat(9000), fc.nat(60_000)) }) },
    { weight: 2, arbitrary: fc.record({ free: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 400, size: 'max' }), (steps) => {
      const small = Heap.create(64 * 2 ** 20);
      small.enter(1);
      const used = small.usedBytes();
      const live: { from: number; to: number }[] = [];
      for (const it of steps) {
        if ('words' in it) {
          const from = small.allocate(KIND.BLOB, it.words);
          const to = from + 2 + it.words;
          assert.ok(from % 4 === 0 && to <= small.i32.length, 'aligned to 16 bytes and inside');
          for (const other of live) assert.ok(to <= other.from || other.to <= from, `${from} in a live block`);
          assert.equal(small.load(from + 1), 1);
          live.push({ from, to });
        } else if (live.length > 0) {
          small.release(live.splice(it.free % live.length, 1)[0].from);
        }
      }
      for (const { from } of live) small.release(from);
      // Pages of large blocks are given back, spans of small ones are kept for the next.
      assert.ok(small.usedBytes() - used <= CLASS_COUNT * 8 * PAGE_BYTES);
    }),
    { numRuns: rounds(60, 2000) },
  );
});

check('runs of pages: claimed to the last one, given back, claimed again', () => {
  const small = Heap.create(4 * 2 ** 20);
  small.enter(1);
  const before = small.usedBytes();
  const free = 64 - before / PAGE_BYTES;
  for (let round = 0; round < 3; round++) {
    const all = Array.from({ length: free }, () => small.pages.claim(1, 1, 'a test'));
    assert.equal(new Set(all).size, free);
    assert.equal(small.usedBytes(), 4 * 2 ** 20);
    assert.throws(() => small.pages.claim(1, 1, 'a test'), { name: 'HeapExhaustedError' });
    // Every second one: no run of two is left.
    for (let index = 0; index < free; index += 2) small.pages.release(all[index], 1);
    assert.throws(() => small.pages.claim(2, 2, 'a test'), /no stretch that long in one piece/);
    for (let index = 1; index < free; index += 2) small.pages.release(all[index], 1);
    const whole = small.pages.claim(free, free, 'a test');
    assert.equal(whole % PAGE_WORDS, 0);
    small.pages.release(whole, free);
    assert.equal(small.usedBytes(), before);
  }
});

check('threads that allocate and free at once never get the same block', async () => {
  const threads = [1, 2].map((seed) => start('churn', seed, rounds(20_000, 1_000_000)));
  assert.equal(churn(3, 5000), 0);
  for (const thread of threads) assert.equal(await thread.result(), 0);
});

check(
  'blocks that one thread allocates and another frees come round again',
  async () => {
    const used = heap.usedBytes();
    let most = 0;
    for (let round = 0; round < rounds(8, 300); round++) {
      const addresses = Array.from({ length: 2000 }, () => heap.allocate(KIND.BLOB, 30));
      await start('releaseAll', addresses).result();
      if (round === 2) most = heap.usedBytes();
    }
    assert.ok(heap.usedBytes() <= Math.max(most, used) + 2 * PAGE_BYTES, `${used}, ${most}, ${heap.usedBytes()}`);
  },
  { timeout: 30_000 },
);

check('a thread that is killed while it allocates leaves a heap that works, and its free blocks', async () => {
  for (let round = 0; round < rounds(10, 500); round++) {
    const dead = start('churnForEver', round * 1000);
    await until(() => dead.progress > 100 + round * 97);
    await dead.terminate();
    assert.equal(churn(round, 2000), 0);
  }
});

check('counts: a block lives until the last one is given back, whoever does it', async () => {
  const block = heap.allocate(KIND.BLOB, 4);
  const threads = [1, 2].map(() => start('retainRelease', block, rounds(20_000, 1_000_000)));
  for (const thread of threads) await thread.result();
  assert.equal(heap.load(block + 1), 1);
  heap.retain(block);
  heap.release(block);
  assert.equal(heap.load(block + 1), 1);
  heap.release(block);
  assert.equal(heap.load(block + 1), 0);
});

check('idents: never 0, never twice, found again only while the thread lives', () => {
  const small = Heap.create(4 * 2 ** 20);
  small.enter(1);
  const first = small.ident;
  assert.equal(small.descriptorOf(first), small.descriptor);
  const second = small.renew();
  assert.notEqual(first, second);
  assert.equal(small.descriptorOf(first), 0);
  assert.equal(small.descriptorOf(0), 0);
  assert.equal(small.i32[small.descriptor + ISOLATE.IDENT], second);
});

check('TELAIO_HEAP: sizes are read as written, and anything else is refused with the range', () => {
  for (const [text, bytes] of [
    ['4194304', 2 ** 22],
    ['4MiB', 2 ** 22],
    ['16 M', 2 ** 24],
    ['64mb', 2 ** 26],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['2G', 2 ** 31],
    ['8192KiB', 2 ** 23],
  ] as const) {
    assert.equal(parseHeapSize(text), bytes, text);
  }
  for (const text of ['', 'much', '-1', '1', '3MiB', '9GiB', '4 TiB', '1e9', '0x400000', 'NaN']) {
    assert.throws(() => parseHeapSize(text), {
      name: 'RangeError',
      message: /^TELAIO_HEAP=.* is not a heap size: give 4MiB to 8GiB/,
    });
  }
});

check('what size() writes, parseHeapSize reads', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 8000 }), (mebi) => {
      assert.ok(Math.abs(parseHeapSize(size(mebi * 2 ** 20)) / (mebi * 2 ** 20) - 1) < 0.05);
    }),
  );
});

check('a full heap: how much, for what, how full, and the mend; what is in stays whole', async () => {
  const { stdout } = await run(
    process.execPath,
    [fileURLToPath(new URL('./fixtures/small-heap.ts', import.meta.url))],
    {
      env: { ...process.env, TELAIO_HEAP: '4MiB' },
    },
  );
  const { said, full, taken, size: left } = JSON.parse(stdout);
  assert.equal(said[0], 4 * 2 ** 20);
  for (const error of said.slice(1, 4)) {
    assert.equal(error.name, 'HeapExhaustedError');
    assert.equal(error.code, 'TELAIO_HEAP_EXHAUSTED');
    assert.match(
      error.message,
      /^The shared heap has no room for [\d.]+[KM]iB more for .+: [\d.]+MiB of 4MiB are in use/,
    );
    assert.match(error.message, /TELAIO_HEAP=\d+MiB\.$/);
  }
  assert.match(said[1].message, /no room for 8\.1MiB more for binary data: .*TELAIO_HEAP=16MiB/);
  assert.match(said[3].message, /a string/);
  assert.equal(said[4], 'no error');
  assert.ok(full > 100);
  assert.equal(taken, full);
  assert.equal(left, 1);
});

check('a bad TELAIO_HEAP ends the program with the reason', async () => {
  await assert.rejects(
    run(process.execPath, [fileURLToPath(new URL('./fixtures/small-heap.ts', import.meta.url))], {
      env: { ...process.env, TELAIO_HEAP: 'plenty' },
    }),
    /RangeError: TELAIO_HEAP=plenty is not a heap size/,
  );
});

check('the size that the error proposes is one that can be had', () => {
  for (const bytes of [4 * 2 ** 20, 2 ** 30, 3 * 2 ** 30, 4 * 2 ** 30, 6 * 2 ** 30]) {
    const large = Heap.create(bytes);
    large.enter(1);
    assert.throws(
      () => large.pages.claim(bytes / PAGE_BYTES, 1, 'a test'),
      (error: Error) => parseHeapSize(/TELAIO_HEAP=(\S+?)\.?$/.exec(error.message)![1]) > bytes,
    );
  }
});
