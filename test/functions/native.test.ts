/** Functions of Node's own: those that a module exports cross, the others are refused with the place of who captured them. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FunctionError } from '../../src/errors.ts';
import { captureFunction, rebuildFunction } from '../../src/functions/index.ts';
import { Thread } from '../../src/index.ts';

const limit = { timeout: 20_000 };

describe("Node's own functions", () => {
  for (const fn of [readFile, delay]) {
    test(`${fn.name} of a module whose script is another`, limit, () => {
      const { reference, values } = captureFunction(fn);
      assert.equal(rebuildFunction(structuredClone(reference), values), fn);
    });
  }
  test('a captured one without source names function, place, variable and path', limit, () => {
    const logger = { write: console.log };
    const report = () => logger.write('x');
    assert.throws(
      () => new Thread({ target: report }).start(),
      (error: Error) => {
        assert.ok(error instanceof FunctionError);
        assert.match(error.message, /^Function report \(.*native\.test\.ts:\d+:\d+\) can't run in another thread: /);
        assert.match(error.message, /it captures 'logger', and logger\.write is the function log/);
        assert.match(error.message, /native code, which has no source\. Pass an arrow function/);
        return true;
      },
    );
  });
});
