import assert from 'node:assert/strict';
import { Event } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';
import { settled, threadsOf, until } from '../support/threads.ts';
import { describeWaits } from '../support/wait-contract.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

describeWaits({
  name: 'Event.wait',
  timedOut: { value: false },
  scene() {
    const event = new Event();
    return {
      wait: (options) => event.wait(options),
      waitSync: (options) => event.waitSync(options),
      waiting: () => event.statistics().waiting,
      satisfy: () => event.set(),
      after: (outcome) => {
        assert.equal(outcome, true);
      },
      blocked: () => start('waitEvent', event),
      close: () => event.set(),
    };
  },
});

check('an event is unset at first, and set until it is cleared', async () => {
  const event = new Event();
  assert.equal(event.isSet(), false);
  event.set();
  event.set();
  assert.equal(event.isSet(), true);
  assert.equal(event.waitSync(), true);
  assert.equal(event.waitSync({ timeout: 0 }), true);
  assert.equal(await event.wait({ timeout: 0 }), true);
  event.clear();
  assert.equal(event.isSet(), false);
  assert.equal(event.waitSync({ timeout: 1 }), false);
});

check('set() wakes everybody: a thousand asynchronous waiters and blocking threads at once', async () => {
  const event = new Event();
  await using threads = new AsyncDisposableStack();
  const blocking = Array.from({ length: 3 }, () => threads.use(start('waitEvent', event)));
  const turning = threads.use(start('waitEventAsync', event));
  const local = Array.from({ length: 1000 }, () => event.wait());
  await until(() => event.statistics().waiting === 1004);
  for (const thread of blocking) await thread.parked();
  event.set();
  assert.deepEqual(new Set(await Promise.all(local)), new Set([true]));
  for (const thread of [...blocking, turning]) assert.equal(await thread.result(), true);
  assert.equal(event.statistics().waiting, 0);
});

check('another thread sets it while this one blocks, and while this one turns its event loop', async () => {
  const event = new Event();
  await using _setter = start('setEvent', event);
  assert.equal(event.waitSync(), true);
  event.clear();
  const wait = event.wait();
  await using _again = start('setEvent', event);
  assert.equal(await wait, true);
});

check('a waiter that comes while the event is set does not queue behind those not yet served', async () => {
  const event = new Event();
  const first = event.wait();
  event.set();
  // The first is not served before the event loop turns; the flag is up all the same.
  assert.equal(await event.wait({ timeout: 0 }), true);
  assert.equal(await first, true);
});

check('set and cleared at once it lets those through who waited, and the next wait for the next set()', async () => {
  const event = new Event();
  await using flicker = start('flicker', event);
  await flicker.running();
  for (let round = 0; round < rounds(300, 10_000); round++) await event.wait();
  flicker.stop();
  await flicker.result();
  event.clear();
  const wait = event.wait();
  assert.equal(await settled(wait), false);
  event.set();
  assert.equal(await wait, true);
});

check('the text form says the state', () => {
  const event = new Event();
  assert.match(String(event), /^<Event #[0-9a-f]+: unset>$/);
  event.set();
  assert.match(String(event), /^<Event #[0-9a-f]+: set>$/);
});
