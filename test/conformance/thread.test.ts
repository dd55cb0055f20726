/**
 * What CPython promises of `threading.Thread` and the functions beside it, a test a promise.
 *
 * differs: ThreadTests.test_old_threading_api — the camelCase names are the names here, so none is deprecated; getName, setDaemon and the like are properties only
 * differs: AtexitTests.test_atexit_after_shutdown — the end of a program is Node's own events, and a listener that is added while they run is not refused but not called
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { heap } from '../../src/memory/index.ts';
import { i32, Value } from '../../src/shared/index.ts';
import * as threading from '../../src/threading/index.ts';
import { currentThread, Event, enumerate, getIdent, mainThread, Semaphore, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { collected } from '../support/collected.ts';
import { until } from '../support/threads.ts';
import { type RunOptions, run } from '../threading/program.ts';
import * as targets from './fixtures/targets.ts';
import { resultsOf } from './fixtures/threads.ts';

const file = new URL('./fixtures/programs.ts', import.meta.url);
const SLOW = { timeout: 60_000 };

/** Runs a program that writes nothing on stderr and ends with 0; its lines. */
async function linesOf(name: string, options: RunOptions = {}): Promise<string[]> {
  const { lines, stderr, code } = await run(file, { ...options, args: [name] });
  assert.deepEqual({ stderr, code }, { stderr: '', code: 0 });
  return lines;
}

check('a name is kept, made text, or made up (ThreadTests.test_name)', () => {
  const { giveBack } = targets;
  assert.equal(new Thread({ name: 'myname1' }).name, 'myname1');
  assert.equal(new Thread({ name: 123 as never }).name, '123');
  assert.equal(new Thread({ target: giveBack, name: 'given' }).name, 'given');
  const number = (name: string): number => Number(/^Thread-(\d+)/.exec(name)![1]);
  const names = [{ name: '' }, {}, { target: giveBack }, { target: giveBack, name: '' }].map(
    (options) => new Thread(options).name,
  );
  assert.match(names[0], /^Thread-\d+$/);
  assert.match(names[1], /^Thread-\d+$/);
  assert.match(names[2], /^Thread-\d+ \(giveBack\)$/);
  assert.match(names[3], /^Thread-\d+ \(giveBack\)$/);
  assert.deepEqual(
    names.map(number),
    [0, 1, 2, 3].map((step) => number(names[0]) + step),
  );
});

check('args are spread, one level deep (ThreadTests.test_args_argument)', async () => {
  const args = async (...list: unknown[]) =>
    await new Thread({ target: targets.giveBack, args: list }).start().result();
  assert.deepEqual(await args('str'), ['str']);
  assert.deepEqual(await args([1]), [[1]]);
  assert.deepEqual(await args(1, [2, [3]]), [1, [2, [3]]]);
  assert.deepEqual(await args(), []);
});

check('other threads have an ident too (ThreadTests.test_ident_of_no_threading_threads) [adapted]', async () => {
  assert.equal(currentThread().ident, getIdent());
  const cell = new Int32Array(new SharedArrayBuffer(16));
  const worker = new Worker(new URL('./fixtures/raw-worker.ts', import.meta.url), {
    workerData: { what: 'ident', cell },
  });
  await once(worker, 'exit');
  assert.ok(cell[0] > 0);
  assert.deepEqual([...cell], [cell[1], cell[0], 1, 0]);
  assert.notEqual(cell[0], getIdent());
});

async function variousOps(stackSizeMb: number): Promise<void> {
  const [inside, most] = [new Value(i32, 0), new Value(i32, 0)];
  const threads = Array.from({ length: 10 }, (_, number) => {
    const args: [Semaphore, Value<number>, Value<number>] = [semaphore, inside, most];
    return new Thread({
      target: targets.workInTurn,
      args,
      name: `<thread ${number}>`,
      resourceLimits: { stackSizeMb },
    });
  });
  for (const thread of threads) {
    assert.equal(thread.ident, undefined);
    assert.match(String(thread), /^<Thread\(<thread \d>, initial\)>$/);
    thread.start();
    assert.ok(thread.ident! > 0);
  }
  assert.deepEqual(await resultsOf(threads), Array(10).fill(true));
  for (const thread of threads) assert.match(String(thread), /^<Thread\(<thread \d>, stopped \d+\)>$/);
  assert.ok(most.value >= 1 && most.value <= 3, `${most.value} inside at once`);
  assert.equal(inside.value, 0);
}
const semaphore = new Semaphore(3);

