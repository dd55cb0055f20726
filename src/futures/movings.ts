/**
 * What is transferred with tasks and results. A task waits in shared memory for whichever worker is free, so it isn't known
 * beforehand whom to send its objects: a worker that has taken such a task asks for them.
 *
 *     worker                                    thread that submitted
 *     takes the task ──── WANT, its ident ────▶ opens a channel to that worker, unless there is one
 *     waits           ◀── the objects ───────── posts them there
 *     runs it; posts the result's objects ────▶ taken when the outcome is decoded
 *
 * A worker that has nothing else to do blocks for them: to be woken by its event loop takes many times as long.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Transferable } from 'node:worker_threads';
import { CloneError, UnsupportedError } from '../errors.ts';
import { arrivals, arrive, BLOCK, heap, parkUntilPosted, postedHere, tellPosted } from '../memory/index.ts';
import { hasWayToThreads, onPort, sendPort } from '../threading/internal.ts';

type Numbered = [number: number, object: object][];
type Posted = { task: number; objects: Numbered };

/** What a worker asks for: the objects of a task. */
export const WANT = 'want';

let count = 0;

/** Numbers for objects that are about to leave. Throws `TypeError` for what is no list. */
export function numbersFor(list: readonly Transferable[]): Map<object, number> {
  const numbers = new Map<object, number>();
  for (const object of list) numbers.set(object as object, heap.ident * 2 ** 20 + (count++ & 0xfffff));
  return numbers;
}

/** Takes them from the program: they are detached from now on. Throws `CloneError` for what can't be transferred. */
export function detach(numbers: ReadonlyMap<object, number>): Numbered {
  const list = [...numbers.keys()];
  const [first] = list;
  // A tenth of the time; and nothing else is half detached should it fail.
  if (list.length === 1 && first instanceof ArrayBuffer) {
    return refusing(() => [[numbers.get(first)!, first.transfer()]]);
  }
  return refusing(() => {
    const objects = structuredClone(list, { transfer: list as never[] });
    return [...numbers.values()].map((number, index) => [number, objects[index]]);
  });
}

function refusing<R>(transfer: () => R): R {
  try {
    return transfer();
  } catch (cause) {
    const text = `transfer: ${(cause as Error).message.replace(/\.$/, '')}. Give ArrayBuffers and message ports.`;
    throw new CloneError(text, undefined, { cause });
  }
}

function post(port: MessagePort, task: number, objects: Numbered): void {
  port.postMessage({ task, objects } satisfies Posted, objects.map(([, object]) => object) as never[]);
}

/** The side of the thread that submits. */
export class Outgoing {
  readonly #waiting = new Map<number, Numbered>();
  readonly #ports = new Map<number, MessagePort>();

