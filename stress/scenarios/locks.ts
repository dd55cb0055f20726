/** Locks under contention, waits that are given up, and holders that are killed. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { i32, Shared } from '../../src/shared/index.ts';
import { Condition, Event, Lock, RLock, Semaphore, Thread } from '../../src/threading/index.ts';
import type { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

type AnyLock = Lock | RLock | Semaphore | Condition;

class Account extends Shared({ value: i32, turns: i32 }) {}

/** Not atomic on purpose: only the lock makes it right. */
function addOne(account: Account): void {
  const { value } = account;
  for (let spin = 0; spin < 20; spin++) account.turns = spin;
  account.value = value + 1;
}

export function addUnderLock(lock: AnyLock, account: Account, turns: number): void {
  for (let turn = 0; turn < turns; turn++) {
    using _guard = lock.acquireSync();
    addOne(account);
  }
}

export async function addUnderLockAsync(lock: AnyLock, account: Account, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    // Some waits are given up; those that got through count.
    for (;;) {
      using guard = await lock.acquire({ timeout: turn % 3 === 0 ? 1 : 10_000 });
      if (guard === undefined) continue;
      addOne(account);
      break;
    }
  }
}

async function contention(random: Random): Promise<void> {
  const lock: AnyLock = random.pick([
    () => new Lock(),
    () => new RLock(),
    () => new Semaphore(1),
    () => new Condition(),
  ])();
  const account = new Account();
  const turns = random.integer(1, 400);
  const threads = Array.from({ length: random.integer(2, 6) }, () =>
    new Thread({
      target: random.chance(0.5) ? addUnderLock : addUnderLockAsync,
      args: [lock, account, turns],
    }).start(),
  );
  await Promise.all(threads.map((thread) => thread.result()));
  assert.equal(account.value, threads.length * turns, `${lock} lost a turn`);
}

export function holdForEver(lock: Lock | RLock, ready: Semaphore): void {
  for (;;) {
    using _guard = lock.acquireSync();
    ready.release();
    for (let spin = 0; spin < 300; spin++) lock.locked();
  }
}

async function killedHolders(random: Random): Promise<void> {
  const lock = random.chance(0.5) ? new Lock() : new RLock();
  const ready = new Semaphore(0);
  const threads = Array.from({ length: random.integer(1, 3) }, () =>
    new Thread({ target: holdForEver, args: [lock, ready], daemon: true }).start(),
  );
  await ready.acquire();
  await delay(random.next() * 3);
  await Promise.all(threads.map((thread) => thread.terminate()));
  // Whoever comes next gets it, told or not that the last holder died, depending on where that was.
  using guard = await lock.acquire({ timeout: 10_000 });
  assert.ok(guard, `${lock} is held by a dead thread`);
}

export async function waitAndSignal(condition: Condition, account: Account, parties: number): Promise<void> {
  using _guard = condition.acquireSync();
  account.value++;
  if (account.value === parties) condition.notifyAll();
  else condition.waitForSync(() => account.value >= parties);
}

async function meeting(random: Random): Promise<void> {
  const condition = new Condition(random.chance(0.5) ? new Lock() : new RLock());
  const account = new Account();
  const parties = random.integer(2, 6);
  const threads = Array.from({ length: parties }, () =>
    new Thread({ target: waitAndSignal, args: [condition, account, parties] }).start(),
  );
  await Promise.all(threads.map((thread) => thread.result()));
  assert.equal(account.value, parties);
}

export function takePermits(semaphore: Semaphore, event: Event, turns: number): number {
  event.waitSync();
  let taken = 0;
  for (let turn = 0; turn < turns; turn++) if (semaphore.acquireSync({ timeout: 10_000 })) taken++;
  return taken;
}

async function permits(random: Random): Promise<void> {
  const semaphore = new Semaphore(0);
  const event = new Event();
  const turns = random.integer(1, 200);
  const threads = Array.from({ length: random.integer(1, 5) }, () =>
    new Thread({ target: takePermits, args: [semaphore, event, turns] }).start(),
  );
  event.set();
  const all = threads.length * turns;
  // Waits of this thread that are aborted must not swallow a permit.
  for (let given = 0; given < all; ) {
    const aborted = semaphore.acquire({ signal: AbortSignal.timeout(1) }).then(
      (guard) => guard.release(),
      () => {},
    );
    const some = Math.min(random.integer(1, 20), all - given);
    semaphore.release(some);
    given += some;
    if (random.chance(0.3)) await aborted;
  }
  const taken = await Promise.all(threads.map((thread) => thread.result()));
  assert.equal(
    taken.reduce((sum, count) => sum + count, 0),
    all,
  );
}

export const locks: Scenario[] = [
  { name: 'locks under contention', weight: 3, run: contention },
  { name: 'lock holders killed', weight: 3, run: killedHolders },
  { name: 'conditions', weight: 2, run: meeting },
  { name: 'permits and aborted waits', weight: 2, run: permits },
];
