/** One thread's life inside its isolate: its record is taken over, its modules imported, its target run, its end told. */

import { CloneError, RuntimeError, ThreadEndedError, WorkerCrashedError } from '../errors.ts';
import { type FunctionReference, loadModuleOf } from '../functions/index.ts';
import {
  abandon,
  abandonHeld,
  collectGarbage,
  endThreadWaits,
  heap,
  heldBy,
  ISOLATE,
  isCollectionDue,
  KIND,
  letGo,
  loadValue,
  note,
  storeValue,
  sweepLingering,
  THREAD,
  THREAD_FLAG,
  THREAD_OUTCOME,
  THREAD_STATE,
  wake,
} from '../memory/index.ts';
import { currentThread, forgetCurrentThread } from './current.ts';
import { prepareHook, reportException } from './except-hook.ts';
import { setKernelName } from './kernel-name.ts';
import { settling } from './nursery.ts';
import { finish, nameOf } from './record.ts';
import { awaitsInterrupt, forgetSignal, type Payload } from './thread.ts';

/**
 * The thread that runs here, from its first line to its last. Tempting and wrong: with its `Thread` object, which many
 * never ask for; V8 is in no hurry to collect those of an isolate that runs one short thread after another.
 */
let running: { record: number; text: string } | undefined;
/** Of the holdings: keeps the record of the thread that runs, or ran, here. */
let entry = 0;

/** Runs the thread of this record to its end, its target when `loaded` has come. Takes over one count of the record. */
export async function runThread(record: number, loaded?: Promise<void>): Promise<void> {
  const { descriptor, i32 } = heap;
  heap.renew();
  // Of the thread before: what it returned with is not this one's.
  sweepLingering();
  held = undefined;
  heap.store(descriptor + ISOLATE.THREAD, record);
  forgetCurrentThread();
  i32[record + THREAD.IDENT] = heap.ident;
  i32[record + THREAD.NATIVE_ID] = i32[descriptor + ISOLATE.NATIVE_ID];
  entry = note(record);
  running = { record, text: 'its target' };
  tellKernel(record);
  heap.store(record + THREAD.STATE, THREAD_STATE.RUNNING);
  wake(heap, record + THREAD.SPOT, Infinity);
  if (heap.load(record + THREAD.FLAGS) & THREAD_FLAG.TERMINATE) {
    // Somebody wanted that: no report.
    end(THREAD_OUTCOME.ERROR, new WorkerCrashedError(`${nameOf(heap, record)} was terminated before it ran.`));
    return;
  }
  try {
    if (loaded !== undefined) await loaded;
    const value = await runTarget(running);
    const stored = storeResult(value);
    if (leaveWaits() > 0) await turn();
    end(THREAD_OUTCOME.VALUE, value, stored);
  } catch (error) {
    await prepareHook();
    fail(error);
  }
}

/** Lets whatever is ready in the event loop run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What the thread held when it returned: it stays taken where others may release it. What was taken here later nobody will give back. */
let held: Set<number> | undefined;
/** Whether a wait was ended since the thread that runs, or ran, here began. */
let waitsEnded = false;

/**
 * The target has returned, or failed: what it has not awaited ends. The code behind it gets an error, so its `using` and
 * `finally` blocks run; in a turn of the event loop before the end is told, if there is one.
 */
function leaveWaits(): number {
  held ??= heldBy(heap, heap.descriptor, heap.ident);
  const ended = endThreadWaits(heap);
  if (ended > 0) waitsEnded = true;
  return ended;
}

/** Whether an uncaught error says no more than that a wait ended with its thread: nobody is left to be told. */
export function isEndedWait(error: unknown): boolean {
  return waitsEnded && comesOfEnd(error);
}

function comesOfEnd(error: unknown, depth = 0): boolean {
  if (error instanceof ThreadEndedError) return true;
  if (!(error instanceof Error) || depth > 8) return false;
  const { cause, error: last, suppressed, errors } = error as SuppressedError & { errors?: unknown };
  const inner = [cause, last, suppressed, ...(Array.isArray(errors) ? errors : [])];
  return inner.some((each) => comesOfEnd(each, depth + 1));
}

/** Nothing is left here that could give back what was taken after the thread's end. */
function abandonLate(): void {
  for (const address of heldBy(heap, heap.descriptor, heap.ident)) {
    if (!held?.has(address)) abandon(heap, address, heap.ident);
  }
}

/** What a thread that returned has left locked and nobody else may release: the next to want it would wait for ever. */
function abandonOwned(): void {
  for (const address of held ?? []) {
    const kind = heap.kind(address);
    if (kind !== KIND.RLOCK && kind !== KIND.RWLOCK) continue;
    abandon(heap, address, heap.ident);
    held?.delete(address);
  }
}

let toldKernel = false;

/** Only names that somebody gave, and the one after such a name: it takes longer than all else at a start. */
function tellKernel(record: number): void {
  const given = heap.i32[record + THREAD.NUMBER] === 0;
  if (given || toldKernel) setKernelName(heap.i32[record + THREAD.NATIVE_ID], nameOf(heap, record));
  toldKernel = given;
}

