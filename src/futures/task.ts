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
  copyOut,
  defineDestructor,
  discard,
  done,
  type Encoder,
  type Heap,
  heap,
  KIND,
  pack,
  store,
  storeValue,
  TASK,
  TASK_FORM,
  TASK_STATE,
  unpack,
} from '../memory/index.ts';

/** A function that was sent to the workers. */
export type SentFunction = {
  /** 0 for one that workers must not keep. */
  id: number;
  message: number;
  modules: number;
  /** Whether it captures nothing, so that it is the same each time it is sent. */
  constant: boolean;
};

/** A task block with one count for its owner. Throws `CloneError` when an argument can't be copied. */
export function makeTask(fn: SentFunction, form: number, args: unknown[]): number {
  let encoder: Encoder;
  try {
    encoder = pack(args);
  } catch (error) {
    throw error instanceof CloneError ? rooted(error, 'value', form === TASK_FORM.CALL ? 'args' : 'items') : error;
  }
  let at: number;
  try {
    at = heap.allocate(KIND.TASK, TASK.STREAM - 2 + ((encoder.length + 3) >> 2) + encoder.refs.length, 'a task');
  } catch (error) {
    discard(encoder);
    throw error;
  }
  const { i32 } = heap;
  i32[at + TASK.STATE] = TASK_STATE.PENDING;
  i32[at + TASK.FUNCTION] = fn.id;
  i32[at + TASK.FUNCTION_MESSAGE] = fn.message;
  i32[at + TASK.MODULES_MESSAGE] = fn.modules;
  i32[at + TASK.FORM] = form;
  i32[at + TASK.BYTES] = encoder.length;
  i32[at + TASK.REFS] = encoder.refs.length;
  i32.fill(0, at + TASK.FLAGS, at + TASK.STREAM);
  copyOut(heap, encoder, at + TASK.STREAM);
  const refs = refsOf(heap, at);
  for (let index = 0; index < encoder.refs.length; index++) i32[refs + index] = encoder.refs[index];
  done(encoder);
  heap.retain(fn.message);
  heap.retain(fn.modules);
  return at;
}

/** Encodes a function for the workers; one count of each message is the caller's. */
export function sendFunction(id: number, fn: unknown): SentFunction {
  const encoder = pack(fn);
  try {
    const constant = encoder.functions.every((reference) => !(reference as { captures?: string[] }).captures?.length);
    const modules = storeValue(heap, encoder.functions);
    return { id, constant, modules, message: store(heap, encoder) };
  } catch (error) {
    discard(encoder);
    throw error;
  }
}

/** The same refusal, with a path that starts from what the caller knows. */
export function rooted(error: CloneError, from: string, to: string): CloneError {
  if (error.message.startsWith(from)) error.message = to + error.message.slice(from.length);
  return error;
}

export function forgetFunction(fn: SentFunction): void {
  heap.release(fn.message);
  heap.release(fn.modules);
}

/** A task's arguments. */
export function argumentsOf(at: number): unknown[] {
  return unpack(heap, at + TASK.STREAM, refsOf(heap, at)) as unknown[];
}

function refsOf(heap: Heap, at: number): number {
  return at + TASK.STREAM + ((heap.i32[at + TASK.BYTES] + 3) >> 2);
}

defineDestructor(KIND.TASK, (heap, at) => {
  const refs = refsOf(heap, at);
  for (let index = 0, count = heap.i32[at + TASK.REFS]; index < count; index++) heap.release(heap.i32[refs + index]);
  heap.release(heap.i32[at + TASK.FUNCTION_MESSAGE]);
  heap.release(heap.i32[at + TASK.MODULES_MESSAGE]);
  if (heap.i32[at + TASK.REASON] !== 0) heap.release(heap.i32[at + TASK.REASON]);
});
