/**
 * Where threads come from. An isolate that is parked is taken at once; else the *nursery* makes one.
 *
 * The nursery is a small hidden thread that does nothing but make workers, end them, and notice their death. It exists
 * because Node ties a worker to the thread that made it: its exit is told to that thread's event loop, and it dies with
 * that thread. With the nursery as everybody's parent a thread may block its event loop, or end, and its threads start,
 * die and are noticed all the same.
 *
 *     any thread ──Request──▶ NURSERY_QUEUE ──▶ nursery ──new Worker──▶ isolate (bootstrap/isolate.ts)
 *                                                  ▲                        │ claims a descriptor, writes it to its seat
 *                                                  └───── 'exit' ───────────┘ → reap, finish the thread's record
 */
import { isMainThread, type ResourceLimits, SHARE_ENV, type Worker, workerData } from 'node:worker_threads';
import { RuntimeError } from '../errors.ts';
import {
  addressOf,
  blockFor,
  heap,
  ISOLATE,
  isGone,
  lockMutex,
  parkOnWord,
  parkSync,
  SUPER,
  THREAD,
  unlockMutex,
  wake,
  wakeWord,
  wrapCounting,
} from '../memory/index.ts';
import { Queue } from '../queue/index.ts';
import { mustHaveEntries, startWorker } from './entry.ts';
import { buryOrphans } from './orphans.ts';
import { hasWayToNursery, setNurseryWorker } from './ports.ts';

/** What the nursery is asked for; one count of the record travels with the request. */
export type Request =
  /** An isolate for the thread of this record. */
  | { type: 'spawn'; record: number; limits?: ResourceLimits }
  /** The end of the isolate in which the thread of this record runs. */
  | { type: 'terminate'; record: number }
  /** The end of the nursery and all its isolates: the thread that made it is about to end, and Node ends them with it. */
  | { type: 'close' };

/** What every isolate needs to know of the program; handed on from the first. */
export type ProgramFacts = { argv: string[]; execArgv: string[] };

/** workerData of the nursery and of isolates. */
export type NurseryData = { telaio: 'nursery'; facts: ProgramFacts };
export type IsolateData = {
  telaio: 'isolate';
  facts: ProgramFacts;
  record: number;
  seat: Int32Array;
  reusable: boolean;
};

/** Words of an isolate's seat, by which the nursery knows whom to reap, and whether it still counts as SETTLING. */
export const SEAT = { DESCRIPTOR: 0, EPOCH: 1, SETTLING: 2, WORDS: 3 } as const;
const ownSeat: Int32Array | undefined = workerData?.telaio === 'isolate' ? workerData.seat : undefined;

/** Parked isolates at most; more than that end. */
const MOST_IDLE = 8;
/** How long one waits for a thread before it ends, in milliseconds. */
const IDLE_MS = 10_000;

let known: { queue: Queue<Request>; ident: number } | undefined;

/** The nursery's queue; makes the nursery when there is none. */
export function nursery(): Queue<Request> {
  const ident = heap.load(SUPER.NURSERY_IDENT);
  if (known !== undefined && known.ident === ident && heap.descriptorOf(ident) !== 0) return known.queue;
  lockMutex(heap, SUPER.NURSERY_MUTEX);
  try {
    const current = heap.load(SUPER.NURSERY_IDENT);
    if (heap.descriptorOf(current) !== 0) {
      const queue = wrapCounting(heap, heap.i32[SUPER.NURSERY_QUEUE]) as Queue<Request>;
      known = { queue, ident: current };
    } else {
      known = { queue: makeNursery(), ident: heap.ident };
    }
    return known.queue;
  } finally {
    unlockMutex(heap, SUPER.NURSERY_MUTEX);
  }
}

