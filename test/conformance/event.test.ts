/** What CPython promises of `threading.Event`, a test a promise. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { waitAndSee, waitTwice } from './fixtures/locks.ts';
import { isAbout, resultsOf, startAll, timed } from './fixtures/threads.ts';

check('set twice is set, cleared twice is clear (EventTests.test_is_set)', () => {
  const event = new Event();
  const seen = [event.isSet()];
  for (const change of [() => event.set(), () => event.set(), () => event.clear(), () => event.clear()]) {
    change();
    seen.push(event.isSet());
  }
  assert.deepEqual(seen, [false, true, true, false, false]);
});

check('a wait gives false after its time, true at once when set (EventTests.test_timeout)', async () => {
  const event = new Event();
  for (const { values, ms } of await resultsOf(startAll(5, waitTwice, [event, 0, 300]))) {
    assert.deepEqual(values, [false, false]);
    assert.ok(isAbout(ms, 300), `${ms} ms`);
  }
  assert.ok(isAbout(await timed(() => event.wait({ timeout: 100 })), 100));
  event.set();
  for (const { values, ms } of await resultsOf(startAll(5, waitTwice, [event, 0, 5000]))) {
    assert.deepEqual(values, [true, true]);
    assert.ok(ms < 3000, `${ms} ms`);
  }
  assert.equal(await event.wait({ timeout: 0 }), true);
});

check('set and cleared at once, all that waited are through (EventTests.test_set_and_clear)', async () => {
  const event = new Event();
  const threads = startAll(5, waitAndSee, [event]);
  const turned = Array.from({ length: 5 }, () => event.wait());
  await until(() => event.statistics().waiting === 10);
  event.set();
  event.clear();
  // What each sees afterwards is the flag as it is then: it may be fast enough to see it set.
  for (const [through] of await resultsOf(threads)) assert.equal(through, true);
  assert.equal(event.isSet(), false);
  assert.deepEqual(await Promise.all(turned), Array(5).fill(true));
});

check('its text says whether it is set (EventTests.test_repr) [adapted]', () => {
  const event = new Event();
  assert.match(String(event), /^<Event #[0-9a-f]+: unset>$/);
  event.set();
  assert.match(inspect(event), /^<Event #[0-9a-f]+: set>$/);
});
