/** Asynchronous tasks of one thread and `run`; what a condition passes on to its guards; hand-overs to the able. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Condition, Lock, RLock, Thread } from '../../src/index.ts';

const limit = { timeout: 30_000 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A task that tells how many are inside with it. */
function counted(): { task: () => Promise<void>; most: () => number } {
  let inside = 0;
  let most = 0;
  const task = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    for (let turns = 0; turns < 5; turns++) await turn();
    inside--;
  };
  return { task, most: () => most };
}

test('two runs inside one run exclude each other', limit, async () => {
  const lock = new RLock();
  const { task, most } = counted();
  await lock.run(() => Promise.all([lock.run(task), lock.run(task), lock.run(() => lock.run(task))]));
  assert.equal(most(), 1);
  assert.equal(lock.locked(), false);
});

test('what a run left running owns nothing once that run is over', limit, async () => {
  const lock = new RLock();
  const { task, most } = counted();
  let later: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    later = resolve;
  });
  const left: Promise<void>[] = [];
  await lock.run(async () => {
    for (let index = 0; index < 3; index++) left.push(over.then(() => lock.run(task)));
  });
  later();
  await Promise.all(left);
  assert.equal(most(), 1);
  assert.equal(lock.locked(), false);
});

test('a condition with its own lock serves asynchronous tasks through run', limit, async () => {
  const condition = new Condition();
  const seen: string[] = [];
  const waiter = (name: string): Promise<void> =>
    condition.run(async () => {
      assert.equal(await condition.wait({ timeout: 20_000 }), true);
      seen.push(name);
    });
  const waiters = [waiter('a'), waiter('b')];
  while (condition.statistics().waiting < 2) await turn();
  await condition.run(() => condition.notifyAll());
  await Promise.all(waiters);
  assert.deepEqual(seen.sort(), ['a', 'b']);
});

function holdForEver(lock: Lock, condition: Condition): void {
  lock.acquireSync();
  condition.notify();
  for (;;);
}

test('a guard learns of an abandonment that came during a wait', limit, async () => {
  const lock = new Lock();
  const condition = new Condition(lock);
  using guard = lock.acquireSync();
  assert.equal(guard.abandoned, false);
  const holder = new Thread({ target: holdForEver, args: [lock, condition], daemon: true }).start();
  const woken = condition.wait();
  while (condition.statistics().waiting > 0 || lock.statistics().holder !== holder.ident) await turn();
  await holder.terminate();
  assert.equal(await woken, true);
  assert.equal(guard.abandoned, true);
});

test('only a Lock or an RLock makes a condition, and nothing else harms the heap', limit, async () => {
  assert.throws(() => new Condition({} as never), /new Condition\(\{\}\): give a Lock or an RLock/);
  assert.equal(await new Thread({ target: () => 'runs' }).start().result(), 'runs');
  const condition = new Condition();
  using _guard = condition.acquireSync();
  assert.throws(() => condition.notify(Number.NaN), RangeError);
});

test('a lock is handed over to threads that block, never to an event loop that may be blocked', limit, async () => {
  const lock = new Lock();
  const guard = lock.acquireSync();
  const first = lock.acquire();
  // Giving up lets the first waiter look again, late enough to call itself starving.
  const started = performance.now();
  while (performance.now() - started < 5) await turn();
  const aborter = new AbortController();
  const second = lock.acquire({ signal: aborter.signal });
  aborter.abort();
  await assert.rejects(Promise.resolve(second));
  guard.release();
  // Not given to the waiter, whose turn of the event loop has not come.
  const taken = lock.tryAcquire();
  assert.ok(taken, 'a free lock can be taken');
  taken.release();
  (await first).release();
});
