/**
 * The process stays until every non-daemon thread has ended: when the main thread's event loop has nothing left, it
 * waits for them, and for what was submitted to executors in any thread, and then looks again. `process.exit()` does not wait.
 */

import { isMainThread, workerData } from 'node:worker_threads';
import { heap, ISOLATE, keepProcess, park, SUPER, THREAD, THREAD_STATE, wake } from '../memory/index.ts';
import { reportAllWords } from './last-words.ts';

let watching = false;
let ending = false;
if (isMainThread) {
  process.on('exit', () => {
    ending = true;
    if (reportAllWords()) process.exitCode ||= 1;
  });
}

/** Whether the 'exit' listeners of the main thread run: nothing asynchronous will happen any more. */
export function isProcessEnding(): boolean {
  return ending;
}

export function keepProcessForThreads(): void {
  // Our own threads need not: whoever began the process does.
  if (watching || workerData?.telaio !== undefined) return;
  watching = true;
  process.on('beforeExit', () => {
    const none = () => heap.load(SUPER.LIVE_THREADS) === 0 || undefined;
    if (none()) return;
    endCurrent();
    void park(heap, SUPER.LIVE_SPOT, none);
  });
}

let holds = 0;

/** Something that was submitted here is not done: the process stays, though this may be a daemon thread, or none any more. */
export function holdProcess(): void {
  if (isMainThread || holds++ > 0) return;
  keepProcess(heap, heap.descriptor, true);
}

/** It is done. */
export function releaseProcess(): void {
  if (isMainThread || --holds > 0) return;
  keepProcess(heap, heap.descriptor, false);
}

/** Who joins the main thread waits for its code to be done, not for the process: that waits for them. */
function endCurrent(): void {
  const record = heap.load(heap.descriptor + ISOLATE.THREAD);
  if (record === 0) return;
  heap.store(record + THREAD.STATE, THREAD_STATE.ENDED);
  wake(heap, record + THREAD.SPOT, Infinity);
}
