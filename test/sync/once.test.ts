import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { TimeoutError } from '../../src/errors.ts';
import { addressOf, BLOCK, heap, KIND } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Event, Lock, Once } from '../../src/sync/index.ts';
import { blockUntil } from '../support/block-until.ts';
import { check, rounds } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/meeting.ts', import.meta.url));

/** A word of the heap in which calls are counted. */
function counter(): { at: number; count: number; free(): void } {
  const block = heap.allocate(KIND.BLOB, 4);
  const at = block + 2;
  heap.i32.fill(0, at, at + 4);
  return {
    at,
    get count() {
      return heap.load(at);
    },
    free: () => heap.release(block),
  };
}

describeWaits({
  name: 'Once.run',
  timedOut: { error: TimeoutError },
  async scene() {
    const once = new Once<string>();
    const [inside, open] = [new Event(), new Event()];
    const runner = start('runSlowly', once, inside, open, 'done');
    await inside.wait();
    return {
      wait: (options) => once.run(() => 'mine', options),
      waitSync: (options) => once.runSync(() => 'mine', options),
      waiting: () => once.statistics().waiting,
      satisfy() {
        open.set();
        blockUntil(() => once.done);
      },
      after: (outcome) => {
        assert.equal(outcome, 'done');
      },
      blocked: () => start('runOnce', once, 0, 'other'),
      async close() {
        open.set();
        await runner.terminate();
      },
    };
  },
});

check('the first call counts, in either form; the value is for all, ever after', async () => {
  const once = new Once<object>();
  const value = { a: 1 };
  assert.equal(once.done, false);
  assert.equal(
    once.runSync(() => value),
    value,
  );
  assert.equal(once.done, true);
  assert.equal(await once.run(() => ({ a: 2 })), value, 'the runner has its own value back each time');
  assert.deepEqual(await start('runOnce', once, 0, 'another').result(), { a: 1 });

  const other = new Once<number>();
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => other.run(async () => n))), [1, 1, 1]);
  assert.equal(
    other.runSync(() => 4),
    1,
  );
});

check('undefined is a value like any other', async () => {
  const once = new Once<undefined>();
  let calls = 0;
  const count = (): undefined => void calls++;
  await once.run(count);
  once.runSync(count);
  assert.equal(calls, 1);
});

check('an error is for all, too', async () => {
  const once = new Once();
  const error = Object.assign(new RangeError('broken'), { code: 'E_MINE' });
  const fail = () => {
    throw error;
  };
  await assert.rejects(once.run(fail), (thrown) => thrown === error);
  assert.throws(() => once.runSync(fail), error);
  await assert.rejects(start('runOnce', once, 0, 1).result(), {
    name: 'RangeError',
    message: 'broken',
    code: 'E_MINE',
  });
  const there = new Once();
  await assert.rejects(start('failOnce', there).result(), /from the runner/);
  await assert.rejects(
    there.run(() => 1),
    { name: 'RangeError', message: 'from the runner' },
  );
});

check('shared objects go by reference; what cannot be copied is an error for all, the runner included', async () => {
  const once = new Once<Lock>();
  const lock = once.runSync(() => new Lock());
  assert.equal(
    once.runSync(() => new Lock()),
    lock,
  );
  const bad = new Once<{ socket: WeakMap<object, object> }>();
  const expected = {
    name: 'CloneError',
    message: /^The value of <Once #[0-9a-f]+: .*> can't be shared with other threads: it\.socket .*WeakMap/,
  };
  assert.throws(() => bad.runSync(() => ({ socket: new WeakMap() })), expected);
  assert.equal(bad.done, true);
  await assert.rejects(start('runOnce', bad, 0, 1).result(), { message: expected.message });
});

