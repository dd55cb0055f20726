/**
 * The process stays until every non-daemon thread has ended: when the main thread's event loop has nothing left, it
 * waits for them, and for what was submitted to executors in any thread, and then looks again. `process.exit()` does not wait.
 */

import { isMainThread, workerData } from 'node:worker_threads';
import {
  blockingWaits,
  heap,
  ISOLATE,
  keepProcess,
  liveIsolates,
  park,
  SUPER,
  THREAD,
  THREAD_FLAG,
  THREAD_STATE,
  wake,
} from '../memory/index.ts';
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
    if (none() || isEnded) return;
    endCurrent();
    void untilNone(none);
  });
}

/** How often it is looked whether what is left will never end, in milliseconds. */
const LOOK_MS = 250;

async function untilNone(none: () => true | undefined): Promise<void> {
  for (let deaf = 0; deaf < 2; deaf = isOnlyDeaf() ? deaf + 1 : 0) {
    if (await park(heap, SUPER.LIVE_SPOT, none, { timeout: LOOK_MS })) return;
  }
  isEnded = true;
}

/** Nothing will come any more, though somebody waits. */
let isEnded = false;

/**
 * Whether nothing keeps the process but daemon threads that block, and so don't hear that what they have submitted is done: all
 * workers block for their next task.
 */
function isOnlyDeaf(): boolean {
  const blocked = new Map<number, number>();
  for (const { descriptor, object } of blockingWaits(heap)) blocked.set(descriptor, object);
  let deaf = 0;
  for (const descriptor of liveIsolates(heap)) {
    const keeps = heap.load(descriptor + ISOLATE.KEEPS) !== 0;
    const thread = heap.load(descriptor + ISOLATE.THREAD);
    const flags = thread === 0 ? 0 : heap.load(thread + THREAD.FLAGS);
    if (flags & THREAD_FLAG.QUIET) {
      // A worker, which looks up now and then: or is about to become one.
      if (keeps || blocked.get(descriptor) !== heap.load(descriptor + ISOLATE.SERVES)) return false;
    } else if (keeps) {
      if ((flags & THREAD_FLAG.DAEMON) === 0 || !blocked.has(descriptor)) return false;
      deaf++;
    }
  }
  return deaf > 0 && heap.load(SUPER.LIVE_THREADS) === deaf;
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
