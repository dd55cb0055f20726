import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { BrokenBarrierError, RuntimeError } from '../../src/errors.ts';
import { heap, KIND } from '../../src/memory/index.ts';
import { Barrier, Event } from '../../src/sync/index.ts';
import { Thread } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';
import { blockedAction, meet, meetAsync, sayIdent } from './fixtures/meeting.ts';

const start = threadsOf(new URL('./fixtures/meeting.ts', import.meta.url));
const sorted = (values: unknown[]) => (values as number[]).toSorted((a, b) => a - b);
const broken = (why: RegExp) => ({
  name: 'BrokenBarrierError',
  code: 'TELAIO_BROKEN_BARRIER',
  message: new RegExp(`^<Barrier #[0-9a-f]+>: ${why.source}\\.$`),
});
const WHILE_WAITING = broken(
  /it broke while this party waited: by a timeout, abort\(\), reset\(\), or a party that failed or died/,
);
const BEFORE = broken(/it is broken, and reset\(\) makes it usable again/);

function words(count: number): { at: number; free(): void } {
  const block = heap.allocate(KIND.BLOB, count);
  heap.i32.fill(0, block + 2, block + 2 + count);
  return { at: block + 2, free: () => heap.release(block) };
}

check('all wait for the last, in both forms, and each index is given once', async () => {
  const barrier = new Barrier(4);
  const threads = [start('meet', barrier), start('meetAsync', barrier)];
  await until(() => barrier.nWaiting === 2);
  const here = barrier.wait();
  assert.equal(barrier.nWaiting, 3);
  assert.equal(await settled(here), false);
  const last = barrier.waitSync();
  assert.deepEqual(sorted([last, await here, ...(await Promise.all(threads.map((t) => t.result())))]), [0, 1, 2, 3]);
  assert.deepEqual(barrier.statistics(), { waiting: 0, arrived: 0, parties: 4, broken: false });
});

check('parties may be tasks of one thread, and come again at once', async () => {
  const barrier = new Barrier(3);
  const order: number[] = [];
  const task = async () => {
    for (let round = 0; round < 50; round++) {
      await barrier.wait();
      order.push(round);
    }
  };
  await Promise.all([task(), task(), task()]);
  assert.deepEqual(order, sorted(order), 'nobody is a generation ahead');
  assert.equal(order.length, 150);
  const six = await Promise.all(Array.from({ length: 6 }, () => barrier.wait()));
  assert.deepEqual(sorted(six), [0, 0, 1, 1, 2, 2]);
});

check('a barrier of one lets it through', async () => {
  const barrier = new Barrier(1);
  assert.equal(barrier.waitSync(), 0);
  assert.equal(await barrier.wait({ timeout: 0 }), 0);
});

check(
  'thousands of generations in lockstep',
  async () => {
    const count = rounds(2000, 50_000);
    const sums = words(count);
    const barrier = new Barrier(4);
    const threads = [
      start('meetOften', barrier, sums.at, count),
      start('meetOften', barrier, sums.at, count),
      start('meetOftenAsync', barrier, sums.at, count),
    ];
    for (let round = 0; round < count; round++) heap.add(sums.at + round, 1 << (4 * (await barrier.wait())));
    for (const thread of threads) await thread.result();
    for (let round = 0; round < count; round++) assert.equal(heap.load(sums.at + round), 0x1111, `generation ${round}`);
    sums.free();
  },
  { timeout: 60_000 },
);

check(
  'the action runs once a generation, in a party, before anybody goes on; whichever thread made it',
  async () => {
    const said = words(2);
    const barrier = new Barrier(3, sayIdent(said.at));
    for (let round = 1; round <= rounds(5, 100); round++) {
      // Functions cross to threads of ours; a bare worker has no module hooks.
      const threads = [meet, meetAsync].map((target) => new Thread({ target, args: [barrier] }).start());
      if (round % 2 === 0) await until(() => barrier.nWaiting === 2);
      const here = barrier.wait();
      here.then(() => assert.equal(heap.load(said.at), round));
      await Promise.all([here, ...threads.map((thread) => thread.result())]);
      assert.equal(heap.load(said.at), round);
      assert.ok([heap.ident, ...threads.map((thread) => thread.ident)].includes(heap.load(said.at + 1)));
    }
    said.free();
  },
  { timeout: 60_000 },
);

