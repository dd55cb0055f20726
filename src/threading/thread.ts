/**
 * A thread, as Python's `threading.Thread`: a function that runs in an isolate of its own, on an OS thread of its own,
 * with the shared heap between it and all others. What happens inside is in runner.ts; the record in record.ts.
 */

import { getEventListeners } from 'node:events';
import { BootstrapError, CloneError, FinalizationError, RuntimeError } from '../errors.ts';
import { describeFunction, isImportingModule } from '../functions/index.ts';
import {
  AT,
  addressOf,
  deadlineIn,
  defineKind,
  discard,
  type Encoder,
  HEAP,
  hasPrivates,
  heap,
  ISOLATE,
  KIND,
  loadValue,
  pack,
  park,
  parkSync,
  SharedObject,
  SUPER,
  SYNC,
  type SyncWaitOptions,
  store,
  storeValue,
  THREAD,
  THREAD_FLAG,
  THREAD_OUTCOME,
  THREAD_STATE,
  type WaitOptions,
  wake,
} from '../memory/index.ts';
import { isProcessEnding, keepProcessForThreads } from './exit.ts';
import { setKernelName } from './kernel-name.ts';
import { requestIsolate, requestTermination } from './nursery.ts';
import { callerPlace } from './place.ts';
import { delist, enlist, finish, initRecord, nameOf, rename } from './record.ts';
import { keepTail, tailOf } from './tail.ts';
import { checkThreadOptions, type ThreadOptions } from './thread-options.ts';

/** What a thread is sent: itself when its class overrides `run`, else its target; and the arguments. */
export type Payload = { self?: Thread; target?: (...args: unknown[]) => unknown; args: unknown[]; text: string };

export const PAYLOAD: unique symbol = Symbol('telaio.payload');

/** A start that has not begun to run after this many milliseconds never will. */
const START_LIMIT_MS = 60_000;

let making: { foreign: boolean } | undefined;

// biome-ignore lint/suspicious/noExplicitAny: a thread of any arguments is a thread
export class Thread<A extends any[] = [], R = unknown> extends SharedObject implements AsyncDisposable {
  #options: ThreadOptions<A, R> | undefined;

  constructor(options: ThreadOptions<A, R> = {}) {
    const adopting = SharedObject.adopting();
    if (!adopting) checkThreadOptions(options as ThreadOptions<never, unknown>);
    const foreign = making?.foreign ?? false;
    super(KIND.THREAD, THREAD.WORDS - 2, (heap, at) => {
      const daemon = options.daemon ?? currentIsDaemon();
      const name = options.name === undefined ? '' : String(options.name);
      initRecord(heap, at, name, (daemon ? THREAD_FLAG.DAEMON : 0) | (foreign ? THREAD_FLAG.FOREIGN : 0));
      if (name === '') {
        const number = heap.add(SUPER.NEXT_THREAD_NUMBER, 1) + 1;
        heap.i32[at + THREAD.NUMBER] = number;
        // An inline function is named after the option that it stands in.
        const target = options.target?.name === 'target' ? '' : options.target?.name;
        rename(heap, at, `Thread-${number}${target ? ` (${target})` : ''}`);
      }
    });
    if (!adopting) this.#options = options;
  }

  /**
   * Starts the thread; returns when it runs. A second time: `RuntimeError`. While a module is being imported by a
   * thread: `BootstrapError`. Throws the reason when no isolate for it comes up.
   */
  start(): this {
    this.launch();
    const started = parkSync(
      this[HEAP],
      this[AT] + THREAD.SPOT,
      this[AT],
      () => this.#state() > THREAD_STATE.STARTING || undefined,
      performance.now() + START_LIMIT_MS,
    );
    if (!started) throw new RuntimeError(`${this.toString()} did not begin to run in ${START_LIMIT_MS / 1000} s.`);
    // Ended and never ran.
    if (this.ident === undefined) throw this.failure();
    return this;
  }

  /** @internal Starts without waiting until it runs: for pools, which start several at once and answer for their death. */
  launchQuietly(): void {
    heap.or(this[AT] + THREAD.FLAGS, THREAD_FLAG.QUIET);
    keepTail(this[AT]);
    this.launch();
  }

  /** @internal Not started, but with all that a thread of these options is sent: `launchLike` starts others from it. */
  prepare(): this {
    this.#load();
    return this;
  }

  /** @internal Launches it quietly, to do what `template` was prepared for. */
  launchLike(template: Thread): void {
    for (const field of [THREAD.MODULES, THREAD.TARGET]) {
      const message = heap.i32[template[AT] + field];
      heap.retain(message);
      heap.i32[this[AT] + field] = message;
    }
    this.launchQuietly();
  }

