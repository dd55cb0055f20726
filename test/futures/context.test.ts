/** AsyncLocalStorage stores that go along with tasks. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { describe } from 'node:test';
import { ThreadPoolExecutor } from '../../src/futures/index.ts';
import { check } from '../support/check.ts';
import * as stores from './fixtures/stores.ts';
import { square } from './fixtures/tasks.ts';
import { tenant } from './fixtures/tenant.ts';

const { request } = stores;
const hidden = new AsyncLocalStorage<number>();
const commonjs = createRequire(import.meta.url)('./fixtures/stores.cjs') as {
  storage: AsyncLocalStorage<number>;
  seen: () => number;
};

describe('context', () => {
  check(
    'stores of the executor’s storages arrive, copied: exported, imported, by function; also after an await',
    async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, context: [request, tenant, stores.ownStorage] });
      const user = { id: 7, user: 'Ada' };
      const numbers = new Map([['a', 1]]);
      for (const task of [stores.seen, stores.seenLater]) {
        const future = request.run(user, () =>
          stores.inOwn('mine', () => tenant.run(numbers, () => pool.submit(task as () => unknown[]))),
        );
        assert.deepEqual(await future, [user, 'mine', numbers]);
      }
      assert.deepEqual(await pool.submit(stores.seen), [undefined, undefined, undefined], 'none is left behind');
    },
  );

  check('tasks side by side on one worker each see their own', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 8, context: [request] });
    const ids = Array.from({ length: 40 }, (_, id) => id);
    const futures = ids.map((id) => request.run({ id }, () => pool.submit(stores.seenLater)));
    for (const id of ids) assert.deepEqual((await futures[id])[0], { id });
  });

  check('map, and with()', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const view = pool.with({ context: [request] });
    assert.deepEqual(await request.run({ id: 3 }, () => view.map(stores.seenFor, [1, 2])).toArray(), [
      [1, 3],
      [2, 3],
    ]);
    assert.deepEqual(await request.run({ id: 3 }, () => pool.submit(stores.seen)), [undefined, undefined, undefined]);
  });

  check('a task that submits others: with what it was given, where it names it', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2, context: [request] });
    const [seenHere, seenThere] = await request.run({ id: 11 }, () => pool.submit(stores.passesOn, pool));
    assert.deepEqual([seenHere, seenThere], [11, 11]);
  });

  check('an inline function, and a CommonJS module', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, context: [request, commonjs.storage] });
    const factor = 2;
    const inline = request.run({ id: 21 }, () => pool.submit(() => (request.getStore()?.id ?? 0) * factor));
    assert.equal(await inline, 42);
    assert.equal(await commonjs.storage.run(5, () => pool.submit(commonjs.seen)), 5);
  });

  check('misuse', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, context: [hidden, request] });
    assert.throws(() => hidden.run(1, () => pool.submit(square, 2)), {
      name: 'TypeError',
      message:
        /^context\[0\] can't be found in the task's thread: no top-level variable of the module of square \(.*tasks\.ts:\d+:\d+\) holds this AsyncLocalStorage\. Import it there, or give a function/,
    });
    assert.throws(() => request.run({ id: 1, user: Symbol('x') as never }, () => pool.submit(stores.seen)), {
      name: 'CloneError',
      message: /^context\[0\]\.user can't be copied to another thread/,
    });
    assert.throws(
      () => pool.with({ context: [request] }).submit(stores.seen as (x: unknown) => unknown, new WeakMap()),
      {
        message: /^args\[0\] /,
      },
    );
    assert.throws(() => new ThreadPoolExecutor({ context: request as never }), /^TypeError: context is no array/);
    assert.throws(() => pool.with({ context: [{} as never] }), /^TypeError: context\[0\] is no AsyncLocalStorage/);
    assert.equal(await pool.submit(square, 2), 4);
  });
});
