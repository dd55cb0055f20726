/** The nursery's life: makes isolates, ends them, and cleans up after them. See ../nursery.ts. */
import { parentPort, type ResourceLimits, SHARE_ENV, type Worker, workerData } from 'node:worker_threads';
import { RuntimeError, WorkerCrashedError } from '../../errors.ts';
// What a dead isolate held, of whatever kind, is abandoned and given back from here.
import '../../kinds.ts';
import {
  heap,
  ISOLATE,
  reap,
  rouse,
  SUPER,
  THREAD,
  THREAD_FLAG,
  THREAD_OUTCOME,
  THREAD_STATE,
  wrapCounting,
} from '../../memory/index.ts';
import type { Queue } from '../../queue/index.ts';
import { startWorker } from '../entry.ts';
import { reportWords } from '../last-words.ts';
import { type IsolateData, leaveIdle, type NurseryData, type Request, runsIn, SEAT, settled } from '../nursery.ts';
import { writeReport } from '../output.ts';
import { isPortMessage } from '../ports.ts';
import { finish, nameOf } from '../record.ts';

const { facts } = workerData as NurseryData;
// From the thread that made it.
parentPort?.on('message', passOn);
parentPort?.unref();
const isolates = new Map<Worker, Int32Array>();

function spawn(record: number, limits: ResourceLimits | undefined): void {
  const seat = new Int32Array(new SharedArrayBuffer(SEAT.WORDS * 4));
  const name = nameOf(heap, record);
  let failure: unknown;
  let worker: Worker;
  try {
    worker = startWorker<IsolateData>(
      { telaio: 'isolate', facts, record, seat, reusable: limits === undefined },
      {
        name,
        execArgv: facts.execArgv,
        env: SHARE_ENV,
        resourceLimits: limits,
        // Its own streams go through this event loop; it replaces them, so nothing must be piped from here.
        stdout: true,
        stderr: true,
      },
    );
  } catch (error) {
    finish(
      heap,
      record,
      THREAD_OUTCOME.ERROR,
      new RuntimeError(`${name} can't be started: ${(error as Error).message}`, undefined, { cause: error }),
    );
    heap.release(record);
    return;
  }
  isolates.set(worker, seat);
  worker.on('error', (error) => {
    failure = error;
  });
  worker.on('message', passOn);
  worker.on('exit', (code) => {
    isolates.delete(worker);
    bury(record, seat, failure, code);
  });
}

/** A port on its way from one thread to another. */
function passOn(message: unknown): void {
  if (!isPortMessage(message)) return;
  const descriptor = heap.descriptorOf(message.to);
  for (const [worker, seat] of isolates) {
    if (descriptor === 0 || seat[SEAT.DESCRIPTOR] !== descriptor) continue;
    worker.postMessage(message, [message.port]);
    return;
  }
  // Its thread is gone: who holds the other end is told.
  message.port.close();
}

/** An isolate is gone: what it held is given back, and the thread that ran in it, if any, has ended. */
function bury(first: number, seat: Int32Array, failure: unknown, code: number): void {
  const descriptor = seat[SEAT.DESCRIPTOR];
  if (descriptor === 0) {
    // It never came up: a preloaded module threw, say. The record's count is still ours.
    const text = `${nameOf(heap, first)} can't be started: its isolate ${causeOfDeath(failure, code)}.`;
    finish(heap, first, THREAD_OUTCOME.ERROR, new WorkerCrashedError(text, undefined, { cause: failure }));
    heap.release(first);
    return;
  }
  leaveIdle(descriptor);
  settled(seat);
  const current = heap.load(descriptor + ISOLATE.THREAD);
  // Kept over the reaping, which gives back what the isolate held; and that first: who joins finds its locks free.
  if (current !== 0) heap.retain(current);
  reportWords(heap, descriptor);
  reap(heap, descriptor, seat[SEAT.EPOCH]);
  if (current === 0) return;
  crash(current, failure, code);
  heap.release(current);
}

/** A thread's isolate died under it. It could call no except hook, so the report is made here. */
function crash(record: number, failure: unknown, code: number): void {
  if (heap.load(record + THREAD.STATE) === THREAD_STATE.ENDED) {
    // It may have died in the middle of telling so.
    rouse(heap, record + THREAD.SPOT);
    rouse(heap, SUPER.LIVE_SPOT);
    return;
  }
  const text = `${nameOf(heap, record)} ${causeOfDeath(failure, code)}.`;
  const wanted = (heap.load(record + THREAD.FLAGS) & (THREAD_FLAG.TERMINATE | THREAD_FLAG.QUIET)) !== 0;
  // Before the end is told: who has joined the thread may end the process at once.
  if (!wanted) writeReport(`${text}\n`);
  finish(heap, record, THREAD_OUTCOME.ERROR, new WorkerCrashedError(text, undefined, { cause: failure }));
}

function causeOfDeath(failure: unknown, code: number): string {
  const error = failure as NodeJS.ErrnoException | undefined;
  if (error?.code === 'ERR_WORKER_OUT_OF_MEMORY')
    return 'ran out of memory: raise resourceLimits.maxOldGenerationSizeMb';
  if (error !== undefined) return `died: ${error.message}`;
  return code === 1 ? 'was terminated' : `ended with exit code ${code}`;
}

function terminate(record: number): void {
  for (const [worker, seat] of isolates) {
    if (!runsIn(record, seat[SEAT.DESCRIPTOR])) continue;
    // Ended in the meantime: the isolate has seen the flag, or goes on to another thread, and is left alone.
    if (heap.load(record + THREAD.STATE) !== THREAD_STATE.ENDED) void worker.terminate();
    break;
  }
  heap.release(record);
}

/** The thread that made the nursery ends, and Node ends all of this with it: in order, as long as there is time. */
async function close(): Promise<void> {
  for (const seat of isolates.values()) {
    const record = seat[SEAT.DESCRIPTOR] === 0 ? 0 : heap.load(seat[SEAT.DESCRIPTOR] + ISOLATE.THREAD);
    // On purpose, so without a report.
    if (record !== 0) heap.or(record + THREAD.FLAGS, THREAD_FLAG.TERMINATE);
  }
  await Promise.all([...isolates.keys()].map((worker) => worker.terminate()));
  for (let left = requests.tryGet(); left !== undefined; left = requests.tryGet()) {
    if (left.type === 'spawn') {
      const error = new RuntimeError(`${nameOf(heap, left.record)} can't be started: its parent thread is ending.`);
      finish(heap, left.record, THREAD_OUTCOME.ERROR, error);
    }
    if (left.type !== 'close') heap.release(left.record);
  }
  reap(heap, heap.descriptor);
  heap.store(SUPER.NURSERY_IDENT, 0);
}

heap.store(SUPER.NURSERY_IDENT, heap.ident);
const requests = wrapCounting(heap, heap.i32[SUPER.NURSERY_QUEUE]) as Queue<Request>;

async function live(): Promise<void> {
  for await (const request of requests) {
    if (request.type === 'spawn') spawn(request.record, request.limits);
    else if (request.type === 'terminate') terminate(request.record);
    else break;
  }
  await close();
}

void live();
