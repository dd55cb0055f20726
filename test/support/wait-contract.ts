/**
 * What every waiting call promises, whatever it waits for: timeouts in milliseconds, `RangeError`, AbortSignal, nothing
 * left behind, nobody's wake-up stolen. One suite for all of them; each primitive says how it waits and is satisfied.
 */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe } from 'node:test';
import { check } from './check.ts';
import { settled, type TestThread, turns, until } from './threads.ts';

type Options = { timeout?: number; signal?: AbortSignal };

export type Scene = {
  /** Starts in a state in which this has to wait. */
  wait(options?: Options): Promise<unknown>;
  waitSync(options?: { timeout?: number }): unknown;
  /** How many wait now, by `statistics()`. */
  waiting(): number;
  /** Lets exactly one waiter go on (or all, where that is the nature of the thing). */
  satisfy(): void | Promise<void>;
  /** Called after a wait that succeeded, so that the next can. */
  after?(outcome: unknown): void | Promise<void>;
  /** A worker that blocks in the same wait, once. */
  blocked?(): TestThread;
  /** Called at the end of each test. */
  close?(): void | Promise<void>;
};

export type WaitContract = {
  name: string;
  scene(): Scene | Promise<Scene>;
  /** Whether a wait that comes after `satisfy` finds what it made. Not so for a condition. */
  remembers?: boolean;
  /** What a wait gives when its timeout passes: a value, or the class of an error. */
  timedOut: { value: unknown } | { error: new (...args: never[]) => Error };
};

export function describeWaits({ name, scene, timedOut, remembers = true }: WaitContract): void {
  async function assertTimesOut(wait: () => unknown): Promise<void> {
    if ('value' in timedOut) assert.equal(await wait(), timedOut.value);
    else await assert.rejects(async () => await wait(), timedOut.error);
  }

  /** Not `it.after?.(await …)`: without `after` that would not wait. */
  async function taken(it: Scene, outcome: unknown): Promise<void> {
    await it.after?.(outcome);
  }

  function contract(title: string, body: (scene: Scene) => Promise<void>): void {
    check(`${name}: ${title}`, async () => {
      const made = await scene();
      try {
        await body(made);
      } finally {
        await made.close?.();
      }
    });
  }

  describe(`${name} as a wait`, () => {
    contract('a negative or NaN timeout is a RangeError and leaves nothing', async (it) => {
      for (const timeout of [-1, -0.5, Number.NaN, -Infinity]) {
        // Not inside an async function: a call that returns a promise must not throw instead.
        await assert.rejects(it.wait({ timeout }), RangeError);
        assert.throws(() => it.waitSync({ timeout }), RangeError);
      }
      await assert.rejects(it.wait({ timeout: '5' as never }), /milliseconds/);
      assert.equal(it.waiting(), 0);
    });

    contract('timeout 0 does not wait', async (it) => {
      const start = performance.now();
      await assertTimesOut(() => it.waitSync({ timeout: 0 }));
      await assertTimesOut(() => it.wait({ timeout: 0 }));
      assert.ok(performance.now() - start < 1000);
      assert.equal(it.waiting(), 0);
    });

    contract('a timeout passes in milliseconds, in both forms', async (it) => {
      for (const wait of [() => it.wait({ timeout: 30 }), () => it.waitSync({ timeout: 30 })]) {
        const start = performance.now();
        await assertTimesOut(wait);
        const took = performance.now() - start;
        assert.ok(took >= 29 && took < 3000, `took ${took} ms`);
        assert.equal(it.waiting(), 0);
      }
    });

    contract('Infinity waits for ever, and so does no timeout', async (it) => {
      const first = it.wait({ timeout: Infinity });
      await until(() => it.waiting() === 1);
      assert.equal(await settled(first), false);
      await it.satisfy();
      await taken(it, await first);
    });

    contract('a signal that is aborted already throws its reason and takes nothing', async (it) => {
      const reason = { why: 'before' };
      await assert.rejects(it.wait({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
      assert.equal(it.waiting(), 0);
      if (!remembers) return;
      await it.satisfy();
      await assert.rejects(it.wait({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
      await taken(it, await it.wait({ timeout: 5000 }));
    });

    contract('a signal aborted while waiting throws its reason and leaves nothing behind', async (it) => {
      const abort = new AbortController();
      const reason = new Error('while waiting');
      const wait = it.wait({ signal: abort.signal });
      await until(() => it.waiting() === 1);
      abort.abort(reason);
      await assert.rejects(wait, (error) => error === reason);
      assert.equal(it.waiting(), 0);
      assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
      if (!remembers) return;
      // What comes now is not taken by the one that left.
      await it.satisfy();
      await taken(it, await it.wait({ timeout: 5000 }));
    });

    contract('a wait that succeeds takes its listener off the signal', async (it) => {
      const { signal } = new AbortController();
      const wait = it.wait({ signal });
      await until(() => it.waiting() === 1);
      await it.satisfy();
      await taken(it, await wait);
      assert.equal(getEventListeners(signal, 'abort').length, 0);
    });

    contract("who gives up steals nobody's wake-up", async (it) => {
      const abort = new AbortController();
      const first = it.wait({ signal: abort.signal });
      const second = it.wait({ timeout: 40 });
      const third = it.wait();
      await until(() => it.waiting() === 3);
      abort.abort('gone');
      await assert.rejects(first, (error) => error === 'gone');
      await assertTimesOut(() => second);
      assert.equal(it.waiting(), 1);
      await it.satisfy();
      await taken(it, await third);
      assert.equal(it.waiting(), 0);
    });

    contract('given up in the very moment of the wake-up, it goes to the next', async (it) => {
      const abort = new AbortController();
      const first = it.wait({ signal: abort.signal });
      const second = it.wait();
      await until(() => it.waiting() === 2);
      // No turn of the event loop in between: the wake-up is on its way when the first leaves.
      const satisfied = it.satisfy();
      abort.abort('gone');
      await satisfied;
      const outcome = await first.then(
        (value) => ({ value }),
        (error) => ({ error }),
      );
      if ('error' in outcome) assert.equal(outcome.error, 'gone');
      else {
        await it.after?.(outcome.value);
        await it.satisfy();
      }
      await taken(it, await second);
    });

    contract('what came in time counts, however late the event loop turns', async (it) => {
      const wait = it.wait({ timeout: 20 });
      await until(() => it.waiting() === 1);
      const satisfied = it.satisfy();
      const busy = performance.now() + 60;
      while (performance.now() < busy);
      await satisfied;
      const outcome = await wait;
      if ('value' in timedOut) assert.notEqual(outcome, timedOut.value);
      await it.after?.(outcome);
    });

    contract('a blocking thread gets what an aborted waiter before it does not take', async (it) => {
      if (!it.blocked) return;
      const abort = new AbortController();
      const first = it.wait({ signal: abort.signal });
      await until(() => it.waiting() === 1);
      await using thread = it.blocked();
      await thread.parked();
      await until(() => it.waiting() === 2);
      abort.abort('gone');
      await assert.rejects(first, (error) => error === 'gone');
      await it.satisfy();
      await thread.result();
      assert.equal(it.waiting(), 0);
    });

    contract('a worker that is terminated while it blocks leaves nothing, and the next gets it', async (it) => {
      if (!it.blocked) return;
      const dead = it.blocked();
      await dead.parked();
      const alive = it.blocked();
      await alive.parked();
      await until(() => it.waiting() === 2);
      await dead.terminate();
      assert.equal(it.waiting(), 1);
      await it.satisfy();
      await alive.result();
      await turns();
      assert.equal(it.waiting(), 0);
    });
  });
}