function makeNursery(): Queue<Request> {
  mustHaveEntries();
  const queue = new Queue<Request>();
  const address = addressOf(queue);
  heap.retain(address);
  const old = heap.i32[SUPER.NURSERY_QUEUE];
  heap.i32[SUPER.NURSERY_QUEUE] = address;
  if (old !== 0) heap.release(old);
  // Until it is up its maker stands for it: requests wait in the queue.
  heap.store(SUPER.NURSERY_IDENT, heap.ident);
  let worker: Worker;
  try {
    worker = startWorker<NurseryData>(
      { telaio: 'nursery', facts: programFacts() },
      {
        name: 'telaio nursery',
        // Neither the program's loaders nor its preloaded modules have any business there.
        execArgv: [],
        env: SHARE_ENV,
      },
    );
  } catch (error) {
    // Nobody stands for it: the next start tries again, instead of waiting for what never comes.
    heap.store(SUPER.NURSERY_IDENT, 0);
    throw new RuntimeError(`No thread can be started: ${(error as Error).message}`, undefined, { cause: error });
  }
  worker.unref();
  setNurseryWorker(worker);
  // Made by somebody's own worker, it ends with that worker; what runs in it must not vanish without a word.
  if (!isMainThread) process.on('exit', () => closeNursery(queue));
  return queue;
}

/** Threads may be wanted soon: what starts them comes up meanwhile. */
export function mayStartThreads(): void {
  nursery();
}

/** Whether ports can be sent from here to threads: a worker of the program's own has no way to a nursery that isn't its own. */
export function hasWayToThreads(): boolean {
  nursery();
  return hasWayToNursery();
}

/** How long an ending worker waits for the threads that end with it, in milliseconds. */
const CLOSING_MS = 5_000;

function closeNursery(queue: Queue<Request>): void {
  queue.putSync({ type: 'close' });
  const end = performance.now() + CLOSING_MS;
  while (heap.load(SUPER.NURSERY_IDENT) !== 0 && performance.now() < end) blockFor(heap, 1);
}

/** Options of the command line that a thread needs too: what loads and resolves modules. */
const HANDED_ON = /^(?:--import|--require|-r|--loader|--experimental-loader|--conditions|-C|--disable-warning)$/;
const HANDED_ON_WHOLE =
  /^(?:--(?:import|require|loader|experimental-loader|conditions|disable-warning)=|--(?:no-)?(?:enable-source-maps|preserve-symlinks|warnings|deprecation|experimental-|strip-types|addons)|--no-warnings)/;

export function programFacts(): ProgramFacts {
  const facts: ProgramFacts | undefined = workerData?.telaio === undefined ? undefined : workerData.facts;
  if (facts) return facts;
  const execArgv: string[] = [];
  for (let index = 0; index < process.execArgv.length; index++) {
    const option = process.execArgv[index];
    if (HANDED_ON.test(option)) execArgv.push(option, process.execArgv[++index]);
    else if (HANDED_ON_WHOLE.test(option)) execArgv.push(option);
  }
  return { argv: process.argv, execArgv };
}

/** Gives the record to a parked isolate, if there is one. The isolate takes over one count. */
export function handToIdle(record: number): boolean {
  for (;;) {
    lockMutex(heap, SUPER.IDLE_MUTEX);
    const descriptor = heap.i32[SUPER.IDLE_HEAD];
    if (descriptor !== 0) {
      heap.i32[SUPER.IDLE_HEAD] = heap.i32[descriptor + ISOLATE.NEXT_IDLE];
      heap.i32[SUPER.IDLE_COUNT]--;
    }
    unlockMutex(heap, SUPER.IDLE_MUTEX);
    if (descriptor === 0) {
      if (!waitForSettling()) return false;
      continue;
    }
    if (heap.descriptorOf(heap.load(descriptor + ISOLATE.IDENT)) === 0) continue;
    heap.i32[descriptor + ISOLATE.MAILBOX_THREAD] = record;
    // Publishes the line above.
    wakeWord(heap, descriptor + ISOLATE.MAILBOX, 1);
    return true;
  }
}

/** A thread that has just ended leaves its isolate in a moment: worth waiting for, since a new one takes far longer. */
const SETTLING_MS = 2;

function waitForSettling(): boolean {
  if (heap.load(SUPER.SETTLING) <= 0) return false;
  const parked = () => heap.load(SUPER.IDLE_COUNT) > 0 || undefined;
  return parkSync(heap, SUPER.IDLE_SPOT, 0, parked, performance.now() + SETTLING_MS) ?? false;
}

