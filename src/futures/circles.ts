/**
 * Threads that block for tasks which only they themselves could run, by way of others: a task that blocks for one of another
 * executor, whose task blocks for one of the first. (For one of its own executor it is refused at once: see nested.ts.)
 *
 * Each isolate says which ring its thread takes tasks from, and while it blocks for a task, to which ring that went. Of a ring whose
 * workers all block, for tasks or for threads of such, none will take anything any more. Not what has a time limit, nor a lock, which
 * any thread may release. What is read here may be over the next moment: so it must be true at every look for a while, in which
 * a worker that may yet be started would be.
 */
import {
  addressOf,
  type BlockingWait,
  blockingWaits,
  heap,
  ISOLATE,
  KIND,
  liveIsolates,
  PARKED,
  type SharedObject,
} from '../memory/index.ts';

/** How long, in milliseconds. */
const SURE_MS = 1_000;

/** In a worker's thread: it takes tasks from this ring from now on. */
export function servesRing(tasks: SharedObject | undefined): void {
  heap.store(heap.descriptor + ISOLATE.SERVES, tasks === undefined ? 0 : addressOf(tasks));
}

/** While this thread blocks for a task. */
export class CircleWatch {
  readonly #ring: number;
  #since = 0;

  constructor(tasks: SharedObject) {
    this.#ring = addressOf(tasks);
  }

  /** Blocks: what this thread waits for is to be seen meanwhile, unless it has a time `limit`. */
  during(limit: boolean, block: () => void): void {
    if (limit) {
      block();
      return;
    }
    const word = heap.descriptor + ISOLATE.AWAITS;
    heap.store(word, this.#ring);
    try {
      block();
    } finally {
      heap.store(word, 0);
    }
  }

  /** Whether nobody will ever run the task, for this thread's sake. */
  look(): boolean {
    const now = performance.now();
    if (!isInCircle(this.#ring)) this.#since = 0;
    else if (this.#since === 0) this.#since = now;
    return this.#since > 0 && now - this.#since > SURE_MS;
  }
}

/** Whether all workers of this ring block, and this thread is among those that they wait for. */
function isInCircle(ring: number): boolean {
  const workers = new Map<number, number[]>();
  for (const descriptor of liveIsolates(heap)) {
    const serves = heap.load(descriptor + ISOLATE.SERVES);
    if (serves !== 0) workers.set(serves, [...(workers.get(serves) ?? []), descriptor]);
  }
  const waits = new Map<number, BlockingWait>();
  for (const wait of blockingWaits(heap)) waits.set(wait.descriptor, wait);
  // What was seen already is taken to block: unless another proves it wrong, it does.
  const seen = new Set<number>();
  let reached = false;

  function isStuck(ring: number): boolean {
    if (seen.has(ring)) return true;
    seen.add(ring);
    return workers.get(ring)?.every(blocks) ?? false;
  }

  function blocks(descriptor: number): boolean {
    if (descriptor === heap.descriptor) {
      reached = true;
      return true;
    }
    if (seen.has(-descriptor)) return true;
    seen.add(-descriptor);
    const wait = waits.get(descriptor);
    if (wait === undefined) return false;
    const awaits = heap.load(descriptor + ISOLATE.AWAITS);
    if (awaits !== 0) return isStuck(awaits);
    if ((wait.flags & PARKED.TIMED) !== 0 || wait.holder === 0 || heap.kind(wait.object) !== KIND.THREAD) return false;
    const joined = heap.descriptorOf(wait.holder);
    return joined !== 0 && blocks(joined);
  }

  return isStuck(ring) && reached;
}
