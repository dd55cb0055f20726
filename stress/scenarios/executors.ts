/**
 * Executors under load from the main thread and from threads that were sent them, while tasks are cancelled, timed out,
 * retried, and workers and submitting threads die. Whatever happens: each task ends, once, in a way that was its own, and
 * is counted as that; all workers are there afterwards; the heap gets everything back.
 */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CancelledError,
  currentTask,
  type Executor,
  type Future,
  ThreadPoolExecutor,
  TimeoutError,
  WorkerCrashedError,
} from '../../src/futures/index.ts';
import { heap } from '../../src/memory/index.ts';
import { i32, Value } from '../../src/shared/index.ts';
import { Event, enumerate, sleep, sleepSync, Thread } from '../../src/threading/index.ts';
import { whoWaits } from '../../test/support/isolates.ts';
import { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

const PREFIX = 'loaded';
/** How long a task lasts that waits to be stopped and is not, in milliseconds. */
const LONG_MS = 4;
/** What takes longer than this hangs. */
const HANG_MS = 20_000;
const FATES = [
  ...(['well', 'well', 'well', 'well', 'well', 'later', 'later', 'later', 'throw', 'throw'] as const),
  ...(['flaky', 'flaky', 'heeds', 'heedsLater', 'deaf', 'moved', 'moved', 'nested'] as const),
] as const;
type Fate = (typeof FATES)[number] | 'exit';

/** What a round does to its workers; in one that does nothing, no task may tell of a crash. */
type Plan = { count: number; exits: boolean; kills: boolean };

/** What the value of a task must be: numbers, texts and objects, small and large. */
function outcomeOf(id: number): unknown {
  if (id % 3 === 0) return id * 3 + 1;
  if (id % 3 === 1) return `task ${id} ${'x'.repeat(id % 97 === 0 ? 20_000 : id % 50)}`;
  return { id, list: [id, String(id)] };
}

/** What a task is given beside its id and fate. */
type Extra = Value<number> | Uint8Array<ArrayBuffer> | Executor;

export function perform(id: number, fate: Fate, extra?: Extra): unknown {
  if (fate === 'moved') return oneMore(extra as Uint8Array<ArrayBuffer>);
  if (fate === 'nested') return (extra as Executor).submit(perform, id, id % 2 === 0 ? 'well' : 'later').result();
  if (fate === 'throw') throw new RangeError(`task ${id}`);
  if (fate === 'exit') process.exit(3);
  if (fate === 'flaky' && ++(extra as Value<number>).value === 1) throw new RangeError(`task ${id}`);
  if (fate === 'later') return sleep(id % 3).then(() => outcomeOf(id));
  if (fate === 'heedsLater') return sleep(LONG_MS, { signal: currentTask().signal }).then(() => outcomeOf(id));
  const end = performance.now() + LONG_MS;
  if (fate === 'deaf') while (performance.now() < end) sleepSync(1);
  if (fate === 'heeds') {
    for (const { signal } = currentTask(); performance.now() < end; sleepSync(0.2)) signal.throwIfAborted();
  }
  return outcomeOf(id);
}

/** The same memory, each byte one more. */
function oneMore(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  for (let index = 0; index < bytes.length; index++) bytes[index]++;
  currentTask().transfer(bytes.buffer);
  return bytes;
}

function bytesOf(id: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(id % 5 === 0 ? 100_000 : 10 + (id % 50)).fill(id);
}

export function tripled(n: number): number {
  if (n === 666) throw new RangeError('item 666');
  return 3 * n;
}

export const tripledLater = async (n: number): Promise<number> => {
  await sleep(n % 2);
  return tripled(n);
};

/** One task of `load`: all that may become of it. */
type Sent = {
  id: number;
  fate: Fate;
  future: Future<unknown>;
  retries: number;
  timed: boolean;
  signal?: AbortSignal;
  cancelled: boolean;
};

/** What became of the tasks, of which chunks of maps are some. */
type Counts = { submitted: number; done: number; failed: number; cancelled: number };
const totals: Counts & { deaths: number } = { submitted: 0, done: 0, failed: 0, cancelled: 0, deaths: 0 };

/** Submits at random, and sees to the end of all of it. Throws when something ended in a way that it can't. */
export async function load(executor: Executor, seed: number, plan: Plan): Promise<Counts> {
  const random = new Random(seed);
  const futures: Future<unknown>[] = [];
  const note = (message: unknown): void => {
    const told = message as { executor: object; future: Future<unknown> };
    if (told.executor !== executor) return;
    futures.push(told.future);
    // Nobody need be there when it fails.
    told.future.onDone(() => told.future.markSeen());
  };
  const atFirst = executor.statistics();
  subscribe('telaio:task:submit', note);
  try {
    const ends: Promise<unknown>[] = [];
    const sent: Sent[] = [];
    for (let id = 0; id < plan.count; id++) {
      if (random.chance(0.03)) ends.push(mapped(executor, random, plan));
      const one = submit(executor, id, random, plan, ends);
      sent.push(one);
      if (random.chance(0.1)) cancel(random.pick(sent), random.chance(0.5));
      const pause = random.integer(1, 100);
      if (pause === 1) await Promise.allSettled([one.future.result({ timeout: HANG_MS })]);
      if (pause === 2) block(one.future);
      if (pause > 90) await delay(random.next() * 2);
    }
    const counts = { done: 0, failed: 0, cancelled: 0 };
    for (const one of sent) counts[await endOf(executor, one, plan)]++;
    await Promise.all(ends);
    await allSettled(executor, futures);
    const now = executor.statistics();
    const [done, failed, cancelled] = (['done', 'failed', 'cancelled'] as const).map((end) => now[end] - atFirst[end]);
    // Exactly: the executor's own counts, with those of the chunks of maps among them.
    const counted = done + failed + cancelled;
    assert.equal(counted, futures.length, `${counted} tasks counted of ${futures.length}`);
    assert.ok(done >= counts.done && failed >= counts.failed && cancelled >= counts.cancelled, 'counted otherwise');
    return { submitted: futures.length, done, failed, cancelled };
  } finally {
    unsubscribe('telaio:task:submit', note);
  }
}

function submit(executor: Executor, id: number, random: Random, plan: Plan, ends: Promise<unknown>[]): Sent {
  const fate = plan.exits && random.chance(0.03) ? 'exit' : random.pick(FATES);
  const retries = fate === 'flaky' ? random.integer(1, 2) : random.pick([0, 0, 0, 1]);
  const timed = random.chance(0.1);
  const stop = random.chance(0.1) ? new AbortController() : undefined;
  const plain = !timed && stop === undefined && retries === 0 && fate !== 'moved' && random.chance(0.6);
  const bytes = fate === 'moved' ? bytesOf(id) : undefined;
  const view = plain
    ? executor
    : executor.with({
        retries,
        priority: random.pick([undefined, -1, 2]),
        force: random.chance(0.3),
        timeout: timed ? random.integer(0, 4) : undefined,
        signal: stop?.signal,
        transfer: bytes && [bytes.buffer],
      });
  const extra = fate === 'nested' ? executor : (bytes ?? (fate === 'flaky' ? new Value(i32, 0) : undefined));
  const future = view.submit(perform, id, fate, extra);
  if (stop !== undefined) {
    const after = random.next() * 10;
    ends.push(delay(after).then(() => stop.abort(new SyntaxError(`stop ${id}`))));
  }
  return { id, fate, future, retries, timed, signal: stop?.signal, cancelled: false };
}

function cancel(one: Sent, force: boolean): void {
  const { future } = one;
  if (future.done()) return;
  one.cancelled = true;
  const taken = future.cancel({ force });
  assert.ok(!taken || future.cancelled(), 'cancel() gave true, and it is not cancelled');
}

function block(future: Future<unknown>): void {
  try {
    future.resultSync({ timeout: HANG_MS });
  } catch (error) {
    if (!future.done()) throw error;
  }
}

/** How it ended, after what may have become of it was compared with that. */
async function endOf(executor: Executor, one: Sent, plan: Plan): Promise<'done' | 'failed' | 'cancelled'> {
  const { id, fate, future } = one;
  let error: unknown;
  try {
    const value = await future.result({ timeout: HANG_MS });
    const expected = fate === 'moved' ? bytesOf(id).map((byte) => byte + 1) : outcomeOf(id);
    assert.deepEqual(value, expected, `the value of task ${id}`);
    assert.ok(fate !== 'throw' && fate !== 'exit', `task ${id} (${fate}) has a value`);
    return 'done';
  } catch (thrown) {
    if (!future.done()) throw new Error(`task ${id} (${fate}) never ends: ${future} of ${executor}`, { cause: thrown });
    error = thrown;
  }
  if (future.cancelled() && one.cancelled && error instanceof CancelledError) return 'cancelled';
  if (one.signal?.aborted && error === one.signal.reason) return 'cancelled';
  if (one.timed && error instanceof TimeoutError) return 'failed';
  if ((plan.exits || plan.kills) && error instanceof WorkerCrashedError) return 'failed';
  const own = error instanceof RangeError && error.message === `task ${id}`;
  // A flaky one fails once: the retry that it has may have gone to a crash, or it was asked to stop before.
  const stopped = one.cancelled || one.signal !== undefined || plan.exits || plan.kills;
  if (own && (fate === 'throw' || (fate === 'flaky' && stopped))) return 'failed';
  throw new Error(`task ${id} (${fate}) ended in a way that it can't: ${error}`, { cause: error });
}

/** A map over a few items, read to its end or left early. */
async function mapped(executor: Executor, random: Random, plan: Plan): Promise<void> {
  const items = Array.from({ length: random.integer(0, 60) }, (_, n) => n);
  const bad = random.chance(0.2) ? random.integer(0, 59) : 60;
  if (bad < items.length) items[bad] = 666;
  const ordered = random.chance(0.7);
  const leaveAfter = random.chance(0.5) ? random.integer(0, 30) : Infinity;
  const options = {
    ordered,
    chunkSize: random.pick([undefined, 1, 7]),
    bufferSize: random.pick([undefined, undefined, 5]),
  };
  const seen: number[] = [];
  try {
    for await (const value of executor.map(random.chance(0.5) ? tripled : tripledLater, items, options)) {
      seen.push(value);
      if (seen.length > leaveAfter) break;
    }
    assert.ok(seen.length > leaveAfter || seen.length === items.length, 'a map lost results');
  } catch (error) {
    const own = error instanceof RangeError && error.message === 'item 666' && bad < items.length;
    if (!own && !((plan.exits || plan.kills) && error instanceof WorkerCrashedError)) throw error;
  }
  if (ordered) assert.deepEqual(seen, items.slice(0, seen.length).map(tripled), 'a map in order');
  else assert.equal(new Set(seen).size, seen.length, 'a map gave a result twice');
}

/** Waits for what nobody reads: the chunks of maps that were left. Nothing but the counts says that they have ended. */
async function allSettled(executor: Executor, futures: Future<unknown>[]): Promise<void> {
  const end = performance.now() + HANG_MS;
  for (;;) {
    const { queued, running } = executor.statistics();
    if (queued + running === 0 && futures.every((future) => future.done())) return;
    const pending = futures.filter((future) => !future.done()).map(String);
    if (performance.now() > end) throw new Error(`${queued} queued, ${running} running, ${pending.join(', ')}`);
    await delay(1);
  }
}

/**
 * Runs as many tasks at the same time as there may be workers: none is lost, and none stuck. Blocking ones, unless a worker
 * takes several: there one that blocks holds up the others.
 */
async function allWorkersWork(pool: ThreadPoolExecutor, maxWorkers: number, blocking: boolean): Promise<void> {
  const gate = new Event();
  const running = Array.from({ length: maxWorkers }, () => new Event());
  const futures = running.map((event) => pool.submit(blocking ? meet : meetAsync, event, gate));
  for (const [n, event] of running.entries()) {
    const up = await event.wait({ timeout: HANG_MS });
    assert.ok(up, `a worker is lost: ${n} tasks run of ${maxWorkers}; ${pool}; ${JSON.stringify(pool.statistics())}`);
  }
  gate.set();
  for (const future of futures) assert.equal(await future.result({ timeout: HANG_MS }), 'met');
  assert.ok(pool.statistics().workers <= maxWorkers);
}

export function meet(running: Event, gate: Event): string {
  running.set();
  gate.waitSync();
  return 'met';
}

export async function meetAsync(running: Event, gate: Event): Promise<string> {
  running.set();
  await gate.wait();
  return 'met';
}

/** Terminates some workers, with time for others to come up in their place, and waits until they are dead. */
async function kill(random: Random): Promise<void> {
  for (let left = random.integer(1, 4); left > 0; left--) {
    await delay(random.next() * 40);
    const workers = enumerate().filter(({ name }) => name.startsWith(`${PREFIX}_`));
    const victims = random.chance(0.2) ? workers : workers.slice(0, 1);
    await Promise.all(victims.map((worker) => worker.terminate()));
  }
}

async function round(random: Random): Promise<void> {
  const maxWorkers = random.integer(1, 3);
  const options = {
    maxWorkers,
    threadNamePrefix: PREFIX,
    tasksPerWorker: random.pick([1, 1, 3]),
    maxTasksPerWorker: random.pick([undefined, undefined, 7]),
    idleTimeout: random.pick([undefined, undefined, 1]),
  };
  const plan = { count: random.integer(1, 50), exits: random.chance(0.3), kills: random.chance(0.4) };
  const pool = new ThreadPoolExecutor(options);
  subscribe('telaio:worker:crash', noteDeath);
  try {
    await underLoad(pool, plan, random);
    await allWorkersWork(pool, maxWorkers, options.tasksPerWorker === 1);
  } catch (error) {
    const facts = JSON.stringify({ ...options, ...plan, ...pool.statistics() });
    throw new Error(`${pool} ${facts}\n${whoWaits(heap)}`, { cause: error });
  } finally {
    unsubscribe('telaio:worker:crash', noteDeath);
  }
  await pool[Symbol.asyncDispose]();
  assert.equal(enumerate().filter(({ name }) => name.startsWith(`${PREFIX}_`)).length, 0, 'a worker outlived its pool');
}

function sum(counts: Counts): void {
  for (const [name, count] of Object.entries(counts)) totals[name as keyof Counts] += count;
}

async function underLoad(pool: ThreadPoolExecutor, plan: Plan, random: Random): Promise<void> {
  const start = (): Thread<[Executor, number, Plan], Counts> =>
    new Thread({ target: load, args: [pool, random.integer(0, 2 ** 31), plan] }).start();
  const threads = Array.from({ length: random.integer(0, 2) }, start);
  const doomed = random.chance(0.2) ? start() : undefined;
  const ownSeed = random.integer(0, 2 ** 31);
  const killing = plan.kills ? kill(new Random(ownSeed)) : undefined;
  // Blocked from here on: then the threads see to workers themselves.
  if (threads.length > 0 && random.chance(0.3)) {
    assert.ok(threads[0].joinSync({ timeout: 3 * HANG_MS }), 'a thread hangs while the maker of its executor blocks');
  }
  const own = load(pool, ownSeed, plan);
  own.catch(() => {});
  const dying = doomed && delay(random.next() * 30).then(() => doomed.terminate());
  // A thread that has failed says more than what its end does to the others.
  for (const thread of threads) sum(await thread.result());
  sum(await own);
  await dying;
  await killing;
}

function noteDeath(): void {
  totals.deaths++;
}

/** After all rounds: that every task has ended, and in which way. */
function balance(): string {
  const { submitted, done, failed, cancelled, deaths } = totals;
  assert.equal(done + failed + cancelled, submitted);
  return `tasks     ${submitted} = ${done} done + ${failed} failed + ${cancelled} cancelled, while ${deaths} workers died`;
}

export const executorsUnderLoad: Scenario[] = [{ name: 'executors under load', weight: 3, run: round, balance }];
