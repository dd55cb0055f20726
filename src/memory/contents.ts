/**
 * What is dropped with records of the floors above. Whoever gives back the last count of a record must know this, and that
 * may be an isolate that has never loaded its class: the one that buries the dead, above all. So it stands down here.
 */
import { defineDestructor, type Heap, RESUMABLE } from './heap.ts';
import { EXECUTOR, FUNCTION, KIND, type Kind, LOCAL, TASK, THREAD } from './layout.ts';

/** Gives back the counts that stand in some words; 0 stands where whoever wrote or dropped them was killed. */
export function releaseAll(heap: Heap, from: number, count: number): void {
  for (let word = from; word < from + count; word++) if (heap.i32[word] !== 0) heap.releaseFrom(word);
}

/** Words of a record of this kind that hold a count, or 0. */
function defineFields(kind: Kind, fields: readonly number[]): void {
  defineDestructor(kind, (heap, at) => releaseFields(heap, at, fields), RESUMABLE);
}

function releaseFields(heap: Heap, at: number, fields: readonly number[]): void {
  for (const field of fields) releaseAll(heap, at + field, 1);
}

const { NAME, MODULES, TARGET, RESULT, REASON, FINISHED, TAIL } = THREAD;
defineFields(KIND.THREAD, [NAME, MODULES, TARGET, RESULT, REASON, FINISHED, TAIL, THREAD.EXECUTOR]);

defineFields(KIND.LOCAL, [LOCAL.MAKING]);

const { TASKS, RANKED, OUTCOMES, SUBMITTERS, FACTS, TEMPLATE } = EXECUTOR;
defineFields(KIND.EXECUTOR, [TASKS, RANKED, OUTCOMES, SUBMITTERS, FACTS, TEMPLATE]);

defineFields(KIND.FUNCTION, [FUNCTION.MESSAGE, FUNCTION.MODULES]);

const TASK_FIELDS = [TASK.CODE, TASK.REASON, TASK.REPLY];
defineDestructor(
  KIND.TASK,
  (heap, at) => {
    releaseAll(heap, at + TASK.STREAM + ((heap.i32[at + TASK.BYTES] + 3) >> 2), heap.i32[at + TASK.REFS]);
    releaseFields(heap, at, TASK_FIELDS);
  },
  RESUMABLE,
);
