/** What an executor's threads share: how one that was sent there finds its way to the workers. */
import {
  AT,
  addressOf,
  BLOCK,
  defineKind,
  EXECUTOR,
  EXECUTOR_STATE,
  HEAP,
  heap,
  holdingsOf,
  ISOLATE,
  ISOLATE_STATE,
  KIND,
  liveIsolates,
  loadValue,
  lockMutex,
  SharedObject,
  storeValue,
  THREAD,
  unlockMutex,
  WORKER_FLAG,
  wrapCounting,
} from '../memory/index.ts';
import { type PriorityQueue, Queue } from '../queue/index.ts';
import { Thread } from '../threading/index.ts';
import { workersOf } from '../threading/internal.ts';
import type { ThreadPoolOptions } from './pool-options.ts';
import type { TaskRing } from './task-ring.ts';
import type { Outcome } from './worker.ts';

/** What its senders' errors and `map` want to know. */
export type Facts = {
  maxWorkers: number;
  singly: boolean;
  prefix: string;
  resourceLimits: ThreadPoolOptions['resourceLimits'];
};

/** A thread that submits: where it receives outcomes, and its ident. */
export type Submitter = [outcomes: Queue<Outcome>, ident: number];

export class ExecutorRecord extends SharedObject {
  #stand: object | undefined;

  constructor(ring: TaskRing, outcomes: Queue<Outcome>, template: Thread, facts: Facts) {
    super(KIND.EXECUTOR, EXECUTOR.WORDS - 2, (heap, at) => {
      heap.i32.fill(0, at + EXECUTOR.TASKS, at + EXECUTOR.WORDS);
      heap.i32[at + EXECUTOR.FACTS] = storeValue(facts);
      const objects = {
        TASKS: ring.tasks,
        RANKED: ring.ranked,
        OUTCOMES: outcomes,
        SUBMITTERS: new Queue<Submitter>(),
        TEMPLATE: template as unknown as SharedObject,
      };
      for (const [name, object] of Object.entries(objects)) {
        const address = addressOf(object);
        heap.retain(address);
        heap.i32[at + EXECUTOR[name as keyof typeof objects]] = address;
      }
      heap.i32[at + EXECUTOR.OWNER] = heap.descriptor;
      heap.i32[at + EXECUTOR.OWNER_EPOCH] = heap.load(heap.descriptor + ISOLATE.EPOCH);
    });
  }

  get tasks(): Queue<number> {
    return this.#object(EXECUTOR.TASKS) as Queue<number>;
  }

  get ranked(): PriorityQueue<number> {
    return this.#object(EXECUTOR.RANKED) as PriorityQueue<number>;
  }

  /** The outcomes of the thread that made it. */
  get outcomes(): Queue<Outcome> {
    return this.#object(EXECUTOR.OUTCOMES) as Queue<Outcome>;
  }

  /** Threads that have begun to submit, for the executor to fetch. */
  get submitters(): Queue<Submitter> {
    return this.#object(EXECUTOR.SUBMITTERS) as Queue<Submitter>;
  }

  /** Starts one more worker, from whichever thread this is, unless there are as many as there may be. */
  hire(): void {
    const heap = this[HEAP];
    const { prefix, resourceLimits, maxWorkers } = this.facts;
    const mutex = this[AT] + EXECUTOR.HIRE_MUTEX;
    lockMutex(heap, mutex);
    try {
      if (this.serving().length >= maxWorkers) return;
      const name = `${prefix}_${heap.add(this[AT] + EXECUTOR.WORKERS, 1)}`;
      const worker = new Thread({ name, daemon: true, resourceLimits });
      worker.belongsTo(this[AT]);
      worker.launchLike(this.#object(EXECUTOR.TEMPLATE) as unknown as Thread);
    } finally {
      unlockMutex(heap, mutex);
    }
  }

  /** Those that live, whoever started them. */
  workers(): Thread[] {
    return workersOf(this[AT]) as unknown as Thread[];
  }

  /** Of these, those that take tasks. */
  serving(): Thread[] {
    return this.workers().filter(
      (worker) => (this[HEAP].load(addressOf(worker) + THREAD.FLAGS) & WORKER_FLAG.LEAVING) === 0,
    );
  }

  /**
   * Whether another thread has it, or what is on the way to one: each of these has a count. So has each worker, and another once a
   * task there was given the executor; but a worker only does what others submit.
   */
  isHeldByOthers(): boolean {
    const heap = this[HEAP];
    const ring = this.word(EXECUTOR.TASKS);
    let own = 1 + this.workers().length;
    for (const descriptor of liveIsolates(heap)) {
      if (heap.load(descriptor + ISOLATE.SERVES) !== ring) continue;
      for (const address of holdingsOf(heap, descriptor)) if (address === this[AT]) own++;
    }
    return heap.load(this[AT] + BLOCK.COUNT) > own;
  }

  get facts(): Facts {
    return loadValue(this[HEAP], this.word(EXECUTOR.FACTS)) as Facts;
  }

  /** Whether the isolate of the thread that made it lives. */
  get hasOwner(): boolean {
    const descriptor = this.word(EXECUTOR.OWNER);
    const { LIVE } = ISOLATE_STATE;
    if (heap.load(descriptor + ISOLATE.STATE) !== LIVE) return false;
    return heap.load(descriptor + ISOLATE.EPOCH) === this.word(EXECUTOR.OWNER_EPOCH);
  }

  get state(): number {
    return this.hasOwner ? this.word(EXECUTOR.STATE) : EXECUTOR_STATE.BROKEN;
  }

  nextFunction(): number {
    return this[HEAP].add(this[AT] + EXECUTOR.FUNCTIONS, 1) + 1;
  }

  word(offset: number): number {
    return this[HEAP].load(this[AT] + offset);
  }

  setWord(offset: number, value: number): void {
    this[HEAP].store(this[AT] + offset, value);
  }

  /** The maker ends this worker for the sake of one of its tasks: the others that it ran are not to fail for it. */
  noteEnded(ident: number): void {
    this.setWord(EXECUTOR.ENDED + (ident % EXECUTOR.ENDED_WORDS), ident);
  }

  wasEnded(ident: number): boolean {
    return this.word(EXECUTOR.ENDED + (ident % EXECUTOR.ENDED_WORDS)) === ident;
  }

  /** True for the first that asks, until it is set back. */
  claim(offset: number): boolean {
    return this[HEAP].cas(this[AT] + offset, 0, 1) === 0;
  }

  /** The executor that stands for it in this thread, made by `make` if there is none yet. */
  stand(make: (record: ExecutorRecord) => object): object {
    this.#stand ??= make(this);
    return this.#stand;
  }

  #object(offset: number): SharedObject {
    return wrapCounting(this[HEAP], this.word(offset));
  }
}

defineKind(KIND.EXECUTOR, ExecutorRecord as never);
