/** What happens to an error that escapes a thread: one report, as Python's `threading.excepthook`. */
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { heap, loadValue, lockMutex, SUPER, storeValue, unlockMutex } from '../memory/index.ts';
import { writeWhole } from './output.ts';
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
  const message = hook === undefined ? 0 : storeValue(heap, hook);
  lockMutex(heap, SUPER.THREADS_MUTEX);
  const old = heap.i32[SUPER.EXCEPT_HOOK];
  heap.i32[SUPER.EXCEPT_HOOK] = message;
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  if (old !== 0) heap.release(old);
}

function currentHook(): ExceptHook | undefined {
  lockMutex(heap, SUPER.THREADS_MUTEX);
  const message = heap.i32[SUPER.EXCEPT_HOOK];
  if (message !== 0) heap.retain(message);
  unlockMutex(heap, SUPER.THREADS_MUTEX);
  if (message === 0) return undefined;
  try {
    return loadValue(heap, message) as ExceptHook;
  } finally {
    heap.release(message);
  }
}

/** Calls the hook; an error in the hook is reported, and then the first one too. */
export function reportException(args: ExceptHookArgs): void {
  try {
    const hook = currentHook();
    if (hook) hook(args);
    else defaultHook(args);
  } catch (error) {
    writeWhole(2, `The except hook failed:\n${textOf(error)}\n`);
    defaultHook(args);
  }
}

function defaultHook({ error, thread, target }: ExceptHookArgs): void {
  writeWhole(2, `Exception in thread ${thread.name}, ${target}:\n${textOf(error)}\n`);
}

const OWN = [new URL('..', import.meta.url).href, fileURLToPath(new URL('..', import.meta.url))];

/** The error with its stack, less the frames of this library and of Node itself. */
export function textOf(error: unknown): string {
  const kept: string[] = [];
  for (const line of inspect(error, { colors: false }).split('\n')) {
    const own = OWN.some((place) => line.includes(place)) || line.includes('(node:') || line.includes(' node:internal');
    if (!/^\s+at /.test(line) || !own) kept.push(line);
    // The brace before an error's own properties stands behind its last frame.
    else if (line.endsWith(' {')) kept[kept.length - 1] += ' {';
  }
  return kept.join('\n');
}
