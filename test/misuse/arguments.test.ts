/**
 * Wrong arguments: every call of every public class below the executors says what is wrong with them, by the name of
 * the call, what was given and how it is written; and leaves nothing waiting, held or changed.
 */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { LifoQueue, PriorityQueue, Queue, SimpleQueue } from '../../src/queue/index.ts';
import { Atomic, i32, SharedArray, SharedList, SharedMap, Value } from '../../src/shared/index.ts';
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  CountDownLatch,
  Event,
  Lock,
  Once,
  RLock,
  RWLock,
  Semaphore,
  sleep,
  sleepSync,
  Thread,
  Timer,
} from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { turns } from '../support/threads.ts';

// biome-ignore lint/suspicious/noExplicitAny: what is wrong has no type
type Any = any;
type Row = { title: string; call: () => unknown; error: typeof TypeError | typeof RangeError; message: RegExp[] };

/** Throws, or rejects; a call that returns a promise must not throw instead. */
async function assertRefused({ title, call, error, message }: Row, promises: boolean): Promise<void> {
  let outcome: unknown;
  let thrown = false;
  try {
    outcome = call();
  } catch (reason) {
    outcome = reason;
    thrown = true;
  }
  if (promises && !thrown) {
    const late = turns(20).then(() => 'still waiting');
    outcome = await Promise.race([outcome, late]).catch((reason) => reason);
  }
  assert.equal(thrown, !promises, `${title}: ${String(outcome)}`);
  assert.ok(outcome instanceof error, `${title}: ${String(outcome)}`);
  // The platform's own words for a mistake in our code are none for one in the user's.
  assert.doesNotMatch(outcome.message, /Cannot (read|convert)|is not a function$|undefined \(reading/, title);
  for (const pattern of message) assert.match(outcome.message, pattern, title);
}

type Call = {
  /** The class, and the call as it is written. */
  name: string;
  /** In a state in which the call would wait, if it were allowed to. */
  make: () => Any;
  call: (object: Any, options: unknown) => unknown;
  /** What else it knows, before the options of every wait. */
  more?: string;
};

/** Each in a state in which its calls would wait. */
const makes = {
  Lock: () => taken(new Lock()),
  RLock: () => new RLock(),
  Condition: () => taken(new Condition()),
  Semaphore: () => new Semaphore(0),
  BoundedSemaphore: () => new BoundedSemaphore(0),
  RWLock: () => new RWLock(),
  Event: () => new Event(),
  CountDownLatch: () => new CountDownLatch(1),
  Barrier: () => new Barrier(2),
  Once: () => new Once(),
  Thread: () => new Thread({ target: () => {} }),
  Queue: () => new Queue(),
  Full: () => full(new Queue(1)),
  LifoQueue: () => full(new LifoQueue(1)),
  PriorityQueue: () => full(new PriorityQueue(1)),
  SimpleQueue: () => new SimpleQueue(),
};
function taken<T extends { acquireSync(): unknown }>(lock: T): T {
  lock.acquireSync();
  return lock;
}
function full<Q extends Queue<unknown>>(queue: Q): Q {
  queue.putSync(1);
  return queue;
}

const plain = (kind: keyof typeof makes, ...methods: string[]): Call[] =>
  methods.map((method) => ({
    name: `${makes[kind]().constructor.name}.${method}`,
    make: makes[kind],
    call: (object, options) => object[method](options),
  }));
const after = (kind: keyof typeof makes, first: unknown, methods: string[], more?: string): Call[] =>
  methods.map((method) => ({
    name: `${makes[kind]().constructor.name}.${method}`,
    make: makes[kind],
    call: (object, options) => object[method](first, options),
    more,
  }));

const calls: Call[] = [
  ...plain('Lock', 'acquire', 'acquireSync'),
  ...plain('RLock', 'acquire', 'acquireSync'),
  ...plain('Semaphore', 'acquire', 'acquireSync'),
  ...plain('BoundedSemaphore', 'acquire', 'acquireSync'),
  ...plain('RWLock', 'read', 'readSync', 'write', 'writeSync'),
  ...plain('Condition', 'wait', 'waitSync'),
  ...after('Condition', () => false, ['waitFor', 'waitForSync']),
  ...plain('Event', 'wait', 'waitSync'),
  ...plain('CountDownLatch', 'wait', 'waitSync'),
  ...plain('Barrier', 'wait', 'waitSync'),
  ...after('Once', () => 1, ['run', 'runSync']),
  ...plain('Thread', 'join', 'joinSync'),
  ...plain('Queue', 'get', 'getSync'),
  ...after('Queue', 3, ['getMany', 'getManySync']),
  ...plain('SimpleQueue', 'get', 'getSync'),
  ...after('SimpleQueue', 3, ['getMany', 'getManySync']),
  ...after('SimpleQueue', 1, ['put', 'putSync']),
  ...after('Full', 1, ['put', 'putSync']),
  ...after('Full', [1], ['putMany', 'putManySync']),
  ...plain('Full', 'join', 'joinSync'),
  ...after('LifoQueue', 1, ['put', 'putSync']),
  ...after('LifoQueue', [1], ['putMany', 'putManySync']),
  ...after('PriorityQueue', 1, ['put', 'putSync'], 'priority'),
  ...after('PriorityQueue', [1], ['putMany', 'putManySync'], 'priority'),
];

/** What an object says of itself: who waits, who holds, what is in. */
const stateOf = (object: Any): string => `${String(object)} ${JSON.stringify(object.statistics?.() ?? {})}`;

const { signal } = new AbortController();

/** What is wrong with options, and what is said of it. */
function wrongOptions({ name, more }: Call): [given: unknown, error: typeof TypeError, ...message: RegExp[]][] {
  const method = name.split('.')[1];
  const sync = name.endsWith('Sync');
  const first = more ?? 'timeout';
  const none = (shown: string, written: string): RegExp[] => [
    new RegExp(
      `\\.${method}\\((\\w+, )?${shown}\\): give an object of options, as in ${method}\\(.*\\{ ${written} \\}\\)`,
    ),
  ];
  const unknown = new RegExp(`^\\w+ is no option of ${name.replace('.', '\\.')}\\(\\)`);
  const rows: [unknown, typeof TypeError, ...RegExp[]][] = [
    [50, TypeError, ...none('50', `${first}: 50`)],
    [null, TypeError, ...none('null', `${first}: \\d+`)],
    [false, TypeError, ...none('false', `${first}: \\d+`)],
    ['5', TypeError, ...none("'5'", `${first}: \\d+`)],
    [() => 5, TypeError, ...none('\\[Function.*\\]', `${first}: \\d+`)],
    [[50], TypeError, ...none('\\[ 50 \\]', `${first}: \\d+`)],
    [new Map(), TypeError, ...none('Map.*', `${first}: \\d+`)],
    [new Event(), TypeError, ...none('<Event.*>', `${first}: \\d+`)],
    [{ timeot: 5 }, TypeError, unknown, /; did you mean timeout\?$/],
    [{ tiemout: 5 }, TypeError, unknown, /; did you mean timeout\?$/],
    [{ TIMEOUT: 5 }, TypeError, unknown, /; did you mean timeout\?$/],
    [{ blocking: false }, TypeError, unknown, /, which knows (priority, )?timeout/],
    [{ timeout: '5' }, RangeError as never, /^timeout is '5': give milliseconds/, new RegExp(name.replace('.', '\\.'))],
    [{ timeout: -1 }, RangeError as never, /^timeout is -1: give milliseconds/, new RegExp(name.replace('.', '\\.'))],
    [{ timeout: Number.NaN }, RangeError as never, /^timeout is NaN: /],
    [{ timeout: null }, RangeError as never, /^timeout is null: /],
    [{ timeout: {} }, RangeError as never, /^timeout is \{\}: /],
  ];
  if (!more) rows.push([{ priority: 1 }, TypeError, unknown, /a PriorityQueue takes one/]);
  if (sync) {
    rows.push([{ signal }, TypeError, /^signal is no option of/, new RegExp(`Take ${name.slice(0, -4)}\\(\\)`)]);
  } else {
    rows.push([signal, TypeError, ...none('AbortSignal.*', 'signal')]);
    rows.push([{ signal: {} }, TypeError, /^signal is \{\}: give an AbortSignal/, /controller\.signal/]);
    rows.push([{ signal: new AbortController() }, TypeError, /^signal is AbortController.*: give an AbortSignal/]);
    rows.push([{ signal: null }, TypeError, /^signal is null/]);
    rows.push([{ sginal: signal }, TypeError, unknown, /; did you mean signal\?$/]);
  }
  return rows;
}

describe('options of every waiting call', () => {
  for (const one of calls) {
    check(`${one.name}: said what is wrong, and nothing begun`, async () => {
      const object = one.make();
      const before = stateOf(object);
      for (const [given, error, ...message] of wrongOptions(one)) {
        const call = (): unknown => one.call(object, given);
        await assertRefused({ title: one.name, call, error, message }, !one.name.endsWith('Sync'));
      }
      await turns();
      assert.equal(stateOf(object), before);
    });
  }

  check('options that are right, or left out one by one, are taken as ever', async () => {
    class Patience {
      timeout = 0;
    }
    const lock = taken(new Lock());
    for (const options of [
      { timeout: 0 },
      { timeout: 0, signal: undefined },
      new Patience(),
      Object.assign(Object.create(null), { timeout: 0 }),
    ]) {
      assert.equal(lock.acquireSync(options), undefined);
      assert.equal(await lock.acquire(options), undefined);
    }
    assert.equal(await lock.acquire({ timeout: 0, signal }), undefined);
    assert.equal(new Semaphore(1).acquireSync({ timeout: undefined })?.abandoned, false);
    assert.equal(new Semaphore(1).acquireSync({})?.abandoned, false);
    assert.equal(await new Thread({ name: undefined }).start().join({}), true);
  });
});

const held = taken(new Condition());
const rows: [title: string, call: () => unknown, error: typeof TypeError, ...message: RegExp[]][] = [
  ...[Lock, RLock, RWLock, Event, Once, SimpleQueue].map(
    (Kind) =>
      [
        `new ${Kind.name}(1)`,
        () => new (Kind as Any)(1),
        TypeError,
        /takes no arguments/,
        new RegExp(`new ${Kind.name}\\(\\)`),
      ] as Any,
  ),
  ["new Queue('5')", () => new Queue('5' as Any), RangeError as Any, /Queue\('5'\): give a whole number of items/],
  ["new Queue('-5')", () => new Queue('-5' as Any), RangeError as Any, /Queue\('-5'\)/],
  ['new Queue(null)', () => new Queue(null as Any), RangeError as Any, /Queue\(null\)/],
  ['new Queue({})', () => new Queue({ maxSize: 5 } as Any), RangeError as Any, /Queue\(\{ maxSize: 5 \}\)/],
  ["maxSize = '3'", () => Object.assign(new Queue(), { maxSize: '3' }), RangeError as Any, /maxSize = '3'/],
  ["getManySync('3')", () => new Queue().getManySync('3' as Any), RangeError as Any, /getManySync\('3'\)/],
  ['putManySync(5)', () => new Queue().putManySync(5 as Any), TypeError, /give an array or another iterable/],
  [
    'shutdown(true)',
    () => new Queue().shutdown(true as Any),
    TypeError,
    /Queue\.shutdown\(true\)/,
    /\{ immediate: true \}/,
  ],
  ['shutdown(null)', () => new Queue().shutdown(null as Any), TypeError, /Queue\.shutdown\(null\)/],
  ['shutdown typo', () => new Queue().shutdown({ imediate: true } as Any), TypeError, /did you mean immediate\?/],
  ["immediate: 'yes'", () => new Queue().shutdown({ immediate: 'yes' } as Any), TypeError, /immediate is 'yes'/],
  ['tryPut(x, 5)', () => new PriorityQueue().tryPut(1, 5 as Any), TypeError, /tryPut\(item, \{ priority: 5 \}\)/],
  ['tryPut timeout', () => new PriorityQueue().tryPut(1, { timeout: 5 } as Any), TypeError, /timeout is no option/],
  ['tryPutMany(x, 5)', () => new PriorityQueue().tryPutMany([1], 5 as Any), TypeError, /\{ priority: 5 \}/],
  ["priority '5'", () => new PriorityQueue().putSync(1, { priority: '5' } as Any), RangeError as Any, /priority is 5/],

  ['new Semaphore(null)', () => new Semaphore(null as Any), RangeError as Any, /Semaphore\(null\)/],
  ["new BoundedSemaphore('1')", () => new BoundedSemaphore('1' as Any), RangeError as Any, /BoundedSemaphore\('1'\)/],
  ['release(1.5)', () => new Semaphore().release(1.5), RangeError as Any, /release\(1\.5\)/],
  ['new CountDownLatch()', () => new (CountDownLatch as Any)(), RangeError as Any, /CountDownLatch\(undefined\)/],
  ["countDown('1')", () => new CountDownLatch(1).countDown('1' as Any), RangeError as Any, /countDown\('1'\)/],
  ['new Condition({})', () => new Condition({} as Any), TypeError, /give a Lock or an RLock/],
  ["notify('x')", () => held.notify('x' as Any), RangeError as Any, /notify\('x'\)/],
  ['notify(true)', () => held.notify(true as Any), RangeError as Any, /notify\(true\)/],
  ['notify(0.5)', () => held.notify(0.5), RangeError as Any, /notify\(0\.5\)/],
  ['waitForSync(5)', () => held.waitForSync(5 as Any), TypeError, /Condition\.waitForSync\(5\): give the function/],
  ['new Barrier(2, 5)', () => new Barrier(2, 5 as Any), TypeError, /the action is 5/],
  ['new Barrier(2, f, 100)', () => new Barrier(2, undefined, 100 as Any), TypeError, /\{ timeout: 100 \}/],
  ['new Barrier(2, f, null)', () => new Barrier(2, undefined, null as Any), TypeError, /\{ timeout: 1000 \}/],
  ['new Barrier typo', () => new Barrier(2, undefined, { timeuot: 1 } as Any), TypeError, /did you mean timeout\?/],
  ['new Barrier -1', () => new Barrier(2, undefined, { timeout: -1 }), RangeError as Any, /timeout is -1/, /Barrier/],
  ['runSync()', () => new Once().runSync(undefined as Any), TypeError, /Once\.runSync\(undefined\): give the function/],

  ['new Thread(f)', () => new Thread((() => 1) as Any), TypeError, /new Thread\(\{ target: fn, args: \[1\] \}\)/],
  ['new Thread(null)', () => new Thread(null as Any), TypeError, /new Thread\(null\): give an object of options/],
  [
    'new Thread typo',
    () => new Thread({ targte: () => 1 } as Any),
    TypeError,
    /^targte is no option of new Thread\(\); did you mean target\?$/,
  ],
  ['new Thread deamon', () => new Thread({ deamon: true } as Any), TypeError, /did you mean daemon\?/],
  ['new Thread kwargs', () => new Thread({ kwargs: {} } as Any), TypeError, /kwargs is no option of new Thread\(\)/],
  [
    'new Thread limits',
    () => new Thread({ resourceLimits: 5 as Any }),
    TypeError,
    /resourceLimits is 5: give an object/,
  ],
  [
    'new Thread limit typo',
    () => new Thread({ resourceLimits: { stackSize: 4 } as Any }),
    TypeError,
    /did you mean stackSizeMb\?/,
  ],
  [
    'new Thread old space',
    () => new Thread({ resourceLimits: { maxOldGenerationSizeMb: 2 } }),
    RangeError as Any,
    /new Thread: resourceLimits\.maxOldGenerationSizeMb is 2: give 4 or more, in MiB/,
  ],
  [
    'new Thread young space',
    () => new Thread({ resourceLimits: { maxYoungGenerationSizeMb: -1 } }),
    RangeError as Any,
    /maxYoungGenerationSizeMb is -1: give 0 or more/,
  ],
  [
    'new Thread limit NaN',
    () => new Thread({ resourceLimits: { codeRangeSizeMb: Number.NaN } }),
    RangeError as Any,
    /codeRangeSizeMb is NaN: give 0 or more/,
  ],
  [
    "new Thread limit '64'",
    () => new Thread({ resourceLimits: { maxOldGenerationSizeMb: '64' as Any } }),
    TypeError,
    /maxOldGenerationSizeMb is '64': give a number of MiB/,
  ],
  ["new Timer('5')", () => new Timer('5' as Any, () => {}), RangeError as Any, /new Timer\(5, …\): give milliseconds/],
  ['new Timer options', () => new Timer(5, () => {}, [], 5 as Any), TypeError, /new Timer\(ms, fn, args, 5\)/],
  ['new Timer null', () => new Timer(5, () => {}, [], null as Any), TypeError, /new Timer\(ms, fn, args, null\)/],
  ['new Timer typo', () => new Timer(5, () => {}, [], { deamon: true } as Any), TypeError, /did you mean daemon\?/],
  ["sleepSync('x')", () => sleepSync('x' as Any), RangeError as Any, /sleepSync\('x'\): give milliseconds/],
  ['sleepSync(-1)', () => sleepSync(-1), RangeError as Any, /sleepSync\(-1\)/],

  [
    'updateSync(5)',
    () => new Value(i32, 1).updateSync(5 as Any),
    TypeError,
    /Value\.updateSync\(5\): give the function/,
  ],
  ['tryUpdate()', () => (new Value(i32, 1) as Any).tryUpdate(), TypeError, /Value\.tryUpdate\(undefined\)/],
  ["addSync('1')", () => new Value(i32, 1).addSync('1' as Any), TypeError, /can't add/],
  ["Atomic.add('1')", () => new Atomic(i32, 1).add('1' as Any), TypeError, /give a whole number/],
  ['new SharedArray', () => new SharedArray(i32, '5' as Any), TypeError, /./],
  ['SharedArray.at(1n)', () => new SharedArray(i32, 1).at(1n as Any), TypeError, /at\(.*1n\): give an index/],
  ['SharedList.at(1n)', () => new SharedList([1]).at(1n as Any), TypeError, /at\(.*1n\): give an index/],
  ['SharedList(5)', () => new SharedList(5 as Any), TypeError, /give items in an array/],
  ['SharedMap({})', () => new SharedMap({ a: 1 } as Any), TypeError, /give pairs of a key and a value/],
  ['SharedMap.update(k, 5)', () => new SharedMap([['a', 1]]).update('a', 5 as Any), TypeError, /give a function/],
];
const promised: typeof rows = [
  ['Lock.run(5)', () => new Lock().run(5 as Any), TypeError, /Lock\.run\(5\): give the function to run/],
  ['RLock.run()', () => (new RLock() as Any).run(), TypeError, /RLock\.run\(undefined\): give the function/],
  ['Semaphore.run(5)', () => new Semaphore().run(5 as Any), TypeError, /Semaphore\.run\(5\): give the function/],
  ['Condition.run(5)', () => new Condition().run(5 as Any), TypeError, /RLock\.run\(5\)/],
  ['Condition.acquire(50)', () => new Condition().acquire(50 as Any), TypeError, /RLock\.acquire\(50\)/],
  ['Condition.waitFor(5)', () => held.waitFor(5 as Any), TypeError, /Condition\.waitFor\(5\): give the function/],
  ['Once.run(5)', () => new Once().run(5 as Any), TypeError, /Once\.run\(5\): give the function to call once/],
  ['Value.update(5)', () => new Value(i32, 1).update(5 as Any), TypeError, /Value\.update\(5\): give the function/],
  ['sleep(5, 5)', () => sleep(5, 5 as Any), TypeError, /sleep\(milliseconds, \{ signal: controller\.signal \}\)/],
  ['sleep(5, signal)', () => sleep(5, signal as Any), TypeError, /sleep\(milliseconds, \{ signal \}\)/],
  ['sleep timeout', () => sleep(5, { timeout: 5 } as Any), TypeError, /timeout is no option of sleep\(\)/],
  ["sleep('x')", () => sleep('x' as Any), RangeError as Any, /sleep\('x'\): give milliseconds/],
];

describe('other arguments', () => {
  for (const [title, call, error, ...message] of rows) {
    check(title, async () => assertRefused({ title, call, error, message }, false));
  }
  for (const [title, call, error, ...message] of promised) {
    check(`${title}, which returns a promise`, async () => assertRefused({ title, call, error, message }, true));
  }

  check('a run or an update that is refused takes no lock', async () => {
    const [lock, value] = [new Lock(), new Value(i32, 1)];
    await assert.rejects(lock.run(5 as Any));
    await assert.rejects(value.update(5 as Any));
    assert.throws(() => value.updateSync(5 as Any));
    assert.equal(lock.locked(), false);
    assert.equal(value.getLock().locked(), false);
    assert.equal(value.value, 1);
    assert.equal(held.statistics().waiting, 0);
  });
});
