/**
 * What is transferred with tasks and results. A task waits in shared memory for whichever worker is free, so it isn't known
 * beforehand whom to send its objects: a worker that has taken such a task asks for them.
 *
 *     worker                                    thread that submitted
 *     takes the task ──── WANT, its ident ────▶ opens a channel to that worker, unless there is one
 *     waits           ◀── the objects ───────── posts them there
 *     runs it; posts the result's objects ────▶ taken when the outcome is decoded
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Transferable } from 'node:worker_threads';
import { CloneError, UnsupportedError } from '../errors.ts';
import { arrivals, arrive, heap } from '../memory/index.ts';
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
  try {
    const objects = structuredClone(list, { transfer: list as never[] });
    return [...numbers.values()].map((number, index) => [number, objects[index]]);
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
      port1.on('close', () => this.#ports.delete(ident));
      port1.unref();
      sendPort(ident, port2);
    }
    const objects = this.#waiting.get(task) ?? [];
    this.#waiting.delete(task);
    post(port, task, objects);
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

/** The side of a worker: who waits for the objects of which task, and the ports that they came through. */
const waiters = new Map<number, (port: MessagePort) => void>();
let keepLoop: ((keep: boolean) => void) | undefined;

/** Resolves when the objects of a task have come, with the port to the thread that submitted it. */
export async function objectsOf(task: number, ask: () => void): Promise<MessagePort> {
  keepLoop ??= onPort((port) => {
    port.on('message', ({ task, objects }: Posted) => {
      const waiter = waiters.get(task);
      if (waiter === undefined) return;
      arrive(objects);
      waiters.delete(task);
      waiter(port);
    });
    port.unref();
  });
  keepLoop(true);
  try {
    return await new Promise<MessagePort>((resolve) => {
      waiters.set(task, resolve);
      ask();
    });
  } finally {
    if (waiters.size === 0) keepLoop(false);
  }
}

/** Sends what goes with a result. */
export function sendBack(port: MessagePort, task: number, objects: Numbered): void {
  post(port, task, objects);
}
