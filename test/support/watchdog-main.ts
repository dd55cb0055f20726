/**
 * Runs beside the tests of one file and ends the process when a test is long over its deadline: the main thread may be
 * blocked for ever, and then no timer of its own fires.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { heap } from '../../src/memory/index.ts';
import { whoWaits } from './isolates.ts';

const { deadline, name } = workerData as { deadline: Float64Array; name: Uint8Array };

setInterval(() => {
  const at = deadline[0];
  if (at === 0 || Date.now() < at) return;
  const title = Buffer.from(name.slice(1, 1 + name[0])).toString();
  writeSync(2, `\n"${title}" hangs and its thread is blocked. Who waits for whom:\n${whoWaits(heap)}\n`);
  process.kill(process.pid, 'SIGKILL');
}, 200);
