/** The stack of a task's error ends where the task was submitted. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { inspect } from 'node:util';
import { CallSites } from '../../src/futures/call-site.ts';
import { type Future, ThreadPoolExecutor } from '../../src/futures/index.ts';
import { Event } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { until } from '../support/threads.ts';
import * as promised from './fixtures/promised.ts';
import { exitWith, fail, failOnThirteen, failWithoutStack, submitInside, waitForAsync } from './fixtures/tasks.ts';

const failures = async (futures: Iterable<Future<unknown>>): Promise<Error[]> => {
  const all = await Promise.all([...futures].map((future) => future.exception()));
  return all.map((error) => error ?? assert.fail('one of the tasks ended well'));
};

/** The frames of both halves. */
function halves(error: Error): [task: string, submitter: string] {
  const [task, submitter, ...more] = error.stack!.split('\n  submitted by:\n');
  assert.deepEqual(more, [], 'more than one submitter');
  return [task, submitter];
}

describe('the stack of a failure', () => {
  check('ends with the caller of submit, as far as the stack goes', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const submitHere = () => pool.submit(promised.failDeep, 7);
    async function wanted(): Promise<Error | undefined> {
      await undefined;
      return submitHere().exception();
    }
    const [task, submitter] = halves((await wanted())!);
    assert.match(
      task,
      /^TypeError: order 7\n +at failDeeper \(.*promised\.ts.*\n +at (Module\.)?failDeep \(.*promised\.ts/,
    );
    // No frame of the library between.
    assert.match(submitter, /^ +at submitHere \(.*call-site\.test\.ts:\d+:\d+\)\n +at wanted \(.*call-site\.test\.ts/);
  });

  check('whatever way it was submitted: with options, by map, by lazy map', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const view = pool.with({ priority: 1 });
    const items = Array.from({ length: 20 }, (_, n) => n);
    const results = [
      ...[{}, { chunkSize: 7 }, { bufferSize: 2 }, { ordered: false }].map((way) =>
        pool.map(failOnThirteen, items, way),
      ),
      view.map(failOnThirteen, items),
    ];
    const errors = await Promise.all(results.map((result) => result.toArray().catch((error: Error) => error)));
    for (const error of [...errors, await view.submit(fail, 'a view').exception()]) {
      const [task, submitter] = halves(error as Error);
      assert.match(task, /at fail \(.*tasks\.ts/);
      assert.match(submitter, /^ +at .*call-site\.test\.ts:\d+:\d+\)?(\n|$)/);
    }
  });

  check('of a task that outran its timeout, and of one whose worker died', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const late = pool.with({ timeout: 1, force: true }).submit(promised.goOn, new Event(), false);
    for (const error of await failures([late, pool.submit(exitWith, 3)])) {
      assert.match(halves(error)[1], /^ +at .*call-site\.test\.ts/);
    }
  });

  check('of one that was submitted inside of a task: each submitter in turn', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    const [error] = await failures([pool.submit(submitInside, pool, 'inner')]);
    const parts = error!.stack!.split('\n  submitted by:\n');
    assert.equal(parts.length, 3);
    assert.match(parts[0], /at fail \(.*tasks\.ts/);
    assert.match(parts[1], /^ +at .*submitInside \(.*tasks\.ts/);
    assert.match(parts[2], /^ +at .*call-site\.test\.ts/);
  });

  check('stays as it is where the error has none, or the program makes something else of stacks', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [without] = await failures([pool.submit(failWithoutStack, 'important')]);
    assert.match(inspect(without), /Error: important/);
    const { prepareStackTrace } = Error;
    const ways = [(_error: Error, frames: NodeJS.CallSite[]) => frames, () => fail('no stacks')];
    try {
      for (const way of ways) {
        Error.prepareStackTrace = way;
        const [failed] = await failures([pool.submit(fail, 'a task')]);
        const mapped = await pool
          .map(failOnThirteen, [13])
          .toArray()
          .then(
            () => assert.fail('it ended well'),
            (error: Error) => error,
          );
        for (const { stack } of [failed, mapped]) assert.doesNotMatch(stack!, /submitted by/);
      }
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
    }
  });

  check('is that of the worker alone where one error is that of several tasks', async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, tasksPerWorker: 3 });
    const never = new Event();
    const together = [pool.submit(waitForAsync, never), pool.submit(waitForAsync, never), pool.submit(exitWith, 3)];
    for (const { stack } of await failures(together)) assert.ok(!stack!.includes('submitted by'));
  });

  check('is not taken by every one of very many at once; one alone has it again a little later', async () => {
    const sites = new CallSites();
    const submit = (alone: boolean) => sites.below(submit, alone);
    const taken = Array.from({ length: 100_000 }, () => submit(false));
    assert.ok(taken.slice(0, 100).every((site) => String(site?.stack).includes('call-site.test.ts')));
    // Each takes a microsecond at the least, and ten a millisecond are allowed.
    assert.ok(taken.filter((site) => site !== undefined).length < taken.length / 2);
    await until(() => submit(true) !== undefined);
  });
});