check('in the thread that made it the action is the very function; a promise of it is waited for', async () => {
  let calls = 0;
  const seen: string[] = [];
  const log = (text: string) => seen.push(text);
  const gate = new Event();
  const barrier = new Barrier(2, async () => {
    log('begins');
    await gate.wait();
    log('ends');
  });
  const party = async () => {
    await barrier.wait();
    calls++;
    log('goes on');
  };
  const both = Promise.all([party(), party()]);
  await until(() => seen.length > 0);
  assert.equal(await settled(both), false);
  assert.deepEqual([seen, calls], [['begins'], 0]);
  gate.set();
  await both;
  assert.deepEqual(seen, ['begins', 'ends', 'goes on', 'goes on']);
  assert.equal(calls, 2);
});

check('who comes while an action runs belongs to the next generation', async () => {
  const gate = new Event();
  const barrier = new Barrier(2, () => gate.wait());
  const first = [barrier.wait(), barrier.wait()];
  const second = [barrier.wait(), barrier.wait()];
  assert.equal(await settled(Promise.race([...first, ...second])), false);
  assert.equal(barrier.nWaiting, 0);
  gate.set();
  assert.deepEqual(sorted(await Promise.all(first)), [0, 1]);
  assert.deepEqual(sorted(await Promise.all(second)), [0, 1]);
  gate.clear();
  const third = [barrier.wait(), barrier.wait()];
  await assert.rejects(
    barrier.wait({ timeout: 5 }),
    broken(/the action of the generation before was not done in 5 ms/),
  );
  gate.set();
  for (const party of third) await assert.rejects(party, WHILE_WAITING);
  assert.equal(barrier.broken, true);
});

check('an action that fails breaks the barrier: its error goes to the party that ran it', async () => {
  for (const fail of [
    () => {
      throw new RangeError('in the action');
    },
    async () => {
      throw new RangeError('in the action');
    },
  ]) {
    const barrier = new Barrier(2, fail);
    const first = barrier.wait();
    await assert.rejects(barrier.wait(), { name: 'RangeError', message: 'in the action' });
    await assert.rejects(first, WHILE_WAITING);
    assert.equal(barrier.broken, true);
    assert.throws(() => barrier.waitSync(), BEFORE);
  }
  const promising = new Barrier(1, async () => {});
  assert.throws(() => promising.waitSync(), {
    name: 'RuntimeError',
    message:
      /^The action of <Barrier .*> returned a promise, and waitSync\(\) can't wait for it: use wait\(\) in every party, or an action that does all it does at once\.$/,
  });
  assert.equal(promising.broken, true);
});

check('a timeout breaks it for everybody, the latecomer included', async () => {
  const barrier = new Barrier(3);
  await using waiting = start('meetOrFail', barrier);
  await until(() => barrier.nWaiting === 1);
  await assert.rejects(barrier.wait({ timeout: 5 }), broken(/only 2 of 3 came in 5 ms/));
  assert.equal(await waiting.result(), 'BrokenBarrierError');
  assert.throws(() => barrier.waitSync(), BEFORE);
  await assert.rejects(barrier.wait(), BEFORE);
  assert.equal(barrier.broken, true);
  barrier.reset();
  assert.equal(barrier.broken, false);
  assert.throws(() => barrier.waitSync({ timeout: 0 }), broken(/only 1 of 3 came in 0 ms/));
});

check('a timeout in time counts, however late the event loop turns', async () => {
  const barrier = new Barrier(2);
  const first = barrier.wait({ timeout: 20 });
  const second = barrier.wait();
  const busy = performance.now() + 50;
  while (performance.now() < busy);
  assert.deepEqual(sorted(await Promise.all([first, second])), [0, 1]);
});

check('a timeout does not cut the action short: all have come in time', async () => {
  const gate = new Event();
  const barrier = new Barrier(2, () => gate.wait());
  const first = barrier.wait({ timeout: 10 });
  const second = barrier.wait();
  // A wait that began later and is up: so is the first one's time.
  assert.equal(await gate.wait({ timeout: 30 }), false);
  assert.equal(await settled(first), false);
  gate.set();
  assert.deepEqual(sorted(await Promise.all([first, second])), [0, 1]);
});

check('a default timeout holds for waits without their own', async () => {
  const barrier = new Barrier(2, undefined, { timeout: 10 });
  await assert.rejects(barrier.wait(), broken(/only 1 of 2 came in 10 ms/));
  barrier.reset();
  assert.equal(await start('meetOrFail', barrier).result(), 'BrokenBarrierError');
  barrier.reset();
  const patient = barrier.wait({ timeout: Infinity });
  // Until the default would be up.
  assert.equal(await new Event().wait({ timeout: 30 }), false);
  assert.equal(barrier.broken, false);
  barrier.waitSync();
  await patient;
});

