/**
 * What a worker does: read the records of a batch, call the user's function for each, and hand the results back in the
 * form in which the destination wants them. Both functions are exported top-level functions of this module, so every
 * kind of executor can run them.
 */
import type { BatchOutcome, BatchTask, ProbeOutcome, RecordFailure, Target } from '../backend.ts';
import { UnreadableRecord } from '../errors.ts';
import { UnwritableResult } from './cells.ts';
import { describeError } from './describe-error.ts';
import { loadTarget, TargetProblem } from './load-target.ts';
import { BLANK, type RecordReader, recordReader } from './read-records.ts';
import { resultWriter } from './write-results.ts';

/** Loads the target and says what it is; a target that can't be used is an answer, not an error. */
export async function probeTarget(target: Target): Promise<ProbeOutcome> {
  try {
    const fn = await loadTarget(target);
    return { name: fn.name };
  } catch (error) {
    if (error instanceof TargetProblem) return { problem: error.message };
    throw error;
  }
}

/** Runs one batch. A record that fails is described in the outcome; with `onError: 'stop'` it is the last one tried. */
export async function runBatch(task: BatchTask): Promise<BatchOutcome> {
  const fn = await loadTarget(task.target);
  const started = performance.now();
  const reader = recordReader(task);
  const writer = resultWriter(task.shape, task.columns);
  const failures: RecordFailure[] = [];
  let records = 0;
  for (let index = 0; index < reader.length; index++) {
    try {
      const record = reader.read(index);
      if (record === BLANK) continue;
      records++;
      let result = fn(record);
      // Only promises are awaited: an await for every plain value would cost more than many functions do.
      if (isThenable(result)) result = await result;
      if (result !== undefined) writer.add(result);
    } catch (error) {
      const unreadable = isOf(error, UnreadableRecord);
      if (unreadable) records++;
      failures.push({
        line: reader.line(index),
        error: describeError(error, import.meta.url),
        outside: unreadable || isOf(error, UnwritableResult),
        ...(task.onError === 'report' && { record: recordAsJson(reader, index) }),
      });
      if (task.onError === 'stop') break;
    }
  }
  const written = writer.finish();
  return { records, ...written, failures, duration: performance.now() - started };
}

/** `instanceof`, for what a user's function throws: a proxy may resist even that. */
function isOf(error: unknown, cls: new (...args: never[]) => Error): boolean {
  try {
    return error instanceof cls;
  } catch {
    return false;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** The record for the report; one that can't be read is given as its text. */
function recordAsJson(reader: RecordReader, index: number): string {
  try {
    return JSON.stringify(reader.read(index)) ?? 'null';
  } catch {
    return JSON.stringify(reader.source(index));
  }
}