/** A thread is about to end here; `settled` follows, or the nursery's, if the isolate dies before. */
export function settling(): void {
  heap.add(SUPER.SETTLING, 1);
  ownSeat![SEAT.SETTLING] = 1;
}

/** This isolate has parked, or goes another way. */
export function settled(seat = ownSeat!): void {
  if (seat[SEAT.SETTLING] === 0) return;
  seat[SEAT.SETTLING] = 0;
  heap.add(SUPER.SETTLING, -1);
  wake(heap, SUPER.IDLE_SPOT, Infinity);
}

/** Parks this isolate until it is given a thread: its record, or 0 when it isn't needed any more. */
export function waitForThread(): number {
  const { descriptor, i32 } = heap;
  lockMutex(heap, SUPER.IDLE_MUTEX);
  if (i32[SUPER.IDLE_COUNT] >= MOST_IDLE) {
    unlockMutex(heap, SUPER.IDLE_MUTEX);
    settled();
    return 0;
  }
  heap.store(descriptor + ISOLATE.MAILBOX, 0);
  i32[descriptor + ISOLATE.NEXT_IDLE] = i32[SUPER.IDLE_HEAD];
  i32[SUPER.IDLE_HEAD] = descriptor;
  i32[SUPER.IDLE_COUNT]++;
  unlockMutex(heap, SUPER.IDLE_MUTEX);
  settled();
  parkOnWord(heap, descriptor + ISOLATE.MAILBOX, 0, IDLE_MS);
  if (heap.load(descriptor + ISOLATE.MAILBOX) === 0 && leaveIdle(descriptor)) return 0;
  // Not in the list any more, so somebody is about to write.
  while (heap.load(descriptor + ISOLATE.MAILBOX) === 0) parkOnWord(heap, descriptor + ISOLATE.MAILBOX, 0, IDLE_MS);
  return i32[descriptor + ISOLATE.MAILBOX_THREAD];
}

/** Takes a descriptor out of the idle list; false when it isn't in it. */
export function leaveIdle(descriptor: number): boolean {
  const { i32 } = heap;
  lockMutex(heap, SUPER.IDLE_MUTEX);
  let link: number = SUPER.IDLE_HEAD;
  while (i32[link] !== 0 && i32[link] !== descriptor) link = i32[link] + ISOLATE.NEXT_IDLE;
  const found = i32[link] === descriptor;
  if (found) {
    i32[link] = i32[descriptor + ISOLATE.NEXT_IDLE];
    i32[SUPER.IDLE_COUNT]--;
  }
  unlockMutex(heap, SUPER.IDLE_MUTEX);
  return found;
}

/** When the nursery died with the thread that made it: ends what died with it, so that the next one can be made. */
function buryDeadNursery(): void {
  const dead = (): number => {
    const descriptor = heap.descriptorOf(heap.load(SUPER.NURSERY_IDENT));
    return descriptor !== 0 && isGone(heap, descriptor) ? descriptor : 0;
  };
  if (dead() === 0) return;
  lockMutex(heap, SUPER.NURSERY_MUTEX);
  try {
    if (dead() !== 0) buryOrphans(leaveIdle);
  } finally {
    unlockMutex(heap, SUPER.NURSERY_MUTEX);
  }
}

/** Asks for the end of the isolate in which a thread runs. */
export function requestTermination(record: number): void {
  heap.retain(record);
  nursery().putSync({ type: 'terminate', record });
}

/** Asks for an isolate for a thread; a parked one when there is one and it needs no limits of its own. */
export function requestIsolate(record: number, limits: ResourceLimits | undefined): void {
  heap.retain(record);
  try {
    buryDeadNursery();
    if (limits === undefined && handToIdle(record)) return;
    nursery().putSync(limits === undefined ? { type: 'spawn', record } : { type: 'spawn', record, limits });
  } catch (error) {
    heap.release(record);
    throw error;
  }
}

/** Whether the thread of this record runs in that isolate now. */
export function runsIn(record: number, descriptor: number): boolean {
  return descriptor !== 0 && heap.load(descriptor + ISOLATE.THREAD) === record && heap.i32[record + THREAD.STATE] !== 0;
}