check('threads with the smallest stack work (ThreadTests.test_various_ops_small_stack) [adapted]', () =>
  // Node itself needs more than 256 KiB to start an isolate.
  variousOps(0.5),
);

check('threads with 1 MiB of stack work (ThreadTests.test_various_ops_large_stack) [adapted]', () => variousOps(1));

check(
  'a thread that does not come up is in no list (ThreadTests.test_limbo_cleanup)',
  async () => {
    const preload = new URL('../threading/fixtures/preload-breaks.mjs', import.meta.url).href;
    const { lines } = await run(file, { args: ['limbo'], nodeArgs: ['--import', preload] });
    assert.deepEqual(lines, ['WorkerCrashedError', 'false 1 false']);
  },
  SLOW,
);

check(
  'a thread that Node refuses leaves nothing, and the next start may succeed (ThreadTests.test_start_new_thread_failed)',
  async () => {
    assert.deepEqual(await linesOf('refused'), ['RuntimeError', 'false 1 false', 'true']);
  },
  SLOW,
);

check(
  'the process waits for a thread that is no daemon (ThreadTests.test_join_nondaemon_on_shutdown) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('joinNonDaemon'), ['main has ended', 'woke up, late of 2']);
  },
  SLOW,
);

check('after join a thread is not among the living (ThreadTests.test_enumerate_after_join)', () => {
  for (let round = 1; round < 100; round++) {
    const thread = new Thread().start();
    thread.joinSync();
    assert.equal(enumerate().includes(thread), false, `in round ${round}`);
  }
});

check('join gives up after its timeout, and the thread lives (ThreadTests.test_join_with_timeout)', async () => {
  const gate = new Event();
  const thread = new Thread({ target: targets.waitFor, args: [gate] }).start();
  assert.equal(thread.joinSync({ timeout: 10 }), false);
  assert.equal(await thread.join({ timeout: 10 }), false);
  assert.equal(thread.isAlive(), true);
  gate.set();
  assert.equal(thread.joinSync(), true);
  assert.equal(thread.isAlive(), false);
});

check(
  'a started thread lets go of target and args (ThreadTests.test_no_refcycle_through_target) [adapted]',
  async () => {
    const make = (end: (thread: Thread) => void): [Thread, WeakRef<object>] => {
      const held = { self: undefined as unknown };
      const thread = new Thread({ target: (_: object) => {}, args: [held] });
      end(thread as never);
      return [thread as never, new WeakRef(held)];
    };
    const [thread, args] = make((made) => void made.start().joinSync());
    assert.equal(await collected(() => args.deref() === undefined), true);
    assert.equal(thread.isAlive(), false);
  },
);

check('a thread is no daemon unless it is told (ThreadTests.test_daemon_param)', () => {
  assert.deepEqual(
    [{}, { daemon: false }, { daemon: true }].map((options) => new Thread(options).daemon),
    [false, false, true],
  );
});

check('the main thread is known everywhere (ThreadTests.test_main_thread)', async () => {
  assert.equal(mainThread().name, 'MainThread');
  assert.equal(mainThread().ident, getIdent());
  const { own, got, main, mainName } = await new Thread({ target: targets.idents }).start().result();
  assert.equal(own, got);
  assert.equal(main, getIdent());
  assert.notEqual(main, own);
  assert.equal(mainName, 'MainThread');
});

check(
  'at the end only the main thread is there (ThreadTests.test_main_thread_during_shutdown) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('atExit'), ['true MainThread MainThread']);
  },
  SLOW,
);

check('a function that counts as false is called (ThreadTests.test_boolean_target) [adapted]', async () => {
  const called = new Value(i32, 0);
  const target = Object.assign(() => called.addSync(1), { valueOf: () => 0, [Symbol.toPrimitive]: () => '' });
  await new Thread({ target }).start().result();
  assert.equal(called.value, 1);
  assert.equal(await new Thread({ target: undefined }).start().result(), undefined);
  // What is false and no function is refused, not taken for nothing.
  for (const none of [0, '', false, null]) assert.throws(() => new Thread({ target: none as never }), TypeError);
});

check('a thread that nobody joins leaves nothing (ThreadTests.test_leak_without_join)', async () => {
  const before = enumerate().length;
  const start = (): WeakRef<object> => new WeakRef(new Thread().start());
  const first = start();
  await until(() => enumerate().length === before);
  const bytes = heap.usedBytes();
  for (let round = 0; round < 100; round++) start();
  await until(() => enumerate().length === before);
  assert.equal(await collected(() => first.deref() === undefined), true);
  assert.ok(heap.usedBytes() - bytes <= 2 ** 20, `${heap.usedBytes() - bytes} bytes more`);
});