  /** Throws `UnsupportedError` in a thread from which no port can be sent. */
  constructor() {
    if (hasWayToThreads()) {
      listenTo(this);
      dropped.register(this, this.#ports);
      return;
    }
    throw new UnsupportedError(
      'transfer: this thread was started by node:worker_threads, from which nothing can be transferred to threads of telaio. Submit without `transfer`: then buffers are copied.',
    );
  }

  add(task: number, objects: Numbered): void {
    this.#waiting.set(task, objects);
  }

  /** A worker has taken the task, or wants to send something with its result. */
  give(task: number, ident: number): void {
    let port = this.#ports.get(ident);
    if (port === undefined) {
      const { port1, port2 } = new MessageChannel();
      port = port1;
      this.#ports.set(ident, port1);
      const ports = this.#ports;
      port1.on('close', () => ports.delete(ident));
      port1.unref();
      sendPort(ident, port2);
    }
    const objects = this.#waiting.get(task) ?? [];
    this.#waiting.delete(task);
    post(port, task, objects);
    tellPosted(heap, ident);
  }

  /** Whether the objects of a task have not left this thread. */
  has(task: number): boolean {
    return this.#waiting.has(task);
  }

  forget(task: number): void {
    this.#waiting.delete(task);
  }

  /** Looks for objects of results; false when there are none. */
  fetch(): boolean {
    for (const port of this.#ports.values()) {
      const received = receiveMessageOnPort(port) as { message: Posted } | undefined;
      if (received === undefined) continue;
      arrive(received.message.objects);
      return true;
    }
    return false;
  }

  close(): void {
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
    this.#waiting.clear();
  }
}

/** Of one that nobody refers to any more, the ports: they are of no use to the workers either. */
const dropped = new FinalizationRegistry<Map<number, MessagePort>>((ports) => {
  for (const port of [...ports.values()]) port.close();
});

const outgoing = new Set<WeakRef<Outgoing>>();

/** Results that are decoded in this thread find their objects in these. */
function listenTo(one: Outgoing): void {
  outgoing.add(new WeakRef(one));
  arrivals.fetch ??= () => {
    for (const weak of outgoing) {
      const known = weak.deref();
      if (known === undefined) outgoing.delete(weak);
      else if (known.fetch()) return true;
    }
    return false;
  };
}

/* The side of a worker. */

/** Milliseconds for which a worker blocks for the objects of a task, and at first looks on awake. */
const BLOCK_MS = 5;
const AWAKE_MS = 0.05;

/** How often one that waits by its event loop looks whether anybody will answer, in milliseconds. */
const LIVENESS_MS = 500;
const GONE = 'transfer: the thread that submitted the task has ended, and what it transferred is gone.';

/** Of each task whose objects have been asked for: resolves with the port that they come through. */
const asked = new Map<number, PromiseWithResolvers<MessagePort>>();
/** The port of each thread that submits, by the address of its queue of outcomes (0: the executor's own). */
const ports = new Map<number, MessagePort>();
let keepLoop: ((keep: boolean) => void) | undefined;

function receive({ task, objects }: Posted, port: MessagePort): void {
  const wait = asked.get(task);
  if (wait === undefined) return;
  asked.delete(task);
  arrive(objects);
  wait.resolve(port);
}

function askFor(task: number, ask: () => void): PromiseWithResolvers<MessagePort> {
  let wait = asked.get(task);
  if (wait === undefined) {
    wait = Promise.withResolvers();
    asked.set(task, wait);
    try {
      ask();
    } catch (error) {
      asked.delete(task);
      throw error;
    }
  }
  return wait;
}

/**
 * The port to the thread that submitted the task, once its objects have come: at once, blocking for a moment. Undefined
 * when they take longer, or it is the first task of that thread: then `objectsOf`.
 */
export function objectsNow(task: number, outcomes: number, ask: () => void): MessagePort | undefined {
  const port = ports.get(outcomes);
  if (port === undefined) return undefined;
  askFor(task, ask);
  for (const start = performance.now(); performance.now() - start < BLOCK_MS; ) {
    const posted = postedHere(heap);
    const received = receiveMessageOnPort(port) as { message: Posted } | undefined;
    if (received !== undefined) receive(received.message, port);
    if (!asked.has(task)) return port;
    if (received === undefined) parkUntilPosted(heap, posted, AWAKE_MS, BLOCK_MS);
  }
  return undefined;
}

/** The same, by the event loop. Rejects when the thread that submitted the task is gone, or waits for it no more. */
export async function objectsOf(task: number, outcomes: number, ask: () => void): Promise<MessagePort> {
  keepLoop ??= onPort((port) => {
    port.on('message', (posted: Posted) => receive(posted, port));
    port.on('close', () => forgetPort(port));
    port.unref();
  });
  keepLoop(true);
  const wait = askFor(task, ask);
  const look = setInterval(() => {
    // Then the count that this worker has of the task is the only one.
    if (heap.load(task + BLOCK.COUNT) === 1) wait.reject(new CloneError(GONE));
  }, LIVENESS_MS);
  try {
    const port = await wait.promise;
    ports.set(outcomes, port);
    return port;
  } finally {
    clearInterval(look);
    asked.delete(task);
    if (asked.size === 0) keepLoop(false);
  }
}

function forgetPort(closed: MessagePort): void {
  for (const [outcomes, port] of ports) if (port === closed) ports.delete(outcomes);
}

/** The worker's thread has ended; its isolate may serve another executor next. */
export function forgetPorts(): void {
  for (const port of ports.values()) port.close();
  ports.clear();
  asked.clear();
}

/** Sends what goes with a result: it is detached here from now on. Throws `CloneError` as `detach` does. */
export function sendBack(port: MessagePort, task: number, numbers: ReadonlyMap<object, number>): void {
  const objects: Numbered = Array.from(numbers, ([object, number]) => [number, object]);
  refusing(() => post(port, task, objects));
}