check('an error that cannot be copied is told in words, whatever was thrown', async () => {
  const once = new Once();
  const expected = {
    name: 'CloneError',
    message:
      /^The error of <Once .*> can't be shared with other threads: it .*WeakMap.* The error was: \[object WeakMap\]$/,
  };
  const fail = () => {
    throw new WeakMap();
  };
  assert.throws(() => once.runSync(fail), expected);
  await assert.rejects(once.run(fail), expected);
  const odd = new Once<object>();
  const thrower = () => ({
    get x() {
      throw new WeakMap();
    },
  });
  assert.throws(() => odd.runSync(thrower), { name: 'CloneError', message: /can't be shared.*WeakMap/ });
  assert.equal(odd.done, true);
});

check('called from inside its own function it is an error by name, in every form and nesting', async () => {
  const once = new Once<unknown>();
  const expected = {
    name: 'RuntimeError',
    code: 'TELAIO_RUNTIME',
    message:
      /^run(Sync)?\(\) of <Once #[0-9a-f]+: run by \d+> was called from inside its own function, and would wait for itself: call it outside, or use another Once\.$/,
  };
  assert.throws(() => once.runSync(() => once.runSync(() => 1)), expected);
  assert.throws(() => once.runSync(() => 1), expected, 'it is the outcome');
  const second = new Once<unknown>();
  await assert.rejects(
    second.run(async () => {
      await undefined;
      return await second.run(() => 1);
    }),
    expected,
  );
  const third = new Once<unknown>();
  const between = new Once<unknown>();
  await assert.rejects(
    third.run(() => between.run(() => third.runSync(() => 1))),
    expected,
  );
  const handled = new Once<string>();
  assert.equal(
    await handled.run(() => {
      assert.throws(() => handled.runSync(() => 'inner'), expected);
      return 'outer';
    }),
    'outer',
  );
});

check('another task of the same thread waits, and is not taken for the runner', async () => {
  const once = new Once<number>();
  const open = new Event();
  const first = once.run(async () => {
    await open.wait();
    return 1;
  });
  const second = once.run(() => 2);
  assert.equal(await settled(second), false);
  // Blocking, that task could never go on.
  assert.throws(() => once.runSync(() => 3), {
    name: 'RuntimeError',
    message: /^runSync\(\) of <Once .*> would wait for ever: a task of this very thread runs it.*Use run\(\)\.$/,
  });
  assert.throws(() => once.runSync(() => 3, { timeout: 5 }), TimeoutError);
  open.set();
  assert.deepEqual(await Promise.all([first, second]), [1, 1]);
});

check('misuse has exact messages', async () => {
  const once = new Once<unknown>();
  assert.throws(() => once.runSync(5 as never), {
    name: 'TypeError',
    message: 'Once.runSync(5): give the function to call once.',
  });
  await assert.rejects(once.run('x' as never), {
    name: 'TypeError',
    message: "Once.run('x'): give the function to call once.",
  });
  assert.equal(once.done, false);
  assert.throws(() => once.runSync(async () => 1), {
    name: 'RuntimeError',
    message: /^The function of <Once .*> returned a promise, and runSync\(\) can't wait for it: use run\(\)\.$/,
  });
  const slow = new Once<unknown>();
  const [inside, open] = [new Event(), new Event()];
  await using runner = start('runSlowly', slow, inside, open, 1);
  await inside.wait();
  await assert.rejects(
    slow.run(() => 1, { timeout: 3 }),
    {
      code: 'TELAIO_TIMEOUT',
      message: /^<Once #[0-9a-f]+: run by \d+> was not done in 3 ms: another thread still runs its function\.$/,
    },
  );
  assert.equal(slow.statistics().runner, runner.ident);
  open.set();
  await runner.result();
});

check(
  'one call in all threads, whoever comes first, in both forms',
  async () => {
    const calls = counter();
    for (let round = 0; round < rounds(5, 100); round++) {
      const once = new Once<number>();
      const before = calls.count;
      const threads = [1, 2, 3].map((n) => start(n === 3 ? 'runOnceAsync' : 'runOnce', once, calls.at, n));
      const here = once.run(async () => {
        heap.add(calls.at, 1);
        return 4;
      });
      const values = await Promise.all([...threads.map((thread) => thread.result()), here]);
      assert.equal(calls.count, before + 1);
      assert.ok(
        values.every((value) => value === values[0]),
        String(values),
      );
      assert.equal(once.statistics().waiting, 0);
    }
    calls.free();
  },
  { timeout: 60_000 },
);

check(
  'when the runner dies another one runs, blocking or not',
  async () => {
    for (let round = 0; round < rounds(6, 150); round++) {
      const once = new Once<string>();
      const [inside, open] = [new Event(), new Event()];
      await using dead = start(round % 2 === 0 ? 'runSlowly' : 'runSlowlyAsync', once, inside, open, 'dead');
      await inside.wait();
      await using alive = start('runOnce', once, 0, 'alive');
      await alive.parked();
      const here = round % 3 === 0 ? once.run(() => 'here') : undefined;
      await dead.terminate();
      const value = await alive.result();
      assert.ok(value === 'alive' || (here && value === 'here'), String(value));
      if (here) assert.equal(await here, value);
      assert.equal(
        once.runSync(() => 'late'),
        value,
      );
    }
  },
  { timeout: 60_000 },
);

check('a thread that ends its isolate while a task of it runs the function has not run it', async () => {
  const once = new Once<string>();
  await using dead = start('runAndExit', once);
  await dead.ended;
  assert.equal(
    once.runSync(() => 'here', { timeout: 5000 }),
    'here',
  );
});

check(
  'threads killed at any instant: every once is run, and never twice to its end',
  async () => {
    const calls = counter();
    const onces = new Queue<Once<number>>();
    const count = rounds(40, 500);
    for (let round = 0; round < count; round++) {
      await using dead = start('runMany', onces, calls.at);
      await dead.running();
      const batch = Array.from({ length: 60 }, () => new Once<number>());
      await onces.putMany(batch);
      await until(() => dead.progress > (round * 37) % 50);
      const ended = dead.terminate();
      const values = await Promise.all(batch.map((once) => once.run(() => heap.add(calls.at, 1))));
      await ended;
      assert.equal(new Set(values).size, values.length, 'two of them ran in one call');
      assert.ok(batch.every((once) => once.done && once.statistics().waiting === 0));
      while (onces.tryGet() !== undefined);
    }
    // One for each, and at most one more for each that died inside.
    assert.ok(calls.count >= count * 60 && calls.count <= count * 61, `${calls.count} calls`);
    calls.free();
  },
  { timeout: 120_000 },
);

check('text, inspection, statistics, subclass', async () => {
  const once = new Once<number>();
  assert.match(String(once), /^<Once #[0-9a-f]+: not run>$/);
  assert.deepEqual(once.statistics(), { waiting: 0, done: false });
  once.runSync(() => {
    assert.match(inspect(once), new RegExp(`: run by ${heap.ident}>$`));
    return 1;
  });
  assert.match(String(once), /^<Once #[0-9a-f]+: done>$/);
  assert.deepEqual(once.statistics(), { waiting: 0, done: true });
  assert.equal(await start('textOf', once).result(), `Once ${once}`);
});

check('disposed while this thread runs it: the record stays until the outcome is there', async () => {
  for (const form of ['run', 'runSync'] as const) {
    const once = new Once<string>();
    const at = addressOf(once);
    const inside = (): string => {
      once[Symbol.dispose]();
      assert.equal(heap.load(at + BLOCK.COUNT), 1);
      return 'done';
    };
    assert.equal(await once[form](inside), 'done');
    assert.equal(heap.load(at + BLOCK.COUNT), 0);
  }
});
