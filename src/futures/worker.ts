/** A pool worker's life: takes tasks from the ring, runs them, puts the outcomes on the way back. */

import { channel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import type { MessagePort } from 'node:worker_threads';
import { CloneError, Empty, ShutDown } from '../errors.ts';
import { exportedFrom, type FunctionReference, loadModuleOf } from '../functions/index.ts';
import {
  collectGarbage,
  discard,
  FUNCTION,
  heap,
  ISOLATE,
  ISOLATE_STATE,
  isCollectionDue,
  leavingWith,
  letGo,
  loadValue,
  pack,
  Sealed,
  TASK,
  TASK_FLAG,
  TASK_STATE,
  wrapCounting,
} from '../memory/index.ts';
import type { PriorityQueue, Queue } from '../queue/index.ts';
import { runWith } from './context.ts';
import { runAsTask, TaskHere } from './current-task.ts';
import { Held } from './held.ts';
import { forgetPorts, numbersFor, objectsNow, objectsOf, sendBack, WANT } from './movings.ts';
import { nested } from './nested.ts';
import { argumentsOf, isCall, rooted, storeResult } from './task.ts';
import { RANKED, TaskRing } from './task-ring.ts';

/**
 * What comes back: the task, whether it ended well, and its value or error. Or, before the first task: minus the
 * worker's ident, whether its initializer ended well, and the error. Or, while it runs: the task, null, and a value that
 * it tells of its progress. Or the task alone: it ended well, and its value is in its block. Values of the user's are
 * sealed: the thread that they come to may not be able to make them again, and must know of which task they are.
 */
export type Outcome = [task: number, ok: boolean | null, value: unknown] | number;

/** The outcome of a chunk: values up to the first error, and that error. */
export type ChunkOutcome = { values: unknown[]; failed?: { error: unknown } };

type AnyFunction = (...args: unknown[]) => unknown;

/** In the worker's own thread, as all channels: `{ task }`, a number that is the task's for as long as it lives. */
const started = channel('telaio:task:start');

/** Milliseconds on a clock that all threads share. */
const now = (): number => performance.timeOrigin + performance.now();

/** Tasks that run without a turn of the event loop in between at most, and for how long, in milliseconds. */
const MOST_WITHOUT_TURN = 256;
const LONGEST_WITHOUT_TURN_MS = 10;
const MOST_FUNCTIONS = 1024;

/** Functions that this worker has made, by number; numbers are one executor's, an isolate may serve several in turn. */
const functions = new Map<number, AnyFunction>();

export type WorkerOptions = {
  initializer?: AnyFunction;
  initArgs: unknown[];
  idleTimeout?: number;
  maxTasksPerWorker?: number;
  /** Asynchronous tasks that it runs at the same time. */
  tasksPerWorker: number;
  /** The isolate of the executor: when it dies, nobody will ever send another task. */
  owner: [descriptor: number, epoch: number];
};

/** How long an idle worker sleeps before it looks whether its executor's isolate lives, in milliseconds. */
const LIVENESS_MS = 2_000;

exportedFrom('futures/worker', serve, import.meta);

/** Runs tasks until there will be none: `LEFT`. What ends in any other way has died. */
export const LEFT = 'left';

/** What it says at its end, with an error: a task here has submitted one to the same executor, and did not look at how it failed. */
export const UNOBSERVED = 'unobserved';

export async function serve(
  tasks: Queue<number>,
  ranked: PriorityQueue<number>,
  outcomes: Queue<Outcome>,
  options: WorkerOptions,
): Promise<typeof LEFT> {
  nested.serve(tasks);
  try {
    const left = await runTasks(tasks, ranked, outcomes, options);
    // Whoever leaves the executor's block is told; a thread that ends would say it to nobody.
    if (isAlive(options.owner)) {
      for (const error of nested.takeUnobserved()) {
        outcomes.putSync([-heap.ident, null, new Sealed([UNOBSERVED, error])]);
      }
    }
    return left;
  } finally {
    // Its isolate may serve another thread next.
    nested.serve(undefined);
    replies.clear();
    functions.clear();
    forgetPorts();
  }
}

async function runTasks(
  tasks: Queue<number>,
  ranked: PriorityQueue<number>,
  outcomes: Queue<Outcome>,
  options: WorkerOptions,
): Promise<typeof LEFT> {
  const {
    initializer,
    initArgs,
    idleTimeout = Infinity,
    maxTasksPerWorker = Infinity,
    tasksPerWorker,
    owner,
  } = options;
  let idle = 0;
  try {
    await initializer?.(...initArgs);
  } catch (error) {
    outcomes.putSync([-heap.ident, false, new Sealed(error)]);
    return LEFT;
  }
  outcomes.putSync([-heap.ident, true, undefined]);
  using held = new Held(tasksPerWorker, outcomes);
  let sinceTurn = 0;
  let served = 0;
  let turned = performance.now();
  for (;;) {
    if (held.leaving) await held.leave();
    let entry: number | undefined;
    try {
      entry = tasks.tryGet();
      if (
        entry === undefined ||
        ++sinceTurn >= MOST_WITHOUT_TURN ||
        performance.now() - turned > LONGEST_WITHOUT_TURN_MS
      ) {
        // What earlier tasks left in the event loop gets its turn: rejections nobody handled, finalizers, timers.
        await new Promise((resolve) => setImmediate(resolve));
        sinceTurn = 0;
        turned = performance.now();
      }
      if (entry === undefined) {
        if (held.size === 0 && isCollectionDue()) await collectGarbage();
        // Blocking is cheaper to wake from; but not while the event loop has something of its own to do.
        const busy = held.size > 0 || process.getActiveResourcesInfo().some((name) => name !== 'Immediate');
        const timeout = held.size > 0 ? LIVENESS_MS : Math.min(idleTimeout - idle, LIVENESS_MS);
        entry = busy ? await tasks.get({ timeout, signal: held.stop.signal }) : tasks.getSync({ timeout });
      }
    } catch (error) {
      if (error instanceof ShutDown) {
        // Those whose tokens came too late.
        entry = ranked.tryGet();
        if (entry === undefined) {
          if (await held.over()) return LEFT;
          continue;
        }
        await new Promise((resolve) => setImmediate(resolve));
      } else {
        if (held.leaving) continue;
        if (!(error instanceof Empty)) throw error;
        if (held.size === 0) idle += LIVENESS_MS;
        if (!isAlive(owner)) {
          // Nobody waits for what is in, nor will anybody take it out.
          new TaskRing(tasks, ranked).empty();
          return LEFT;
        }
        if (held.size === 0 && idle >= idleTimeout && !nested.owed) return LEFT;
        continue;
      }
    }
    idle = 0;
    // A token: the task is the one of the lowest priority number, if nobody has taken it for another token.
    if (entry === RANKED) entry = ranked.tryGet();
    if (entry === undefined) continue;
    const task = heap.i32[entry];
    if (held.leaving) {
      // For the others: as the first, which it was.
      new TaskRing(tasks, ranked).putAgain(task, -Number.MAX_VALUE);
      letGo(entry);
      continue;
    }
    if (heap.cas(task + TASK.STATE, TASK_STATE.PENDING, heap.ident) === TASK_STATE.PENDING) {
      const running = runTask(task, outcomesOf(task, outcomes), held.several);
      if (running === undefined) letGo(entry);
      else await held.add(running, entry);
      if (++served >= maxTasksPerWorker && (await held.ended())) return LEFT;
    } else {
      letGo(entry);
    }
  }
}

function isAlive([descriptor, epoch]: WorkerOptions['owner']): boolean {
  return (
    heap.load(descriptor + ISOLATE.STATE) === ISOLATE_STATE.LIVE && heap.load(descriptor + ISOLATE.EPOCH) === epoch
  );
}

/** Queues of other threads' outcomes, by address. */
const replies = new Map<number, Queue<Outcome>>();
const MOST_REPLIES = 64;

/** Where the outcome of a task goes. */
function outcomesOf(task: number, own: Queue<Outcome>): Queue<Outcome> {
  const address = heap.i32[task + TASK.REPLY];
  if (address === 0) return own;
  let outcomes = replies.get(address);
  if (outcomes === undefined) {
    outcomes = wrapCounting(heap, address) as Queue<Outcome>;
    // Each holds a count of its queue, whose address is nobody else's as long as it stands here.
    if (replies.size >= MOST_REPLIES) replies.clear();
    replies.set(address, outcomes);
  }
  return outcomes;
}

/** Runs a task and sends its outcome; a promise only when there is something to wait for. */
function runTask(task: number, outcomes: Queue<Outcome>, several: boolean): Promise<void> | undefined {
  const here = new TaskHere(task, outcomes);
  if (started.hasSubscribers) started.publish({ task });
  return runAsTask(here, () => run(task, here, outcomes, !several));
}

/** `alone`: nothing else runs in this worker, so that it may block for a moment. */
function run(task: number, here: TaskHere, outcomes: Queue<Outcome>, alone: boolean): Promise<void> | undefined {
  try {
    const fn = functions.get(heap.i32[task + TASK.FUNCTION]);
    if (fn === undefined) return prepareAndRun(task, here, outcomes);
    if (heap.i32[task + TASK.FLAGS] & TASK_FLAG.MOVED) {
      if (alone) here.port = objectsNow(task, heap.i32[task + TASK.REPLY], asking(task, outcomes));
      if (here.port === undefined) return prepareAndRun(task, here, outcomes);
    }
    const value = call(task, fn);
    if (isThenable(value)) return settle(task, here, value, outcomes);
    if (here.leaving === undefined) send(outcomes, task, here, true, value);
    else if (here.port !== undefined) sendWith(here.port, outcomes, task, here, value);
    else return settle(task, here, Promise.resolve(value), outcomes);
  } catch (error) {
    send(outcomes, task, here, false, error);
  }
  return undefined;
}

async function prepareAndRun(task: number, here: TaskHere, outcomes: Queue<Outcome>): Promise<void> {
  try {
    if (heap.i32[task + TASK.FLAGS] & TASK_FLAG.MOVED) here.port = await portFor(task, outcomes);
    const fn = functions.get(heap.i32[task + TASK.FUNCTION]) ?? (await prepare(task));
    const value = await call(task, fn);
    if (here.leaving === undefined) send(outcomes, task, here, true, value);
    else await sendMoving(outcomes, task, here, value);
  } catch (error) {
    send(outcomes, task, here, false, error);
  }
}

/** Makes a task's function, and keeps it if it has a number. */
async function prepare(task: number): Promise<AnyFunction> {
  const { i32 } = heap;
  const code = i32[task + TASK.CODE];
  const references = loadValue(heap, i32[code + FUNCTION.MODULES]) as FunctionReference[];
  // Imported here, where a module may use top-level await; decoding only finds what is loaded.
  for (const reference of references) await loadModuleOf(reference);
  const fn = loadValue(heap, i32[code + FUNCTION.MESSAGE]) as AnyFunction;
  if (functions.size >= MOST_FUNCTIONS) functions.delete(functions.keys().next().value!);
  if (i32[task + TASK.FUNCTION] !== 0) functions.set(i32[task + TASK.FUNCTION], fn);
  return fn;
}

async function settle(
  task: number,
  here: TaskHere,
  value: PromiseLike<unknown>,
  outcomes: Queue<Outcome>,
): Promise<void> {
  try {
    const result = await value;
    if (here.leaving === undefined) send(outcomes, task, here, true, result);
    else await sendMoving(outcomes, task, here, result);
  } catch (error) {
    send(outcomes, task, here, false, error);
  }
}

function call(task: number, fn: AnyFunction): unknown {
  // Not before: the import of its module is no time of the task's own.
  if (heap.i32[task + TASK.FLAGS] & TASK_FLAG.TIMED) heap.f64[(task + TASK.STARTED) >> 1] = now();
  const { args, stores } = argumentsOf(task);
  return stores === undefined ? callWith(task, fn, args) : runWith(stores, () => callWith(task, fn, args));
}

function callWith(task: number, fn: AnyFunction, args: unknown[]): unknown {
  return isCall(task) ? fn(...args) : callEach(fn, args);
}

/** Calls the function for each item; turns into a promise at the first that gives one. */
function callEach(fn: AnyFunction, items: unknown[]): ChunkOutcome | Promise<ChunkOutcome> {
  const values: unknown[] = [];
  try {
    for (const item of items) {
      const value = fn(item);
      if (isThenable(value)) return awaitEach(fn, items, values, value);
      values.push(value);
    }
  } catch (error) {
    return { values, failed: { error } };
  }
  return { values };
}

async function awaitEach(
  fn: AnyFunction,
  items: unknown[],
  values: unknown[],
  first: PromiseLike<unknown>,
): Promise<ChunkOutcome> {
  try {
    values.push(await first);
    while (values.length < items.length) values.push(await fn(items[values.length]));
  } catch (error) {
    return { values, failed: { error } };
  }
  return { values };
}

/** Asks the thread that submitted the task for what it transferred with it. */
function asking(task: number, outcomes: Queue<Outcome>): () => void {
  return () => outcomes.putSync([-heap.ident, null, [WANT, task]]);
}

/** The port to the thread that submitted the task; what it transferred with it has arrived then. */
function portFor(task: number, outcomes: Queue<Outcome>): Promise<MessagePort> {
  return objectsOf(task, heap.i32[task + TASK.REPLY], asking(task, outcomes));
}

/** The result goes by shared memory, what it transfers by the port, and before it. */
async function sendMoving(outcomes: Queue<Outcome>, task: number, here: TaskHere, value: unknown): Promise<void> {
  here.port ??= await portFor(task, outcomes);
  sendWith(here.port, outcomes, task, here, value);
}

function sendWith(port: MessagePort, outcomes: Queue<Outcome>, task: number, here: TaskHere, value: unknown): void {
  const numbers = numbersFor(here.leaving ?? []);
  leavingWith(numbers, () => send(outcomes, task, here, true, value, () => sendBack(port, task, numbers)));
}

/** Tells the outcome; `before` is called when it is encoded, and before it is told. */
function send(
  outcomes: Queue<Outcome>,
  task: number,
  here: TaskHere,
  ok: boolean,
  value: unknown,
  before?: () => void,
): void {
  nested.ended(here);
  here.end();
  const { ident } = heap;
  if (heap.i32[task + TASK.FLAGS] & TASK_FLAG.TIMED) heap.f64[(task + TASK.ENDED) >> 1] = now();
  try {
    if (before !== undefined) outcomes.putAfter([task, ok, new Sealed(value)], before);
    else if (ok && isCall(task) && storeResult(task, value)) outcomes.putSync(task);
    else outcomes.putSync([task, ok, new Sealed(value)]);
  } catch (error) {
    if (error instanceof ShutDown) return;
    // The result can't be copied, or there is no room for it: that is the outcome then.
    if (ok && error instanceof CloneError) outcomes.putSync(uncopyable(task, value, error));
    else outcomes.putSync([task, false, new Sealed(ok ? error : unsendable(value, error, 'value[2]'))]);
  }
  // Unless the owner has put it in again already.
  heap.cas(task + TASK.STATE, ident, TASK_STATE.DONE);
}

/** What a task threw can't be sent: that is what it fails with, and with what it threw as text. */
function unsendable(thrown: unknown, error: unknown, path: string): unknown {
  if (!(error instanceof CloneError)) return error;
  let text: string = typeof thrown;
  try {
    text = inspect(thrown, { depth: 0, breakLength: Infinity });
  } catch {
    // It resists being looked at, too.
  }
  error.message = `A task threw ${text}, which can't be sent: ${rooted(error, path, 'thrown').message}`;
  return error;
}

/** The outcome instead, with the path from the function's result on. In a chunk the results before it stay. */
function uncopyable(task: number, value: unknown, error: CloneError): Outcome {
  if (isCall(task)) return [task, false, rooted(error, 'value[2]', 'result')];
  const { values, failed } = value as ChunkOutcome;
  for (let index = 0; index < values.length; index++) {
    try {
      discard(pack(values[index]));
    } catch (cause) {
      const named = cause instanceof CloneError ? rooted(cause, 'value', 'result') : cause;
      return [task, true, new Sealed({ values: values.slice(0, index), failed: { error: named } })];
    }
  }
  // Each alone can be copied, so it was the error of the next, or there was no room for all.
  if (failed === undefined) return [task, true, new Sealed({ values, failed: { error } })];
  const { error: thrown } = failed;
  const told = thrown instanceof Error ? thrown : unsendable(thrown, error, 'value[2].failed.error');
  return [task, true, new Sealed({ values, failed: { error: told } })];
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === 'object' && typeof (value as { then?: unknown }).then === 'function';
}
