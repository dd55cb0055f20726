/** What threads that die leave of executors in the shared heap. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { check } from '../support/check.ts';

check(
  'executors whose submitting threads and workers are killed go, with their tasks, functions and workers',
  async () => {
    const fixture = fileURLToPath(new URL('./fixtures/left-behind.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', fixture]);
    const { deaths, left } = JSON.parse(stdout) as { deaths: number; left: Record<string, number> };
    const { TASK = 0, LOCK = 0, EXECUTOR = 0, MESSAGE = 0 } = left;
    assert.deepEqual({ TASK, LOCK }, { TASK: 0, LOCK: 0 }, stdout);
    // Who is killed just as it starts a worker may leave that worker's record, which knows its executor.
    assert.ok(EXECUTOR <= 1 && MESSAGE <= 20, `${deaths} deaths: ${stdout}`);
  },
  { timeout: 60_000 },
);
