/** Who runs here: the current thread, the main one, all of them. */
import { addressOf, heap, ISOLATE, SUPER, THREAD, wrap, wrapCounting } from '../memory/index.ts';
import { liveRecords } from './record.ts';
import { foreignThread, Thread } from './thread.ts';

type AnyThread = Thread<never[], unknown>;

/** The thread that calls. In the main thread, and in workers that this library did not start, a thread object is made. */
export function currentThread(): AnyThread {
  const address = heap.load(heap.descriptor + ISOLATE.THREAD);
  if (address === 0) return adoptThisIsolate();
  // Not one that was disposed.
  if (!(current instanceof Thread)) current = wrapCounting(heap, address) as AnyThread;
  return current;
}

/** Kept from the first call to the thread's end, with what its code has written on it. */
let current: AnyThread | undefined;

/** @internal The thread that ran here has ended. */
export function forgetCurrentThread(): void {
  current = undefined;
}

/** Gives an isolate that the library did not start a thread object of its own. */
function adoptThisIsolate(): AnyThread {
  const thread = foreignThread(heap.ident === heap.load(SUPER.MAIN_IDENT));
  heap.store(heap.descriptor + ISOLATE.THREAD, addressOf(thread));
  // Held by the descriptor for as long as the isolate lives.
  heap.retain(addressOf(thread));
  foreign = thread;
  return thread;
}

/** Keeps the wrapper, and with it the record, for the isolate's life. */
let foreign: AnyThread | undefined;

/** The thread that the process began with. */
export function mainThread(): AnyThread {
  if (heap.ident === heap.load(SUPER.MAIN_IDENT)) return foreign ?? currentThread();
  const found = enumerate().find((thread) => thread.ident === heap.load(SUPER.MAIN_IDENT));
  if (!found) throw new RangeError('The main thread of this process has not imported telaio/threading.');
  return found;
}

/** All threads that live: started and not ended, the main thread among them. */
export function enumerate(): AnyThread[] {
  if (heap.ident === heap.load(SUPER.MAIN_IDENT)) currentThread();
  return liveRecords(heap).map((address) => wrap(heap, address) as AnyThread);
}

/** Those that are workers of the executor whose record this is. */
export function workersOf(executor: number): AnyThread[] {
  return enumerate().filter((thread) => heap.i32[addressOf(thread) + THREAD.EXECUTOR] === executor);
}

/** How many threads live. */
export function activeCount(): number {
  return enumerate().length;
}

/** The current thread's number: never 0, and no other living thread has it. */
export function getIdent(): number {
  return heap.ident;
}

/** The kernel's id of the current thread; undefined where the platform doesn't tell. */
export function getNativeId(): number | undefined {
  return heap.i32[heap.descriptor + ISOLATE.NATIVE_ID] || undefined;
}

// The main thread is there from the start, also for threads that ask for it.
if (heap.ident === heap.load(SUPER.MAIN_IDENT)) currentThread();