  /** @internal It is a worker of the executor whose record this is. */
  belongsTo(executor: number): void {
    heap.retain(executor);
    heap.i32[this[AT] + THREAD.EXECUTOR] = executor;
  }

  /** @internal The last lines that a quietly launched one has written. */
  lastLines(): string[] {
    return tailOf(this[AT]);
  }

  /** @internal */
  launch(): void {
    const at = this[AT];
    const importing = isImportingModule();
    if (importing !== undefined) {
      throw new BootstrapError(
        `A thread is started while a thread imports ${importing}${callerPlace()}: every thread that imports this module would start the next. ` +
          'Put what starts threads under `if (import.meta.main) { … }`, or into a function.',
      );
    }
    if (this.#state() === THREAD_STATE.INITIAL && this.#options === undefined && this.run === Thread.prototype.run) {
      throw new RuntimeError(`${this.toString()} was made in another thread: start it there.`);
    }
    if (heap.cas(at + THREAD.STATE, THREAD_STATE.INITIAL, THREAD_STATE.STARTING) !== THREAD_STATE.INITIAL) {
      throw new RuntimeError(
        `${this.toString()} was started before: a thread can be started once. Make a new Thread for a second run.`,
      );
    }
    try {
      this.#load();
    } catch (error) {
      heap.store(at + THREAD.STATE, THREAD_STATE.INITIAL);
      throw error;
    }
    // So that `enumerate` gives this very object.
    addressOf(this);
    enlist(heap, at);
    keepProcessForThreads();
    try {
      requestIsolate(at, this.#options?.resourceLimits);
    } catch (error) {
      finish(heap, at, THREAD_OUTCOME.ERROR, error);
      throw error;
    }
    this.#options = undefined;
  }

  /**
   * Waits until the thread has ended: true; false when `timeout` passed first. Never throws the thread's error. The main
   * thread counts as ended when its event loop has nothing left but threads to wait for. In the process's 'exit'
   * listeners a daemon thread that lives can't be joined: `FinalizationError`.
   */
  async join(options?: WaitOptions): Promise<boolean> {
    deadlineIn(options, 'join', this);
    this.#mustBeJoinable();
    const ended = () => this.#state() === THREAD_STATE.ENDED || undefined;
    if (!ended()) this.#mustBeAbleToEnd();
    return (await park(this[HEAP], this[AT] + THREAD.SPOT, ended, options)) ?? false;
  }

  /** The same, blocking the calling thread. */
  joinSync(options?: SyncWaitOptions): boolean {
    const deadline = deadlineIn(options, 'joinSync', this, SYNC);
    this.#mustBeJoinable();
    const ended = () => this.#state() === THREAD_STATE.ENDED || undefined;
    if (ended()) return true;
    this.#mustBeAbleToEnd();
    return parkSync(this[HEAP], this[AT] + THREAD.SPOT, this[AT], ended, deadline) ?? false;
  }

  /** What the target returned, once the thread has ended; rejects with the error that escaped it. */
  async result(): Promise<R> {
    await this.join();
    const value = loadValue(heap, heap.i32[this[AT] + THREAD.RESULT]);
    if (heap.i32[this[AT] + THREAD.OUTCOME] === THREAD_OUTCOME.ERROR) throw value;
    return value as R;
  }

  /** Whether it has been started and has not ended. */
  isAlive(): boolean {
    const state = this.#state();
    return state === THREAD_STATE.STARTING || state === THREAD_STATE.RUNNING;
  }

  /** The thread's number, once it runs: never 0, and no other living thread has it. */
  get ident(): number | undefined {
    return heap.load(this[AT] + THREAD.IDENT) || undefined;
  }

  /** The kernel's id of the thread, once it runs; undefined where the platform doesn't tell. */
  get nativeId(): number | undefined {
    return heap.load(this[AT] + THREAD.NATIVE_ID) || undefined;
  }

  get name(): string {
    return nameOf(heap, this[AT]);
  }

  set name(name: string) {
    const at = this[AT];
    rename(heap, at, String(name));
    const own = (heap.load(at + THREAD.FLAGS) & THREAD_FLAG.FOREIGN) === 0;
    // Given by hand from now on, so that an isolate that starts it later tells the kernel.
    heap.i32[at + THREAD.NUMBER] = 0;
    if (own && this.isAlive()) setKernelName(heap.load(at + THREAD.NATIVE_ID), String(name));
  }

  /** Whether the process may end without waiting for it. Set it before `start`; afterwards: `RuntimeError`. */
  get daemon(): boolean {
    return (heap.load(this[AT] + THREAD.FLAGS) & THREAD_FLAG.DAEMON) !== 0;
  }

  set daemon(daemon: boolean) {
    if (this.#state() !== THREAD_STATE.INITIAL) {
      throw new RuntimeError(`daemon of ${this.toString()} can't be changed any more: set it before start().`);
    }
    if (daemon) heap.or(this[AT] + THREAD.FLAGS, THREAD_FLAG.DAEMON);
    else heap.and(this[AT] + THREAD.FLAGS, ~THREAD_FLAG.DAEMON);
  }

  /** Aborted by `interrupt`. In the thread itself only (`currentThread().signal`); elsewhere it throws. */
  get signal(): AbortSignal {
    if (heap.load(heap.descriptor + ISOLATE.THREAD) !== this[AT]) {
      throw new RuntimeError(`The signal of ${this.toString()} can only be had inside it: currentThread().signal.`);
    }
    return signalOfThisThread(this[AT]);
  }

  /** Aborts `currentThread().signal` inside the thread, with this reason. */
  interrupt(reason: unknown = new DOMException(`${this.name} was interrupted`, 'AbortError')): void {
    const at = this[AT];
    const message = storeValue(reason);
    if (heap.cas(at + THREAD.REASON, 0, message) !== 0) {
      // The first reason stays, as with an AbortController.
      heap.release(message);
      return;
    }
    heap.or(at + THREAD.FLAGS, THREAD_FLAG.INTERRUPTED);
    wake(heap, at + THREAD.SPOT, Infinity);
  }

  /**
   * Ends the thread by force, wherever it is; resolves when it is gone. What it held is given back, locks that it held
   * are abandoned, its `result()` rejects. Better: `interrupt`, and a target that heeds its signal.
   */
  async terminate(): Promise<void> {
    const at = this[AT];
    const state = this.#state();
    if (heap.load(at + THREAD.FLAGS) & THREAD_FLAG.FOREIGN) {
      throw new RuntimeError(`${this.toString()} was not started by Thread.start(): it can't be terminated.`);
    }
    if (state === THREAD_STATE.INITIAL || state === THREAD_STATE.ENDED) return;
    // The bit first, then the request: see `mayBeReused` in runner.ts.
    heap.or(at + THREAD.FLAGS, THREAD_FLAG.TERMINATE);
    requestTermination(at);
    await park(heap, at + THREAD.SPOT, () => this.#state() === THREAD_STATE.ENDED || undefined);
  }

  /** What the thread does: calls the target. Override it in a subclass, as in Python. */
  protected run(): R | Promise<R> {
    const { target, args } = this.#options ?? {};
    return target?.(...(args ?? ([] as unknown as A))) as R;
  }

  /** @internal Resolves when the thread has ended, without keeping the process for it. */
  async whenEnded(): Promise<void> {
    const ended = () => this.#state() === THREAD_STATE.ENDED || undefined;
    await park(heap, this[AT] + THREAD.SPOT, ended, { hold: false });
  }

  /** @internal The error that a thread ended with. */
  failure(): unknown {
    if (this.#state() !== THREAD_STATE.ENDED) return undefined;
    if (heap.i32[this[AT] + THREAD.OUTCOME] !== THREAD_OUTCOME.ERROR) return undefined;
    return loadValue(heap, heap.i32[this[AT] + THREAD.RESULT]);
  }

  /** @internal What its target returned; undefined after `process.exit`, or a death. */
  returned(): unknown {
    if (this.#state() !== THREAD_STATE.ENDED) return undefined;
    if (heap.i32[this[AT] + THREAD.OUTCOME] !== THREAD_OUTCOME.VALUE) return undefined;
    return loadValue(heap, heap.i32[this[AT] + THREAD.RESULT]);
  }

  /** @internal Whether somebody called `terminate`. */
  wasTerminated(): boolean {
    return (heap.load(this[AT] + THREAD.FLAGS) & THREAD_FLAG.TERMINATE) !== 0;
  }

  /** @internal In the thread: does what it was sent for. */
  runHere(_payload: Payload): unknown {
    return this.run();
  }

  /** @internal What the thread is sent. */
  [PAYLOAD](): Payload {
    const { target, args = [] } = this.#options ?? {};
    if (this.run !== Thread.prototype.run) {
      // The thread is there before its class is known: private members can't be added to what is there.
      if (hasPrivates(this.constructor)) throw new CloneError(privateThread(this.constructor.name));
      return { self: this as unknown as Thread, args: [], text: `run of ${this.constructor.name}` };
    }
    const text = target ? `target ${describeFunction(target)}`.replace(/^target target/, 'target') : 'no target';
    return { target: target as Payload['target'], args, text };
  }

  /** Joins the thread if it was started. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state() !== THREAD_STATE.INITIAL) await this.join();
  }

  override toString(): string {
    const state = ['initial', 'starting', 'started', 'stopped'][this.#state()];
    const ident = this.ident === undefined ? '' : ` ${this.ident}`;
    return `<${this.constructor.name}(${this.name}, ${state}${this.daemon ? ' daemon' : ''}${ident})>`;
  }

  #state(): number {
    return heap.load(this[AT] + THREAD.STATE);
  }

  #mustBeJoinable(): void {
    if (this.#state() === THREAD_STATE.INITIAL)
      throw new RuntimeError(`${this.toString()} can't be joined before it is started: call start() first.`);
    if (heap.load(heap.descriptor + ISOLATE.THREAD) === this[AT]) {
      throw new RuntimeError(`${this.toString()} can't join itself: it would wait for ever.`);
    }
  }

  #mustBeAbleToEnd(): void {
    if (this.daemon && isProcessEnding()) {
      throw new FinalizationError(
        `${this.toString()} can't be joined any more: the process is ending, and daemon threads end with it. Join it before.`,
      );
    }
  }

  /** Encodes what the thread will run, and which modules it must import first. */
  #load(): void {
    if (heap.i32[this[AT] + THREAD.TARGET] !== 0) return;
    const payload = this[PAYLOAD]();
    const at = this[AT];
    let encoder: Encoder;
    try {
      encoder = pack(payload);
    } catch (error) {
      // The path from what the caller knows: `args[0].socket`.
      if (error instanceof CloneError) error.message = error.message.replace(/^value\.(?=args|target|self)/, '');
      throw error;
    }
    try {
      heap.i32[at + THREAD.MODULES] = storeValue(encoder.functions);
      heap.i32[at + THREAD.TARGET] = store(encoder);
    } catch (error) {
      discard(encoder);
      throw error;
    }
  }
}

const privateThread = (name: string): string =>
  `${name} can't be sent to its thread: it has private members (#…), which would be missing there. ` +
  'Write `private` instead of #.';

/** Whether the thread that calls is a daemon: its threads are too unless they say otherwise. */
function currentIsDaemon(): boolean {
  const current = heap.load(heap.descriptor + ISOLATE.THREAD);
  return current !== 0 && (heap.load(current + THREAD.FLAGS) & THREAD_FLAG.DAEMON) !== 0;
}

/** @internal A thread object for an isolate that the library did not start. */
export function foreignThread(main: boolean): Thread {
  making = { foreign: true };
  let thread: Thread;
  try {
    thread = main
      ? new Thread({ name: 'MainThread', daemon: false })
      : new Thread({ name: `Dummy-${heap.add(SUPER.NEXT_THREAD_NUMBER, 1) + 1}`, daemon: true });
  } finally {
    making = undefined;
  }
  const at = thread[AT];
  heap.i32[at + THREAD.IDENT] = heap.ident;
  heap.i32[at + THREAD.NATIVE_ID] = heap.i32[heap.descriptor + ISOLATE.NATIVE_ID];
  heap.store(at + THREAD.STATE, THREAD_STATE.RUNNING);
  enlist(heap, at);
  if (!main) process.on('exit', () => finishForeign(at));
  return thread;
}

function finishForeign(at: number): void {
  delist(heap, at);
  heap.store(at + THREAD.STATE, THREAD_STATE.ENDED);
  wake(heap, at + THREAD.SPOT, Infinity);
  heap.release(at);
}

/** The signal of the thread that runs here; made when it is first asked for. */
let current: { at: number; controller: AbortController; over: AbortController } | undefined;

function signalOfThisThread(at: number): AbortSignal {
  if (current?.at !== at) {
    const controller = new AbortController();
    const over = new AbortController();
    current = { at, controller, over };
    const interrupted = () => (heap.load(at + THREAD.FLAGS) & THREAD_FLAG.INTERRUPTED) !== 0 || undefined;
    const abort = () => controller.abort(loadValue(heap, heap.i32[at + THREAD.REASON]));
    if (interrupted()) abort();
    else park(heap, at + THREAD.SPOT, interrupted, { signal: over.signal, hold: false }).then(abort, () => {});
  }
  return current.controller.signal;
}

/**
 * @internal Whether somebody in this thread listens to its signal: then an interrupt may still bring what its event loop
 * lacks, and from this call on the loop stays until one comes.
 */
export function awaitsInterrupt(): boolean {
  if (current === undefined) return false;
  const { at, over, controller } = current;
  if (controller.signal.aborted || getEventListeners(controller.signal, 'abort').length === 0) return false;
  const interrupted = () => (heap.load(at + THREAD.FLAGS) & THREAD_FLAG.INTERRUPTED) !== 0 || undefined;
  park(heap, at + THREAD.SPOT, interrupted, { signal: over.signal }).catch(() => {});
  return true;
}

/** @internal The thread that ran here has ended: nothing watches for its interruption any more. */
export function forgetSignal(): void {
  current?.over.abort();
  current = undefined;
}

defineKind(KIND.THREAD, Thread as never);