check(
  'the library may be loaded elsewhere first (ThreadTests.test_import_from_another_thread) [adapted]',
  async () => {
    const { stdout, stderr, code } = await run(new URL('./fixtures/import-elsewhere.ts', import.meta.url));
    assert.deepEqual({ stdout, stderr, code }, { stdout: '', stderr: '', code: 0 });
  },
  SLOW,
);

check(
  'a daemon that lives can not be joined at the end (ThreadTests.test_join_daemon_thread_in_finalization) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('joinLiveDaemon'), ['FinalizationError', 'FinalizationError', 'alive true']);
  },
  SLOW,
);

check(
  'one that has ended can (ThreadTests.test_join_finished_daemon_thread_in_finalization) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('joinEndedDaemon'), ['gave true']);
  },
  SLOW,
);

check(
  'joining the main thread waits for the end of its code (ThreadJoinOnShutdown.test_1_join_on_shutdown) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('joinMain'), ['end of main', 'end of thread']);
  },
  SLOW,
);

check(
  'forty daemons at work do not keep the process (ThreadJoinOnShutdown.test_4_daemon_threads) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('manyDaemons'), ['41']);
  },
  SLOW,
);

check(
  'a thread of a thread is waited for (ThreadJoinOnShutdown.test_thread_from_thread)',
  async () => {
    assert.deepEqual(await linesOf('threadFromThread'), ['OK']);
  },
  SLOW,
);

check(
  'what a worker does at its end comes before its threads’ end (SubinterpThreadingTests.test_threads_join_with_no_main) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('workerWithThreads'), ['main part', 'exit callback', 'thread end', 'joined true']);
  },
  SLOW,
);

check('a second start is a RuntimeError (ThreadingExceptionTests.test_start_thread_again)', async () => {
  const gate = new Event();
  const thread = new Thread({ target: targets.waitFor, args: [gate] }).start();
  assert.throws(() => thread.start(), { name: 'RuntimeError' });
  gate.set();
  await thread.join();
  assert.throws(() => thread.start(), { name: 'RuntimeError' });
});

check('joining oneself is a RuntimeError (ThreadingExceptionTests.test_joining_current_thread)', async () => {
  assert.throws(() => currentThread().joinSync(), { name: 'RuntimeError' });
  await assert.rejects(currentThread().join(), { name: 'RuntimeError' });
  assert.match(await new Thread({ target: targets.joinSelf }).start().result(), /^RuntimeError/);
});

check('daemon is set before the start (ThreadingExceptionTests.test_daemonize_active_thread)', async () => {
  const thread = new Thread().start();
  assert.throws(() => (thread.daemon = true), { name: 'RuntimeError' });
  await thread.join();
  assert.throws(() => (thread.daemon = true), { name: 'RuntimeError' });
});

check('a call without end is an error that can be caught (ThreadingExceptionTests.test_recursion_limit)', async () => {
  assert.ok((await new Thread({ target: targets.depth }).start().result()) > 1000);
  threading.setExceptHook(() => {});
  try {
    await assert.rejects(new Thread({ target: targets.overflow }).start().result(), RangeError);
  } finally {
    threading.setExceptHook(undefined);
  }
});

check(
  'an error is printed, and the process goes on (ThreadingExceptionTests.test_print_exception) [adapted]',
  async () => {
    const { lines, stderr, code } = await run(file, { args: ['printException'] });
    assert.deepEqual({ lines, code }, { lines: ['main goes on'], code: 0 });
    assert.match(stderr, /^Exception in thread unlucky.*\nRangeError: run failed\n {4}at fail /);
    assert.doesNotMatch(stderr, /[Uu]nhandled|Uncaught/);
  },
  SLOW,
);

check(
  'without a stderr nothing is printed and nothing fails (ThreadingExceptionTests.test_print_exception_stderr_is_none_2) [adapted]',
  async () => {
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const words = ['-c', 'exec "$0" "$@" 2>&-', process.execPath, fileURLToPath(file), 'printException'];
    const { stdout } = await promisify(execFile)('sh', words, { env });
    assert.equal(stdout, 'main goes on\n');
  },
  { ...SLOW, skip: process.platform === 'win32' && 'needs a shell that closes descriptors' },
);

check(
  'a thread object of another’s thread costs nothing at the end (ThreadingExceptionTests.test_dummy_thread_on_interpreter_shutdown) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('dummy'), []);
  },
  SLOW,
);

