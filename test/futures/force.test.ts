/** What happens by force: to the task, to its worker, and to the other tasks that the worker runs. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { CancelledError, type Future, ThreadPoolExecutor, TimeoutError } from '../../src/futures/index.ts';
import { Atomic, i32 } from '../../src/shared/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import * as forced from './fixtures/forced.ts';
import { square } from './fixtures/tasks.ts';

describe('a worker with a single task', () => {
  check('cancel: the worker is ended, another takes its place', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const running = new Event();
    const future = pool.submit(forced.deaf, running);
    const next = pool.submit(square, 4);
    await running.wait();
    assert.equal(future.cancel({ force: true }), true);
    assert.equal(future.cancelled(), true);
    await assert.rejects(future.result(), CancelledError);
    assert.equal(await next, 16);
  });

  check('timeout: a deaf task loses its worker', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const future = pool.with({ timeout: 50, force: true }).submit(forced.deaf, new Event());
    const next = pool.submit(square, 5);
    await assert.rejects((future as Future<unknown>).result(), TimeoutError);
    assert.equal(await next, 25);
  });

  check('after a timeout without it: a task that goes on can still be ended', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const timed: Future<unknown> = pool.with({ timeout: 20 }).submit(forced.deaf, new Event());
    const next = pool.submit(square, 6);
    await assert.rejects(timed.result(), TimeoutError);
    assert.equal(timed.cancel(), false);
    assert.equal(next.done(), false);
    assert.equal(timed.cancel({ force: true }), true);
    await assert.rejects(timed.result(), TimeoutError);
    assert.equal(await next, 36);
    assert.equal(timed.cancel({ force: true }), false);
    await pool.shutdown();
  });
});

/** Both run on the pool's worker: one that waits for the gate, and one that never gives up the thread. */
async function besideDeaf(pool: ThreadPoolExecutor) {
  const [running, gate, runs, spins] = [new Event(), new Event(), new Atomic(i32), new Event()];
  const neighbour = pool.submit(forced.sumAfter, new Uint8Array([4]), running, gate, runs);
  await running.wait();
  const future: Future<unknown> = pool.submit(forced.deaf, spins);
  await spins.wait();
  return { running, gate, runs, neighbour, future };
}

describe('a worker with several tasks', () => {
  type Case = { task: (running: Event) => Promise<void>; transfer: boolean };
  const cases: Case[] = [
    { task: forced.deafAwaiting, transfer: false },
    { task: forced.deafTurning, transfer: true },
  ];
  for (const { task, transfer } of cases) {
    check(
      `${task.name}: the others end well where they are, each run once${transfer ? ', with what was moved' : ''}`,
      async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 3 });
        for (let round = 0; round < rounds(3, 100); round++) {
          const [gate, runs] = [new Event(), new Atomic(i32)];
          const events = [new Event(), new Event(), new Event()];
          const bytes = [new Uint8Array(1000).fill(1), new Uint8Array(1000).fill(2)];
          const neighbours = bytes.map((each, n) =>
            pool.with(transfer ? { transfer: [each.buffer] } : {}).submit(forced.sumAfter, each, events[n], gate, runs),
          );
          const future = pool.submit(task, events[2]);
          for (const event of events) await event.wait();
          assert.equal(future.cancel({ force: true }), true);
          // There is room for others at once.
          const elsewhere = await pool.submit(forced.ident);
          gate.set();
          const ends = await Promise.all(neighbours);
          assert.deepEqual(
            ends.map(({ sum }) => sum),
            [1000, 2000],
          );
          assert.equal(ends[0].ident, ends[1].ident);
          assert.notEqual(elsewhere, ends[0].ident);
          assert.equal(runs.load(), 2);
        }
        assert.equal(pool.statistics().failed, 0);
      },
    );
  }

  check('one that never gives up the thread: the others begin anew elsewhere', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 2 });
    const { running, gate, runs, neighbour, future } = await besideDeaf(pool);
    running.clear();
    assert.equal(future.cancel({ force: true }), true);
    await running.wait();
    gate.set();
    assert.equal((await neighbour).sum, 4);
    assert.equal(runs.load(), 2);
  });

  check('the same while this thread blocks for one of the others', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 2 });
    const { gate, runs, neighbour, future } = await besideDeaf(pool);
    assert.equal(future.cancel({ force: true }), true);
    gate.set();
    assert.equal(neighbour.resultSync({ timeout: 15_000 }).sum, 4);
    assert.equal(runs.load(), 2);
  });

  check('all of them by force, one after another', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 3 });
    const events = [new Event(), new Event(), new Event()];
    const futures = events.map((event) => pool.submit(forced.deafAwaiting, event));
    for (const event of events) await event.wait();
    for (const future of futures) assert.equal(future.cancel({ force: true }), true);
    assert.equal(await pool.submit(square, 7), 49);
    assert.equal(pool.statistics().cancelled, 3);
  });

  check('a task that waits for one of its own executor, which is ended', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const outer = pool.submit(forced.endsInner, pool, new Event());
    assert.equal(await outer, 'CancelledError');
    assert.equal(await pool.submit(square, 8), 64);
  });

  check('shutdown waits for the others, and for nothing else', async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 2 });
    const [events, gate, runs] = [[new Event(), new Event()], new Event(), new Atomic(i32)];
    const future = pool.submit(forced.deafAwaiting, events[0]);
    const neighbour = pool.submit(forced.sumAfter, new Uint8Array([9]), events[1], gate, runs);
    for (const event of events) await event.wait();
    const down = pool.shutdown();
    future.cancel({ force: true });
    gate.set();
    assert.equal((await neighbour).sum, 9);
    await down;
    assert.equal(runs.load(), 1);
  });
});
