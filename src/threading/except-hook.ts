/** What happens to an error that escapes a thread: one report, as Python's `threading.excepthook`. */
import { inspect } from 'node:util';
import { type FunctionReference, isOwn, loadModuleOf } from '../functions/index.ts';
import { discard, heap, loadValue, lockMutex, pack, SUPER, store, storeValue, unlockMutex } from '../memory/index.ts';
import { writeReport } from './output.ts';
import type { Thread } from './thread.ts';

/** What an except hook is told. */
export type ExceptHookArgs = {
  error: unknown;
  thread: Thread<never[], unknown>;
  /** The target's name and place, for reports. */
  target: string;
};
export type ExceptHook = (args: ExceptHookArgs) => void;

/**
 * Sets what is called, in the thread that failed, with an error that escaped its target; undefined brings the default
 * back, a report on stderr. The hook crosses to all threads, so it must be a function that can (see `FunctionError`).
 */
export function setExceptHook(hook: ExceptHook | undefined): void {
  let message = 0;
  let modules = 0;
  if (hook !== undefined) {
    if (typeof hook !== 'function')
      throw new TypeError(`setExceptHook(${String(hook)}): give a function, or undefined.`);
    const encoder = pack(hook);
    try {
      modules = storeValue(encoder.functions);
      message = store(encoder);
    } catch (error) {
      discard(encoder);
      throw error;
    }
  }
  lockMutex(heap, SUPER.THREADS_MUTEX);
  const old = [heap.i32[SUPER.EXCEPT_HOOK], heap.i32[SUPER.EXCEPT_HOOK_MODULES]];
  heap.i32[SUPER.EXCEPT_HOOK] = message;
  heap.i32[SUPER.EXCEPT_HOOK_MODULES] = modules;
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  for (const address of old) if (address !== 0) heap.release(address);
}

/** Imports what the hook needs: its module may use top-level await, as many a program's main module does. */
export async function prepareHook(): Promise<void> {
  try {
    for (const reference of (valueAt(SUPER.EXCEPT_HOOK_MODULES) ?? []) as FunctionReference[]) {
      await loadModuleOf(reference);
    }
  } catch {
    // The report will say it.
  }
}

/** What the message of this word holds, undefined for 0. */
function valueAt(word: number): unknown {
  lockMutex(heap, SUPER.THREADS_MUTEX);
  const message = heap.i32[word];
  if (message !== 0) heap.retain(message);
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  if (message === 0) return undefined;
  try {
    return loadValue(heap, message);
  } finally {
    heap.release(message);
  }
}

/** Calls the hook; an error in the hook is reported, and then the first one too. */
export function reportException(args: ExceptHookArgs): void {
  try {
    const hook = valueAt(SUPER.EXCEPT_HOOK) as ExceptHook | undefined;
    if (hook) hook(args);
    else defaultHook(args);
  } catch (error) {
    writeReport(`The except hook failed:\n${textOf(error)}\n`);
    defaultHook(args);
  }
}

function defaultHook({ error, thread, target }: ExceptHookArgs): void {
  writeReport(`Exception in thread ${thread.name}, ${target}:\n${textOf(error)}\n`);
}

/** The error with its stack, less the frames of this library and of Node itself. */
export function textOf(error: unknown): string {
  const kept: string[] = [];
  for (const line of inspect(error, { colors: false }).split('\n')) {
    const own = isOwn(line) || line.includes('(node:') || line.includes(' node:internal');
    if (!/^\s+at /.test(line) || !own) kept.push(line);
    // The brace before an error's own properties stands behind its last frame.
    else if (line.endsWith(' {')) kept[kept.length - 1] += ' {';
  }
  return kept.join('\n');
}
