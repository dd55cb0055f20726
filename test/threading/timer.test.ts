/** Timers: when they fire, that they can be cancelled, that they are threads. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { i32, Value } from '../../src/shared/index.ts';
import { currentThread, Event, enumerate, setExceptHook, Thread, Timer } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { run } from './program.ts';

const sum = (a: number, b: number): number => a + b;
const forever = 3_600_000;

/** As Python programs often do: a timer that repeats itself. */
class Metronome extends Timer<[Value<number>]> {
  beats = 3;

  protected override run(): undefined {
    for (let beat = 0; beat < this.beats; beat++) {
      if (this.finished.waitSync({ timeout: this.interval })) return;
      this.function!(...this.args!);
    }
    this.finished.set();
  }
}

describe('Timer', () => {
  check('calls the function with its arguments after the interval, in a thread of its own', async () => {
    await new Thread({ target: sum, args: [1, 2] }).start().join();
    const where = (answer: number): [number, string, number | undefined] => [
      answer,
      currentThread().name,
      currentThread().nativeId,
    ];
    const timer = new Timer(60, where, [42], { name: 'late' });
    assert.match(String(timer), /^<Timer\(late, initial\)>$/);
    assert.equal(timer.interval, 60);
    assert.equal(timer.function, where);
    assert.equal(timer.finished.isSet(), false);
    const start = performance.now();
    timer.start();
    const [answer, name, tid] = (await timer.result())!;
    const took = performance.now() - start;
    assert.ok(took >= 59 && took < 10_000, `took ${took} ms`);
    assert.deepEqual([answer, name, tid], [42, 'late', timer.nativeId]);
    assert.equal(timer.finished.isSet(), true);
    assert.equal(timer.isAlive(), false);
  });

  check('fires while the event loop of its starter is blocked', () => {
    const fired = new Event();
    const timer = new Timer(20, (event: Event) => event.set(), [fired]).start();
    assert.equal(fired.waitSync({ timeout: 10_000 }), true);
    assert.equal(timer.joinSync(), true);
  });

  check('an asynchronous function is awaited', async () => {
    const gate = new Event();
    const timer = new Timer(
      0,
      async (open: Event) => {
        await open.wait();
        return 'done';
      },
      [gate],
    ).start();
    await until(() => gate.statistics().waiting === 1);
    assert.equal(timer.isAlive(), true);
    gate.set();
    assert.equal(await timer.result(), 'done');
    assert.equal(timer.finished.isSet(), true);
  });

  check('a cancelled one ends at once, without calling; result() is undefined', async () => {
    const calls = new Value(i32, 0);
    const timer = new Timer(forever, (count: Value<number>) => count.addSync(1), [calls]).start();
    const start = performance.now();
    timer.cancel();
    assert.equal(timer.joinSync(), true);
    assert.ok(performance.now() - start < 2_000);
    assert.equal(await timer.result(), undefined);
    assert.equal(calls.value, 0);
    timer.cancel();
  });

  check('cancelled before the start: it never calls', async () => {
    const timer = new Timer(0, () => 'called');
    timer.cancel();
    assert.equal(await timer.start().result(), undefined);
  });

  check('cancelled from another thread, where it arrives as a Timer', async () => {
    const timer = new Timer(forever, () => 'called').start();
    const cancel = (given: Timer): [string, number] => {
      given.cancel();
      return [given.constructor.name, given.interval];
    };
    const thread = new Thread({ target: cancel, args: [timer as never] }).start();
    assert.deepEqual(await thread.result(), ['Timer', forever]);
    assert.equal(timer.joinSync(), true);
    assert.ok(enumerate().every((other) => !(other instanceof Timer)));
  });

  check('cancel() has no effect once the function runs', async () => {
    const [runs, go] = [new Event(), new Event()];
    const timer = new Timer(
      0,
      (began: Event, end: Event) => {
        began.set();
        end.waitSync();
        return 'to its end';
      },
      [runs, go],
    ).start();
    runs.waitSync();
    timer.cancel();
    go.set();
    assert.equal(await timer.result(), 'to its end');
  });

  check('an error of the function is an error of the thread', async () => {
    const timer = new Timer(
      0,
      (message: string) => {
        if (message) throw new TypeError(message);
      },
      ['the spring broke'],
    );
    setExceptHook(() => {});
    try {
      await assert.rejects(timer.start().result(), { name: 'TypeError', message: 'the spring broke' });
    } finally {
      setExceptHook(undefined);
    }
  });

  check('a subclass that repeats, with its own fields, interval, function and arguments', async () => {
    const calls = new Value(i32, 0);
    const metronome = new Metronome(2, (count) => count.addSync(1), [calls]);
    metronome.beats = 5;
    assert.equal(await metronome.start().result(), undefined);
    assert.equal(calls.value, 5);
    const endless = new Metronome(1, (count) => count.addSync(1), [calls]);
    endless.beats = Infinity;
    endless.start();
    await until(() => calls.value > 8);
    endless.cancel();
    assert.equal(await endless.join({ timeout: 10_000 }), true);
  });

  check('daemon can be set, as an option and before the start only', async () => {
    const timer = new Timer(forever, () => {}, undefined, { daemon: true });
    assert.equal(timer.daemon, true);
    timer.daemon = false;
    timer.start();
    assert.throws(() => (timer.daemon = true), {
      name: 'RuntimeError',
      message: /^daemon of <Timer\(Thread-\d+, started \d+\)> can't be changed any more: set it before start\(\)\.$/,
    });
    timer.cancel();
    await timer.join();
  });

  check('many at once: each fires, and none before its time', async () => {
    const now = (): number => performance.timeOrigin + performance.now();
    const timers = Array.from({ length: 12 }, (_, index) => new Timer((index * 37) % 200, now));
    const due = timers.map((timer) => {
      const started = now();
      return timer.start().interval + started;
    });
    const fired = await Promise.all(timers.map((timer) => timer.result()));
    // The clocks of two threads agree to a fraction of a millisecond.
    for (const [index, at] of fired.entries()) assert.ok(at! >= due[index] - 2, `${at} is before ${due[index]}`);
  });

  check('cancelled in the very moment in which they fire: called or not, they end', async () => {
    const calls = new Value(i32, 0);
    let called = 0;
    for (let round = rounds(30, 3_000); round > 0; round--) {
      const timer = new Timer(round % 3, (count: Value<number>) => count.addSync(1), [calls]).start();
      // In each second round not before it is due.
      const due = performance.now() + timer.interval;
      while (round % 2 === 0 && performance.now() < due);
      timer.cancel();
      assert.equal(timer.joinSync({ timeout: 10_000 }), true);
      if ((await timer.result()) !== undefined) called++;
    }
    assert.equal(calls.value, called);
  });

  check('misuse', () => {
    for (const interval of [-1, Number.NaN, '5', undefined]) {
      assert.throws(() => new Timer(interval as never, sum), {
        name: 'RangeError',
        message: `new Timer(${String(interval)}, …): give milliseconds, 0 or more.`,
      });
    }
    assert.throws(() => new Timer(5, 'sum' as never), {
      name: 'TypeError',
      message: 'new Timer(5, string): give the function to call, and its arguments behind it.',
    });
    assert.throws(() => new Timer(5, sum, 1 as never), {
      name: 'TypeError',
      message: 'new Timer: args is not an array: one argument is written new Timer(ms, fn, [value]).',
    });
    const timer = new Timer(0, sum, [1, 2]).start();
    timer.joinSync();
    assert.throws(() => timer.start(), { name: 'RuntimeError', message: /was started before/ });
  });

  check(
    'the process stays for a timer, and not for one that is a daemon',
    async () => {
      const fixture = new URL('./fixtures/timers.ts', import.meta.url);
      const { lines, code, stderr } = await run(fixture);
      assert.deepEqual({ lines, code, stderr }, { lines: ['main has ended', 'fired'], code: 0, stderr: '' });
    },
    { timeout: 60_000 },
  );
});