/** A result that can't be sent back is an error of the thread like any other, and reported as one. */
function storeResult(value: unknown): number {
  try {
    return storeValue(value);
  } catch (cause) {
    const { record, text } = running!;
    throw new CloneError(
      `The result of ${nameOf(heap, record)}, ${text}, can't be sent back: ${(cause as Error).message}`,
      undefined,
      { cause },
    );
  }
}

/** The event loop has nothing left while the target's promise is pending: nobody will ever settle it. */
export function endUnsettled(): void {
  if (!running || awaitsInterrupt()) return;
  fail(
    new RuntimeError(
      `${nameOf(heap, running.record)} can't end: the promise of ${running.text} waits for something that nothing in its event loop will ever bring. ` +
        'Await what settles, or keep a timer or handle for what will.',
    ),
  );
}

async function runTarget(run: { record: number; text: string }): Promise<unknown> {
  const { i32 } = heap;
  const modules = i32[run.record + THREAD.MODULES];
  const target = i32[run.record + THREAD.TARGET];
  let payload: Payload;
  try {
    // One after the other: an import that fails is reported alone.
    for (const reference of loadValue(heap, modules) as FunctionReference[]) await loadModuleOf(reference);
    payload = loadValue(heap, target) as Payload;
  } finally {
    // Out of the record first, so that what the arguments hold is given back once.
    i32[run.record + THREAD.MODULES] = 0;
    i32[run.record + THREAD.TARGET] = 0;
    heap.release(modules);
    heap.release(target);
  }
  run.text = payload.text;
  if (payload.self) return await payload.self.runHere(payload);
  const { target: fn, args } = payload;
  return await fn?.(...args);
}

/** The thread that runs here ends with an error: it is reported, and the others are told. */
export function fail(error: unknown): void {
  if (!running) return;
  reportException({ error, thread: currentThread(), target: running.text });
  end(THREAD_OUTCOME.ERROR, error);
}

/** The isolate is about to exit while a thread runs in it. */
export function endByExit(code: number): void {
  if (code === 0) {
    if (running) {
      // It has not returned, and no `using` has released what it holds.
      abandonHeld(heap, heap.descriptor, heap.ident);
      end(THREAD_OUTCOME.VALUE, undefined);
    }
    abandonLate();
    // What a thread that returned has left locked is not the isolate's to abandon: it goes under another ident.
    heap.renew();
    return;
  }
  if (!running) return;
  end(
    THREAD_OUTCOME.ERROR,
    new WorkerCrashedError(
      `${nameOf(heap, running.record)} ended itself by process.exit(${code}), running ${running.text}.`,
      undefined,
      { exitCode: code },
    ),
  );
}

const endings: (() => void)[] = [];

/** `run` is called whenever a thread ends in this isolate. */
export function atThreadEnd(run: () => void): void {
  endings.push(run);
}

function end(outcome: number, result: unknown, stored = 0): void {
  const { record } = running!;
  running = undefined;
  for (const run of endings) run();
  forgetSignal();
  // Again: code behind waits that have ended may have begun new ones.
  leaveWaits();
  // One that has returned did not die: a lock that it took for somebody else to release stays taken, as in Python.
  // Tempting and wrong: to give that up too; the next would take it before the one that it waits for.
  if (outcome === THREAD_OUTCOME.ERROR) {
    abandonHeld(heap, heap.descriptor, heap.ident);
    held = undefined;
  } else abandonOwned();
  settling();
  finish(heap, record, outcome, result, stored);
}

/** An event loop that still has something for its next turn after so many of them is not waited for. */
const MOST_TURNS = 100;

/**
 * Whether the isolate that ran this thread may run another: nothing is left in its event loop, and nobody has asked
 * for its end. The order matters: the thread has ENDED before the flag is read here, and who terminates sets the flag
 * before it looks at the state. So either it is seen here, or the thread's end is seen there; an isolate that has gone
 * on to another thread is never killed for the last one.
 */
export async function mayBeReused(record: number): Promise<boolean> {
  const flags = heap.load(record + THREAD.FLAGS);
  heap.store(heap.descriptor + ISOLATE.THREAD, 0);
  forgetCurrentThread();
  letGo(entry);
  if (flags & THREAD_FLAG.TERMINATE) return false;
  if (isCollectionDue()) await collectGarbage();
  let left: string[] = [];
  // What is left for the next turns of the event loop would run in the next thread's time, and fail in its name.
  for (let turns = 0; turns < MOST_TURNS; turns++) {
    await turn();
    left = process.getActiveResourcesInfo();
    if (!left.includes('Immediate')) break;
  }
  // What was left has asked who it is, and has been told that it is no thread of ours: so it stays.
  if (heap.load(heap.descriptor + ISOLATE.THREAD) !== 0) return false;
  // What its modules wait for may be among what has ended: the next thread finds them as new in another isolate.
  if (waitsEnded || left.length > 0) return false;
  // Nobody could open them again, and the next thread's output would be lost without a word.
  if ([process.stdout, process.stderr].some(({ writable }) => !writable)) return false;
  abandonLate();
  // A parked isolate that dies has nothing to abandon: see `endByExit`.
  heap.renew();
  return true;
}

/** Whether a thread runs here now. */
export function isRunning(): boolean {
  return running !== undefined;
}
