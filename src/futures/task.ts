/**
 * A task at rest: one block of the heap, whose address travels through the executor's ring.
 *
 *     STATE        meaning                     leaves by
 *     PENDING      nobody has begun it         a worker: → its ident; the owner: → CANCELLED
 *     ident > 0    that worker runs it         the worker, when the result is on its way: → DONE; the owner, when it
 *                                              failed and is to be tried again: → PENDING
 *     CANCELLED    nobody will                 never
 *     DONE         the result is on its way    never
 *
 * One compare-and-swap decides between two workers, or between a worker and `cancel`, so a task's address may stand in
 * the ring twice (after a worker's death) and still run once. Each appearance in the ring has a count of its own.
 */
import { CloneError } from '../errors.ts';
import {
  BLOCK,
  copyOut,
  discard,
  type Encoder,
  FUNCTION,
  type Heap,
  heap,
  KIND,
  letGo,
  noteNew,
  pack,
  settle,
  store,
  storeValue,
  TASK,
  TASK_FLAG,
  TASK_FORM,
  TASK_RESULT,
  TASK_STATE,
  unpack,
} from '../memory/index.ts';
import type { SentStore } from './context.ts';

/** A function that was sent to the workers. */
export type SentFunction = {
  /** 0 for one that workers must not keep. */
  id: number;
  /** The entry of the holdings with its record; 0 when it is given up. */
  entry: number;
  /** Whether it captures nothing, so that it is the same each time it is sent. */
  constant: boolean;
};

/** The entry of the holdings with a task's block, for its owner. Throws `CloneError` when an argument can't be copied. */
export function makeTask(fn: SentFunction, form: number, args: unknown[], stores?: SentStore[]): number {
  let encoder: Encoder;
  try {
    encoder = pack(stores === undefined ? args : [stores, args]);
  } catch (error) {
    if (!(error instanceof CloneError)) throw error;
    const what = form === TASK_FORM.CALL ? 'args' : 'items';
    if (stores === undefined) throw rooted(error, 'value', what);
    error.message = error.message.replace(/^value\[0\]\[(\d+)\]\[1\]/, 'context[$1]');
    throw rooted(error, 'value[1]', what);
  }
  let noted: number;
  try {
    noted = noteNew(KIND.TASK, TASK.STREAM - 2 + ((encoder.length + 3) >> 2) + encoder.refs.length, 'a task');
  } catch (error) {
    discard(encoder);
    throw error;
  }
  const { i32 } = heap;
  const at = i32[noted];
  i32[at + TASK.STATE] = TASK_STATE.PENDING;
  i32[at + TASK.FUNCTION] = fn.id;
  i32[at + TASK.CODE] = 0;
  i32[at + TASK.FORM] = form;
  i32[at + TASK.BYTES] = encoder.length;
  i32[at + TASK.REFS] = encoder.refs.length;
  i32.fill(0, at + TASK.FLAGS, at + TASK.STREAM);
  if (stores !== undefined) i32[at + TASK.FLAGS] = TASK_FLAG.CONTEXT;
  copyOut(heap, encoder, at + TASK.STREAM);
  settle(encoder, at, KIND.TASK, refsOf(heap, at));
  heap.retainInto(i32[fn.entry], at + TASK.CODE);
  return noted;
}

/** Encodes a function for the workers; the caller lets go of it with `forgetFunction`. */
export function sendFunction(id: number, fn: unknown): SentFunction {
  const encoder = pack(fn);
  let entry = 0;
  try {
    const constant = encoder.functions.every((reference) => !(reference as { captures?: string[] }).captures?.length);
    entry = noteNew(KIND.FUNCTION, FUNCTION.WORDS - 2);
    const at = heap.i32[entry];
    heap.i32.fill(0, at + FUNCTION.MESSAGE, at + FUNCTION.WORDS);
    heap.i32[at + BLOCK.KIND] = KIND.FUNCTION;
    heap.i32[at + FUNCTION.MODULES] = storeValue(encoder.functions);
    heap.i32[at + FUNCTION.MESSAGE] = store(encoder);
    return { id, constant, entry };
  } catch (error) {
    discard(encoder);
    if (entry !== 0) letGo(entry);
    throw error;
  }
}

/** The same refusal, with a path that starts from what the caller knows. */
export function rooted(error: CloneError, from: string, to: string): CloneError {
  if (error.message.startsWith(from)) error.message = to + error.message.slice(from.length);
  return error;
}

export function forgetFunction(fn: SentFunction): void {
  if (fn.entry !== 0) letGo(fn.entry);
  fn.entry = 0;
}

/** A task's arguments, and the stores that it runs with. */
export function argumentsOf(at: number): { args: unknown[]; stores: SentStore[] | undefined } {
  const value = unpack(heap, at + TASK.STREAM, refsOf(heap, at)) as unknown[];
  if ((heap.i32[at + TASK.FLAGS] & TASK_FLAG.CONTEXT) === 0) return { args: value, stores: undefined };
  const [stores, args] = value as [SentStore[], unknown[]];
  return { args, stores };
}

/** Whether the arguments are those of one call, or the items of a chunk. */
export function isCall(at: number): boolean {
  return (heap.i32[at + TASK.FORM] & ~TASK_RESULT.MASK) === TASK_FORM.CALL;
}

/** Leaves the result of a call, if it needs no message, in the task's block; false for one that does. */
export function storeResult(at: number, value: unknown): boolean {
  let kind: number;
  if (typeof value === 'number') {
    kind = TASK_RESULT.NUMBER;
    heap.f64[(at + TASK.RESULT) >> 1] = value;
  } else if (value === undefined) kind = TASK_RESULT.UNDEFINED;
  else if (value === true) kind = TASK_RESULT.TRUE;
  else if (value === false) kind = TASK_RESULT.FALSE;
  else if (value === null) kind = TASK_RESULT.NULL;
  else return false;
  heap.i32[at + TASK.FORM] = TASK_FORM.CALL | kind;
  return true;
}

/** The result that `storeResult` left. */
export function storedResult(at: number): unknown {
  switch (heap.i32[at + TASK.FORM] & TASK_RESULT.MASK) {
    case TASK_RESULT.NUMBER:
      return heap.f64[(at + TASK.RESULT) >> 1];
    case TASK_RESULT.TRUE:
      return true;
    case TASK_RESULT.FALSE:
      return false;
    case TASK_RESULT.NULL:
      return null;
    default:
      return undefined;
  }
}

function refsOf(heap: Heap, at: number): number {
  return at + TASK.STREAM + ((heap.i32[at + TASK.BYTES] + 3) >> 2);
}
