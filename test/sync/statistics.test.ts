/** What a primitive says of itself, in numbers and as text, also from another thread and inside another object. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { Condition, Event, getIdent, Lock, RLock, Semaphore, Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import { acquireOnce } from './fixtures/abandoned.ts';
import { waitEvent } from './fixtures/roles.ts';

const id = (text: string): string => text.replaceAll(/#[0-9a-f]+/g, '#id').replaceAll(/owner=[1-9]\d*/g, 'owner=me');

check('text through util.inspect, alone and inside an object', () => {
  const [lock, rlock, event, semaphore] = [new Lock(), new RLock(), new Event(), new Semaphore(2)];
  const condition = new Condition(lock);
  const all = { lock, rlock, event, semaphore, condition };
  const lines = (): string[] => Object.values(all).map((each) => id(inspect(each)));
  assert.deepEqual(lines(), [
    '<unlocked Lock #id>',
    '<unlocked RLock #id owner=0 count=0>',
    '<Event #id: unset>',
    '<Semaphore #id value=2>',
    '<Condition #id over <unlocked Lock #id>, 0 waiting>',
  ]);
  lock.acquireSync();
  for (let level = 0; level < 3; level++) rlock.acquireSync();
  event.set();
  semaphore.acquireSync();
  assert.deepEqual(lines(), [
    '<locked Lock #id>',
    '<locked RLock #id owner=me count=3>',
    '<Event #id: set>',
    '<Semaphore #id value=1>',
    '<Condition #id over <locked Lock #id>, 0 waiting>',
  ]);
  assert.match(inspect(rlock), new RegExp(`owner=${getIdent()} `));
  assert.equal(inspect([lock]), `[ ${lock} ]`);
  for (const each of Object.values(all)) assert.equal(String(each), inspect(each));
});

check('the text is the same in another thread, and a subclass is called by its name', async () => {
  const lock = new RLock();
  lock.acquireSync();
  lock.acquireSync();
  const seen = await new Thread({ target: (other: RLock) => `${other}`, args: [lock] }).start().result();
  assert.equal(seen, String(lock));
  class Gate extends Lock {}
  assert.equal(id(inspect(new Gate())), '<unlocked Gate #id>');
});

check('how many wait, in both forms, and who holds', async () => {
  const abort = new AbortController();
  const { signal } = abort;
  for (const lock of [new Lock(), new RLock()]) {
    assert.deepEqual(lock.statistics(), { waiting: 0 });
    const open = Promise.withResolvers<void>();
    const holds = lock.run(() => open.promise);
    await until(() => lock.locked());
    const thread = new Thread({ target: acquireOnce, args: [lock] }).start();
    const turned = lock.run(() => 'through');
    const enough = new AbortController();
    const given = assert.rejects(lock.acquire({ signal: enough.signal }));
    await until(() => lock.statistics().waiting === 3);
    assert.deepEqual(lock.statistics(), { waiting: 3, holder: getIdent() });
    enough.abort();
    await given;
    assert.equal(lock.statistics().waiting, 2);
    open.resolve();
    await holds;
    assert.deepEqual([await thread.result(), await turned], [false, 'through']);
    assert.deepEqual(lock.statistics(), { waiting: 0 });
  }
  const event = new Event();
  const thread = new Thread({ target: waitEvent, args: [event] }).start();
  const turned = event.wait();
  const aborted = assert.rejects(event.wait({ signal }));
  await until(() => event.statistics().waiting === 3);
  abort.abort();
  await aborted;
  assert.deepEqual(event.statistics(), { waiting: 2 });
  event.set();
  assert.deepEqual([await thread.result(), await turned, event.statistics()], [true, true, { waiting: 0 }]);
});