check('negative and NaN timeouts are RangeErrors, and nobody has come', async () => {
  const barrier = new Barrier(2);
  for (const timeout of [-1, Number.NaN, -Infinity]) {
    await assert.rejects(barrier.wait({ timeout }), RangeError);
    assert.throws(() => barrier.waitSync({ timeout }), RangeError);
  }
  assert.deepEqual(barrier.statistics(), { waiting: 0, arrived: 0, parties: 2, broken: false });
});

check('a wait given up by its signal counts no more; the barrier stays whole', async () => {
  const barrier = new Barrier(3);
  const reason = { why: 'enough' };
  await assert.rejects(barrier.wait({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
  const abort = new AbortController();
  const given = barrier.wait({ signal: abort.signal });
  const stays = barrier.wait();
  assert.equal(barrier.nWaiting, 2);
  abort.abort(reason);
  await assert.rejects(given, (error) => error === reason);
  assert.deepEqual(barrier.statistics(), { waiting: 1, arrived: 1, parties: 3, broken: false });
  const rest = [barrier.wait(), barrier.wait()];
  assert.deepEqual(sorted(await Promise.all([stays, ...rest])), [0, 1, 2]);
});

check('abort breaks it until reset, for those who wait and those who come', async () => {
  const barrier = new Barrier(3);
  const threads = [start('meetOrFail', barrier), start('meetOrFail', barrier)];
  await until(() => barrier.nWaiting === 2);
  barrier.abort();
  for (const thread of threads) assert.equal(await thread.result(), 'BrokenBarrierError');
  assert.throws(() => barrier.waitSync(), BrokenBarrierError);
  barrier.abort();
  assert.equal(barrier.broken, true);
  barrier.reset();
  barrier.reset();
  assert.deepEqual(sorted(await Promise.all([1, 2, 3].map(() => barrier.wait()))), [0, 1, 2]);
  barrier.abort();
  assert.equal(barrier.broken, true, 'also when nobody waits, after a generation');
});

check('reset breaks the wait of those who wait, and the barrier is as new', async () => {
  const barrier = new Barrier(2);
  const first = barrier.wait();
  barrier.reset();
  await assert.rejects(first, WHILE_WAITING);
  assert.deepEqual(sorted(await Promise.all([barrier.wait(), barrier.wait()])), [0, 1]);
  barrier.reset();
  assert.equal(barrier.broken, false);
});

check('abort from inside the action breaks it, and nobody goes on', async () => {
  const held: { barrier?: Barrier } = {};
  const barrier = new Barrier(2, () => held.barrier?.abort());
  held.barrier = barrier;
  const first = barrier.wait();
  assert.throws(() => barrier.waitSync(), WHILE_WAITING);
  await assert.rejects(first, WHILE_WAITING);
});

check(
  'a party that dies while it waits breaks it, blocking and asynchronous',
  async () => {
    for (let round = 0; round < rounds(6, 150); round++) {
      const barrier = new Barrier(4);
      const role = round % 2 === 0 ? 'meet' : 'meetAsync';
      await using dead = start(role, barrier);
      await until(() => barrier.nWaiting === 1);
      await using other = start('meetOrFail', barrier);
      await until(() => barrier.nWaiting === 2);
      const here = assert.rejects(barrier.wait(), WHILE_WAITING);
      await dead.terminate();
      await here;
      assert.equal(await other.result(), 'BrokenBarrierError');
      assert.deepEqual(barrier.statistics(), { waiting: 0, arrived: 0, parties: 4, broken: true });
      barrier.reset();
      assert.deepEqual(sorted(await Promise.all([1, 2, 3, 4].map(() => barrier.wait()))), [0, 1, 2, 3]);
    }
  },
  { timeout: 60_000 },
);

check(
  'one that dies in the action breaks it, and so does one that ends its isolate',
  async () => {
    for (let round = 0; round < rounds(4, 60); round++) {
      const entered = new Event();
      const barrier = new Barrier(2, blockedAction(entered));
      const here = assert.rejects(barrier.wait(), WHILE_WAITING);
      const acting = new Thread({ target: meet, args: [barrier] }).start();
      await entered.wait();
      const late = assert.rejects(barrier.wait(), BEFORE);
      await acting.terminate();
      await Promise.all([here, late]);
    }
    const barrier = new Barrier(2);
    await using leaving = start('meetAndExit', barrier);
    await leaving.ended;
    assert.equal(barrier.broken, true);
  },
  { timeout: 60_000 },
);

check(
  'threads killed at any instant: nobody waits for ever, nobody is a generation ahead',
  async () => {
    const barrier = new Barrier(3);
    for (let round = 0; round < rounds(8, 200); round++) {
      await using dead = start(round % 3 === 0 ? 'meetUntilBrokenAsync' : 'meetUntilBroken', barrier);
      await using one = start('meetUntilBroken', barrier);
      await using two = start(round % 2 === 0 ? 'meetUntilBrokenAsync' : 'meetUntilBroken', barrier);
      await until(() => dead.progress > (round * 61) % 150);
      await dead.terminate();
      // It may have died between two meetings: then the others wait for one that will not come, as in Python.
      barrier.abort();
      const [a, b] = (await Promise.all([one.result(), two.result()])) as { passed: number; error: string }[];
      assert.deepEqual([a.error, b.error], ['BrokenBarrierError', 'BrokenBarrierError']);
      assert.ok(Math.abs(a.passed - b.passed) <= 1, `${a.passed} and ${b.passed}`);
      assert.ok(a.passed - dead.progress <= 1 && dead.progress - a.passed <= 1, `${a.passed} and ${dead.progress}`);
      assert.deepEqual(barrier.statistics(), { waiting: 0, arrived: 0, parties: 3, broken: true });
      barrier.reset();
    }
    assert.deepEqual(sorted(await Promise.all([1, 2, 3].map(() => barrier.wait()))), [0, 1, 2]);
  },
  { timeout: 60_000 },
);

check(
  'hundreds of parties killed one after the other, and the same survivors go on each time',
  async () => {
    const barrier = new Barrier(3);
    const survivors = [start('meetForEver', barrier), start('meetForEverAsync', barrier)];
    for (let round = 0; round < rounds(40, 800); round++) {
      await using dead = start('meetUntilBroken', barrier);
      await until(() => dead.progress > (round * 7) % 40);
      await dead.terminate();
      barrier.abort();
      await until(() => barrier.statistics().waiting === 0);
      const before = survivors.map((thread) => thread.progress);
      barrier.reset();
      if (round % 10 > 0) continue;
      // The third party from here: the survivors must go on with it.
      for (let meeting = 0; meeting < 5; meeting++) await barrier.wait();
      assert.ok(survivors.every((thread, index) => thread.progress - before[index] >= 4));
      assert.equal(barrier.broken, false);
    }
    for (const thread of survivors) thread.stop();
    barrier.abort();
    for (const thread of survivors) await thread.result();
    assert.equal(barrier.statistics().waiting, 0);
  },
  { timeout: 120_000 },
);

check('generations leave nothing behind', async () => {
  const barrier = new Barrier(2, () => {});
  const meetOften = async (times: number) => {
    for (let round = 0; round < times; round++) await Promise.all([barrier.wait(), barrier.wait()]);
  };
  await meetOften(1000);
  const before = heap.usedBytes();
  await meetOften(rounds(20_000, 100_000));
  assert.ok(heap.usedBytes() - before <= 2 ** 17, `${heap.usedBytes() - before} bytes more`);
});

check('misuse has exact messages', () => {
  for (const parties of [0, -1, 1.5, Number.NaN, 2 ** 31, '2'] as number[]) {
    assert.throws(() => new Barrier(parties), {
      name: 'RangeError',
      message: `new Barrier(${inspect(parties)}): give how many parties wait for each other, a whole number from 1 to 2147483647.`,
    });
  }
  assert.throws(() => new Barrier(2, 5 as never), {
    name: 'TypeError',
    message: 'new Barrier(2): the action is 5, not a function.',
  });
  assert.throws(() => new Barrier(2, undefined, { timeout: -1 }), { name: 'RangeError', message: /-1.*milliseconds/ });
  let count = 0;
  assert.throws(
    () =>
      new Barrier(2, () => {
        count++;
      }),
    { name: 'FunctionError', message: /barrier\.test\.ts:\d+:\d+.*'count'/ },
  );
  assert.equal(count, 0);
  assert.ok(new BrokenBarrierError('x') instanceof RuntimeError);
});

check('text, inspection, statistics, subclass', async () => {
  const barrier = new Barrier(3);
  assert.match(String(barrier), /^<Barrier #[0-9a-f]+: waiters=0\/3>$/);
  const waits = [barrier.wait(), barrier.wait()];
  assert.match(inspect(barrier), /: waiters=2\/3>$/);
  assert.deepEqual(barrier.statistics(), { waiting: 2, arrived: 2, parties: 3, broken: false });
  assert.equal(await start('textOf', barrier).result(), `Barrier ${barrier}`);
  barrier.abort();
  assert.match(String(barrier), /: broken>$/);
  await Promise.allSettled(waits);
});
