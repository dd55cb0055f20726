/** A thread from start to end: state, names, idents, waiting for it, its value. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe } from 'node:test';
import {
  activeCount,
  currentThread,
  Event,
  enumerate,
  getIdent,
  getNativeId,
  mainThread,
  RuntimeError,
  setExceptHook,
  sleep,
  sleepSync,
  Thread,
} from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { aboveBase } from './fixtures/awaits.mts';
import {
  Accumulator,
  add,
  addLater,
  Countdown,
  daemonOfChild,
  makeThread,
  onlySignal,
  renameMe,
  Summing,
  sayAndWait,
  signalState,
  sleepUntilInterrupted,
  startAndLeave,
  startInner,
  untilInterrupted,
  useClass,
  waitFor,
  waitForAsync,
  waitForJoin,
  whoAmI,
} from './fixtures/targets.ts';

const linux = process.platform === 'linux';

describe('start, join, result', () => {
  check('a thread runs its target, and result() gives the value, as often as asked', async () => {
    const thread = new Thread({ target: add, args: [20, 22] });
    assert.equal(thread.isAlive(), false);
    assert.equal(thread.start(), thread);
    assert.equal(await thread.result(), 42);
    assert.equal(await thread.result(), 42);
    assert.equal(thread.isAlive(), false);
    assert.equal(await new Thread({ target: addLater, args: [1, 2] }).start().result(), 3);
  });

  check('without a target a thread ends at once, with undefined', async () => {
    assert.equal(await new Thread().start().result(), undefined);
  });

  check('start() returns when the thread runs; a second start is a RuntimeError, also after its end', async () => {
    const gate = new Event();
    const thread = new Thread({ target: waitFor, args: [gate], name: 'gated' }).start();
    assert.equal(thread.isAlive(), true);
    assert.ok(thread.ident! > 0);
    const again = { name: 'RuntimeError', code: 'TELAIO_RUNTIME', message: /gated.*started before.*new Thread/ };
    assert.throws(() => thread.start(), again);
    gate.set();
    assert.equal(await thread.result(), 'went through');
    assert.throws(() => thread.start(), again);
  });

  check('join and joinSync: false after the timeout, true after the end, never the error', async () => {
    const gate = new Event();
    const thread = new Thread({ target: waitFor, args: [gate] }).start();
    assert.equal(await thread.join({ timeout: 10 }), false);
    assert.equal(thread.joinSync({ timeout: 10 }), false);
    assert.equal(thread.joinSync({ timeout: 0 }), false);
    const abort = new AbortController();
    const joined = thread.join({ signal: abort.signal });
    abort.abort('enough');
    await assert.rejects(joined, (error) => error === 'enough');
    gate.set();
    assert.equal(thread.joinSync(), true);
    assert.equal(thread.joinSync({ timeout: 0 }), true);
    assert.equal(await thread.join(), true);
    assert.equal(await thread.join({ timeout: 0 }), true);
  });

  check('a negative or NaN timeout is a RangeError, before and after the end', async () => {
    const thread = new Thread({ target: add, args: [1, 1] }).start();
    for (let round = 0; round < 2; round++) {
      for (const timeout of [-1, Number.NaN, -Infinity]) {
        assert.throws(() => thread.joinSync({ timeout }), RangeError);
        await assert.rejects(thread.join({ timeout }), RangeError);
      }
      await thread.join();
    }
    await assert.rejects(sleep(-1), RangeError);
    assert.throws(() => sleepSync(Number.NaN), RangeError);
  });

  check('joining before start, and joining oneself, is a RuntimeError', async () => {
    const thread = new Thread({ target: add, args: [1, 1], name: 'not yet' });
    const early = { name: 'RuntimeError', message: /not yet.*before it is started.*start\(\)/ };
    assert.throws(() => thread.joinSync(), early);
    await assert.rejects(thread.join(), early);
    await assert.rejects(thread.result(), early);
    const self = { name: 'RuntimeError', message: /MainThread.*can't join itself/ };
    assert.throws(() => currentThread().joinSync(), self);
    await assert.rejects(currentThread().join(), self);
    // Nobody waited for a thread that was not started: disposing it does nothing.
    await thread[Symbol.asyncDispose]();
  });

  check('await using joins', async () => {
    const gate = new Event();
    let thread: Thread<[Event], string>;
    {
      await using inner = new Thread({ target: waitFor, args: [gate] }).start();
      thread = inner;
      setImmediate(() => gate.set());
    }
    assert.equal(thread.isAlive(), false);
  });

  check('many joiners, blocking and not, all hear of the end', async () => {
    const gate = new Event();
    const thread = new Thread({ target: waitForAsync, args: [gate] }).start();
    const joiners = Array.from({ length: 5 }, () =>
      new Thread({ target: waitForJoin, args: [thread as never] }).start(),
    );
    const joins = Array.from({ length: 20 }, () => thread.join());
    gate.set();
    assert.deepEqual(new Set(await Promise.all(joins)), new Set([true]));
    for (const joiner of joiners) assert.equal(await joiner.result(), true);
  });
});

describe('who is who', () => {
  check('inside, currentThread() is the thread: name, ident, kernel id, and it is among enumerate()', async () => {
    const thread = new Thread({ target: whoAmI, name: 'introspective' }).start();
    const seen = await thread.result();
    assert.equal(seen.name, 'introspective');
    assert.equal(seen.ident, thread.ident);
    assert.equal(seen.getIdent, thread.ident);
    assert.notEqual(thread.ident, getIdent());
    assert.equal(seen.nativeId, thread.nativeId);
    assert.equal(seen.getNativeId, thread.nativeId);
    assert.equal(seen.alive, true);
    assert.equal(seen.same, true);
    assert.equal(seen.main, 'MainThread');
    assert.ok((seen.names as string[]).includes('introspective') && (seen.names as string[]).includes('MainThread'));
    if (linux) {
      assert.equal(seen.kernel, thread.nativeId);
      assert.notEqual(thread.nativeId, process.pid);
    }
  });

  check('nativeId is a thread of this process while it runs', async () => {
    if (!linux) return;
    const gate = new Event();
    const threads = Array.from({ length: 3 }, () => new Thread({ target: waitFor, args: [gate] }).start());
    for (const { nativeId } of threads) assert.ok(existsSync(`/proc/self/task/${nativeId}`));
    assert.equal(new Set(threads.map(({ nativeId }) => nativeId)).size, 3);
    assert.equal(getNativeId(), process.pid);
    gate.set();
    for (const thread of threads) await thread.join();
  });

  check('mainThread, currentThread, enumerate, activeCount', async () => {
    assert.equal(currentThread(), mainThread());
    assert.equal(mainThread().name, 'MainThread');
    assert.equal(mainThread().ident, getIdent());
    assert.equal(mainThread().isAlive(), true);
    assert.equal(mainThread().daemon, false);
    const before = activeCount();
    const gate = new Event();
    const thread = new Thread({ target: waitFor, args: [gate] });
    assert.equal(enumerate().includes(thread as never), false);
    thread.start();
    assert.equal(activeCount(), before + 1);
    assert.ok(enumerate().includes(thread as never), 'the very object that was started');
    gate.set();
    await thread.join();
    assert.equal(activeCount(), before);
    assert.equal(enumerate().includes(thread as never), false);
  });

  check('names: numbered with the target, given, changed from both sides', async () => {
    assert.match(new Thread({ target: add, args: [1, 2] }).name, /^Thread-\d+ \(add\)$/);
    assert.match(new Thread().name, /^Thread-\d+$/);
    const [renamed, gate] = [new Event(), new Event()];
    const thread = new Thread({ target: renameMe, args: ['inner ✓', renamed, gate], name: 'outer' });
    assert.equal(thread.name, 'outer');
    thread.start();
    renamed.waitSync();
    assert.equal(thread.name, 'inner ✓');
    thread.name = 'from outside';
    gate.set();
    assert.equal(await thread.result(), 'from outside');
    assert.match(String(thread), /^<Thread\(from outside, stopped \d+\)>$/);
  });

  check('daemon: given, changed before start only, inherited', async () => {
    const thread = new Thread({ target: whoAmI, daemon: true });
    assert.equal(thread.daemon, true);
    thread.daemon = false;
    assert.equal(thread.daemon, false);
    thread.daemon = true;
    thread.start();
    assert.throws(() => (thread.daemon = false), { name: 'RuntimeError', message: /daemon of .*before start\(\)/ });
    assert.equal((await thread.result()).daemon, true);
    const inherits = new Thread({ target: daemonOfChild, daemon: true }).start();
    assert.deepEqual(await inherits.result(), [true, false]);
  });
});

describe('interrupt', () => {
  check('aborts currentThread().signal inside, with the reason', async () => {
    const ready = new Event();
    const thread = new Thread({ target: untilInterrupted, args: [ready] }).start();
    ready.waitSync();
    thread.interrupt({ why: 'lunch' });
    // The first reason stays.
    thread.interrupt('later');
    assert.deepEqual(await thread.result(), { why: 'lunch' });
  });

  check('without a reason it is an AbortError that names the thread; a sleep in it ends', async () => {
    const ready = new Event();
    const thread = new Thread({ target: sleepUntilInterrupted, args: [ready], name: 'sleeper' }).start();
    ready.waitSync();
    thread.interrupt();
    const reason = (await thread.result()) as DOMException;
    assert.equal(reason.name, 'AbortError');
    assert.match(reason.message, /sleeper was interrupted/);
  });

  check(
    'before start it is there from the beginning; the next thread of the isolate has a signal of its own',
    async () => {
      const thread = new Thread({ target: signalState });
      thread.interrupt('early');
      assert.deepEqual(await thread.start().result(), { aborted: true, reason: 'early' });
      assert.deepEqual(await new Thread({ target: signalState }).start().result(), {
        aborted: false,
        reason: undefined,
      });
    },
  );

  check(
    'a target that waits for nothing but its signal waits; one that goes on waiting after it is told so',
    async () => {
      const [ready, again] = [new Event(), new Event()];
      const thread = new Thread({ target: onlySignal, args: [ready, false], daemon: true }).start();
      const stubborn = new Thread({ target: onlySignal, args: [again, true], daemon: true }).start();
      await Promise.all([ready.wait(), again.wait()]);
      assert.equal(await thread.join({ timeout: 50 }), false);
      setExceptHook(() => {});
      thread.interrupt('go');
      stubborn.interrupt('go');
      assert.equal(await thread.result(), 'go');
      await assert.rejects(stubborn.result(), {
        name: 'RuntimeError',
        message: /that nothing in its event loop will ever/,
      });
      setExceptHook(undefined);
    },
  );

  check('of a thread that has ended it does nothing; the signal of another thread is refused', async () => {
    const thread = new Thread({ target: add, args: [1, 2] }).start();
    await thread.join();
    thread.interrupt();
    assert.equal(await thread.result(), 3);
    assert.throws(() => thread.signal, { name: 'RuntimeError', message: /only be had inside it/ });
    assert.equal(currentThread().signal.aborted, false);
  });
});

describe('what a thread can run', () => {
  check('closures with what they capture, inline arrows, methods, classes, async functions', async () => {
    const captured = { factor: 3 };
    assert.equal(await new Thread({ target: (n: number) => n * captured.factor, args: [5] }).start().result(), 15);
    assert.equal(await new Thread({ target: async () => [1, 2].length }).start().result(), 2);
    assert.equal(await new Thread({ target: useClass, args: [Accumulator, 21] }).start().result(), 42);
    const event = new Event();
    const target = (running: Event, gate: Event): string => sayAndWait(running, gate);
    const thread = new Thread({ target, args: [event, event] }).start();
    assert.equal(await thread.result(), 'went through');
  });

  check('a function of a module with top-level await', async () => {
    assert.equal(await new Thread({ target: aboveBase, args: [5] }).start().result(), 105);
  });

  check('run() of a subclass, with its own properties', async () => {
    const summing = new Summing([1, 2, 3]);
    assert.equal(summing.name, 'summing');
    assert.equal(await summing.start().result(), 7);
    assert.deepEqual(summing.log, [], 'its own properties travel by copy');
    assert.deepEqual(await new Countdown().start().result(), [3, 2, 1]);
  });

  check('what cannot be copied is refused by start with its path, and the thread can be started later', () => {
    const args: unknown[] = [1, { a: { socket: new WeakMap() } }];
    const thread = new Thread({ target: add as never, args: args as never });
    assert.throws(() => thread.start(), {
      name: 'CloneError',
      code: 'TELAIO_CLONE',
      message: /^args\[1\]\.a\.socket can't be copied to another thread: a WeakMap/,
    });
    assert.equal(thread.isAlive(), false);
    args[1] = 2;
    assert.equal(thread.start().joinSync(), true);
  });

  check('an argument that is a shared object is the same object; anything else a copy', async () => {
    const [running, gate] = [new Event(), new Event()];
    const thread = new Thread({ target: sayAndWait, args: [running, gate] }).start();
    assert.equal(running.waitSync({ timeout: 5000 }), true);
    gate.set();
    await thread.join();
  });
});

describe('threads from threads', () => {
  check('a thread starts another and has its result', async () => {
    assert.equal(await new Thread({ target: startInner }).start().result(), 42);
  });

  check('a thread outlives the one that started it', async () => {
    const gate = new Event();
    const starter = new Thread({ target: startAndLeave, args: [gate, 'orphan'] }).start();
    await starter.join();
    const orphan = enumerate().find(({ name }) => name === 'orphan')!;
    assert.equal(orphan.isAlive(), true);
    gate.set();
    assert.equal(await orphan.result(), 'went through');
    await until(() => !enumerate().some(({ name }) => name === 'orphan'));
  });

  check('a thread object that came from elsewhere can be joined, not started', async () => {
    const made = await new Thread({ target: makeThread }).start().result();
    assert.throws(() => made.start(), RuntimeError);
  });
});