check(
  'the default hook names thread, error and place (ExceptHookTests.test_excepthook) [adapted]',
  async () => {
    const { stderr } = await run(file, { args: ['printException'] });
    const [first, second, third] = stderr.split('\n');
    assert.match(first, /^Exception in thread unlucky, target fail \(.*programs\.ts:\d+:\d+\):$/);
    assert.equal(second, 'RangeError: run failed');
    assert.match(third, /^ {4}at fail \(.*programs\.ts:\d+:\d+\)$/);
  },
  SLOW,
);

check(
  'process.exit() ends a thread without a word (ExceptHookTests.test_system_exit)',
  async () => {
    assert.deepEqual(await linesOf('quit'), ['main goes on']);
  },
  SLOW,
);

check(
  'a hook of one’s own is told error and thread (ExceptHookTests.test_custom_excepthook) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('hook'), ['RangeError|run failed|true|unlucky|true|target fail']);
  },
  SLOW,
);

check(
  'an error in the hook is reported, with the first (ExceptHookTests.test_custom_excepthook_fail) [adapted]',
  async () => {
    const { lines, stderr, code } = await run(file, { args: ['brokenHook'] });
    assert.deepEqual({ lines, code }, { lines: ['main goes on'], code: 0 });
    assert.match(
      stderr,
      /^The except hook failed:\nTypeError: the hook failed[\s\S]*Exception in thread unlucky[\s\S]*run failed/,
    );
  },
  SLOW,
);

/** `threading.__all__` of Python 3.14, by the names that they have here; what is not here, and why. */
const NAMES: Record<string, string> = {
  get_ident: 'getIdent',
  active_count: 'activeCount',
  Condition: 'Condition',
  current_thread: 'currentThread',
  enumerate: 'enumerate',
  main_thread: 'mainThread',
  Event: 'Event',
  Lock: 'Lock',
  RLock: 'RLock',
  Semaphore: 'Semaphore',
  BoundedSemaphore: 'BoundedSemaphore',
  Thread: 'Thread',
  Barrier: 'Barrier',
  BrokenBarrierError: 'BrokenBarrierError',
  Timer: 'Timer',
  ThreadError: 'RuntimeError', // its alias there too
  local: 'ThreadLocal',
  excepthook: 'setExceptHook', // a setter, since the hook crosses to all threads
  get_native_id: 'getNativeId',
};

check('every name of Python’s module has its own here (MiscTestCase.test__all__) [adapted]', () => {
  // Not here: TIMEOUT_MAX (any number is allowed), stack_size (resourceLimits), tracing (V8 has none), ExceptHookArgs (a type).
  for (const [theirs, ours] of Object.entries(NAMES)) {
    assert.equal(typeof (threading as Record<string, unknown>)[ours], 'function', `${theirs} should be ${ours}`);
  }
  for (const name of Object.keys(threading)) assert.doesNotMatch(name, /^_/);
});

const kernelNames = {
  skip: process.platform !== 'linux' && 'only on Linux can a process read its threads’ names',
};
const kernelName = (thread: Thread<never>): string =>
  readFileSync(`/proc/self/task/${thread.nativeId}/comm`, 'utf8').slice(0, -1);

check(
  'the kernel knows the thread’s name, as far as it fits (MiscTestCase.test_set_name) [adapted]',
  async () => {
    const gate = new Event();
    for (const [name, fits] of [
      ['short', 'short'],
      ['x'.repeat(30), 'x'.repeat(15)],
      // Four bytes each: three whole ones fit.
      ['🧵'.repeat(5), '🧵'.repeat(3)],
      ['cut\0off', 'cut'],
      ['lone\ud800', 'lone\ufffd'],
    ]) {
      const thread = new Thread({ target: targets.waitFor, args: [gate], name }).start();
      assert.equal(thread.name, name);
      assert.equal(kernelName(thread as never), fits);
    }
    gate.set();
  },
  kernelNames,
);

check(
  'and its new name when it changes (MiscTestCase.test_change_name) [adapted]',
  async () => {
    const gate = new Event();
    const thread = new Thread({ target: targets.waitFor, args: [gate], name: 'before' }).start();
    thread.name = 'after';
    assert.equal(kernelName(thread as never), 'after');
    gate.set();
    await thread.join();
  },
  kernelNames,
);

check(
  'what is to be done at the end is done before threads are waited for (AtexitTests.test_atexit_output) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('registered'), ['main ended', 'at exit, the thread is alive', 'thread ended']);
  },
  SLOW,
);

check(
  'and once only, also after an early exit (AtexitTests.test_atexit_called_once) [adapted]',
  async () => {
    assert.deepEqual(await linesOf('exitEarly'), ['at exit']);
  },
  SLOW,
);
