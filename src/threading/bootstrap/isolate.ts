/** What an isolate does from its first to its last thread. The entry file of every worker that the nursery makes. */
import { workerData } from 'node:worker_threads';
import { installModuleHooks, ownFolder } from '../../functions/index.ts';
import '../../kinds.ts';
import { heap, ISOLATE } from '../../memory/index.ts';
import '../index.ts';
import { prepareHook, textOf } from '../except-hook.ts';
import { type IsolateData, SEAT, settled, waitForThread } from '../nursery.ts';
import { installOutput, writeReport } from '../output.ts';
import { endByExit, endUnsettled, fail, isEndedWait, isRunning, mayBeReused, runThread } from '../runner.ts';
import { declareNoTests } from './node-test.ts';

const { facts, seat, record, reusable } = workerData as IsolateData;

async function live(): Promise<void> {
  for (let next = record; next !== 0; next = waitForThread()) {
    await runThread(next);
    // A parked isolate has nothing in its event loop; one that has must go on turning, and ends when it is done.
    if (!(await mayBeReused(next)) || !reusable) {
      settled();
      return;
    }
  }
}

seat[SEAT.EPOCH] = heap.load(heap.descriptor + ISOLATE.EPOCH);
seat[SEAT.DESCRIPTOR] = heap.descriptor;
process.argv = facts.argv;
installOutput();
installModuleHooks();
// A bundle has this module in it, not as a file that others could be led to.
if (ownFolder !== undefined) declareNoTests();
let failing = false;
process.on('uncaughtException', async (error) => {
  if (isEndedWait(error)) return;
  // More of them while the hook's module is imported: the first one ends the thread.
  if (failing) return;
  failing = true;
  await prepareHook();
  if (isRunning()) fail(error);
  else writeReport(`Uncaught in a thread that had ended:\n${textOf(error)}\n`);
  process.exit(1);
});
process.on('exit', endByExit);
process.on('beforeExit', endUnsettled);
// Not awaited here: Node would blame this line for a target that never settles.
void live();
