/**
 * `Executor.map`: chunks of items go out as tasks, their results come back as one asynchronous iterable.
 *
 * Eager: all chunks are submitted in the call. Lazy: at most `bufferSize` items are in flight or waiting to be read;
 * the next chunk goes out when one has been read.
 */
import { inspect } from 'node:util';
import { TimeoutError } from '../errors.ts';
import { deadlineIn } from '../memory/index.ts';
import { ChunkSizes, MOST_ITEMS, MOST_PULLED } from './chunk-sizes.ts';
import { type Future, runningLast } from './future.ts';
import type { ChunkOutcome } from './worker.ts';

export type MapOptions = {
  /**
   * Items that travel together. Left out, it goes by their number: the first ones alone, then more and more of them, so that
   * many small ones cost little each, and fewer again towards the end of an array, so that no worker waits for another.
   */
  chunkSize?: number;
  /** Items in flight at most; makes `map` lazy. */
  bufferSize?: number;
  /** false: results as they come, not in the order of the items. */
  ordered?: boolean;
  /** Milliseconds from the call of `map` to the last result; then iteration throws `TimeoutError`. */
  timeout?: number;
  /** Aborting it cancels what has not begun, and iteration throws `signal.reason`. */
  signal?: AbortSignal;
};

const OPTIONS = ['timeout', 'signal', 'chunkSize', 'bufferSize', 'ordered'];

export type MapResult<R> = AsyncIterableIterator<R> &
  AsyncDisposable & {
    /** All results in an array. */
    toArray(): Promise<R[]>;
  };

export type Submitter = {
  /** Workers at most. */
  workers: number;
  /** Each item is to be a task of its own, since there are options that hold for one. */
  singly: boolean;
  /** A way to submit chunks of one function, which is encoded once. */
  chunksOf(fn: (item: unknown) => unknown): { submit(items: unknown[]): Future<ChunkOutcome>; close(): void };
};

/** Chunks for each worker that a lazy `map` has out where the caller has not said how many items. */
const CHUNKS_AHEAD = 4;

export function mapOver(
  submitter: Submitter,
  fn: (item: unknown) => unknown,
  items: Iterable<unknown> | AsyncIterable<unknown>,
  options: MapOptions,
): MapResult<unknown> {
  const deadline = deadlineIn(options, 'map(fn, items, …)', undefined, OPTIONS);
  const { chunkSize, ordered = true, timeout, signal } = options;
  if (typeof ordered !== 'boolean') throw new TypeError(`map: ordered is ${inspect(ordered)}: give true or false.`);
  if (typeof (Object(items)[Symbol.iterator] ?? Object(items)[Symbol.asyncIterator]) !== 'function') {
    throw new TypeError(`map(…, ${String(items)}): give something to iterate over, as an array or a queue.`);
  }
  const { bufferSize } = options;
  for (const [name, value] of Object.entries({ chunkSize, bufferSize })) {
    if (value !== undefined && (!(value >= 1) || (value !== Infinity && !Number.isInteger(value)))) {
      throw new RangeError(`map: ${name} is ${String(value)}: give a whole number, 1 or more.`);
    }
  }
  const asynchronous = Symbol.asyncIterator in Object(items);
  const lazy = asynchronous || (bufferSize ?? Infinity) !== Infinity;
  const { workers } = submitter;
  const most = lazy ? Math.min(MOST_PULLED, (bufferSize ?? Infinity) / (workers * CHUNKS_AHEAD)) : MOST_ITEMS;
  const sizes = new ChunkSizes(workers, chunkSize ?? (submitter.singly ? 1 : undefined), most, items);
  signal?.throwIfAborted();
  const chunks = submitter.chunksOf(fn);
  const ahead = (size: number): number => Math.max(size, bufferSize ?? workers * CHUNKS_AHEAD * size);
  const results = new MapResults(chunks, { ordered, deadline, timeout, signal, ahead, sizes });
  if (asynchronous) results.pullFrom((items as AsyncIterable<unknown>)[Symbol.asyncIterator]());
  else if (!lazy) results.submitAll(items as Iterable<unknown>);
  else results.pullFrom((items as Iterable<unknown>)[Symbol.iterator]());
  return results;
}

type Chunks = ReturnType<Submitter['chunksOf']>;
type Settings = {
  ordered: boolean;
  /** Items in flight at most when chunks are of that size. */
  ahead: (size: number) => number;
  deadline: number;
  timeout: number | undefined;
  signal: AbortSignal | undefined;
  sizes: ChunkSizes;
};

class MapResults implements MapResult<unknown> {
  #chunks: Chunks;
  #settings: Settings;
  #source: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  /** Futures in the order in which their results are to be read. */
  #waiting = new Set<Future<ChunkOutcome>>();
  /** What has come back and not been read: for `ordered: false`. */
  #ready: Future<ChunkOutcome>[] = [];
  #wakeReader: (() => void) | undefined;
  #values: unknown[] = [];
  #next = 0;
  #failure: { error: unknown } | undefined;
  /** The source's error, or one in sending its item: comes after the results of the items before. */
  #sourceFailure: { error: unknown } | undefined;
  #inFlight = 0;
  #exhausted = false;
  #over = false;
  #pulling: Promise<void> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Calls of `next` that are not served yet. */
  #turns = 0;

  constructor(chunks: Chunks, settings: Settings) {
    this.#chunks = chunks;
    this.#settings = settings;
    settings.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  submitAll(items: Iterable<unknown>): void {
    const { sizes } = this.#settings;
    let chunk: unknown[] = [];
    let size = sizes.next();
    try {
      for (const item of items) {
        chunk.push(item);
        if (chunk.length >= size) {
          this.#submit(chunk);
          chunk = [];
          size = sizes.next();
        }
      }
      if (chunk.length > 0) this.#submit(chunk);
    } catch (error) {
      // The caller gets no results to read: what has not begun needn't.
      void this.#close();
      throw error;
    }
    this.#sourceEnded();
  }

  pullFrom(source: Iterator<unknown> | AsyncIterator<unknown>): void {
    this.#source = source;
    this.#pull();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Calls are served one after the other, so that readers that don't wait get the results in order all the same. */
  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#turns === 0 && this.#next < this.#values.length) {
      return Promise.resolve({ done: false, value: this.#values[this.#next++] });
    }
    this.#turns++;
    const turn = this.#turn.then(() => this.#advance());
    const over = (): void => {
      this.#turns--;
    };
    this.#turn = turn.then(over, over);
    return turn;
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    await this.#close();
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async toArray(): Promise<unknown[]> {
    const all: unknown[] = [];
    for await (const value of this) {
      all.push(value);
      // The rest of its chunk, without a promise each.
      while (this.#turns === 0 && this.#next < this.#values.length) all.push(this.#values[this.#next++]);
    }
    return all;
  }

  async #advance(): Promise<IteratorResult<unknown, undefined>> {
    for (;;) {
      if (this.#next < this.#values.length) return { done: false, value: this.#values[this.#next++] };
      if (this.#failure) {
        const { error } = this.#failure;
        this.#failure = undefined;
        await this.#close();
        throw error;
      }
      if (this.#over) return { done: true, value: undefined };
      const found = await this.#nextFuture();
      if (found === undefined) {
        if (!this.#failure) await this.#close();
        continue;
      }
      const { future } = found;
      try {
        const outcome = await future.result(this.#patience());
        this.#values = outcome.values;
        this.#next = 0;
        if (outcome.failed) this.#failure = outcome.failed;
      } catch (error) {
        this.#failure = { error: error instanceof TimeoutError && !future.done() ? this.#tooLate() : error };
      }
      this.#inFlight -= future.chunk;
      this.#pull();
    }
  }

  /** The future to read next, wrapped since it is thenable; undefined when there is none and none will come. */
  async #nextFuture(): Promise<{ future: Future<ChunkOutcome> } | undefined> {
    for (;;) {
      if (this.#settings.ordered) {
        for (const future of this.#waiting) {
          this.#waiting.delete(future);
          return { future };
        }
      } else {
        const future = this.#ready.shift();
        if (future) return { future };
      }
      if (this.#exhausted && this.#waiting.size === 0) this.#failure ??= this.#sourceFailure;
      if (this.#failure || this.#over || (this.#exhausted && this.#waiting.size === 0)) return undefined;
      await new Promise<void>((resolve, reject) => {
        const left = this.#settings.deadline - performance.now();
        const timer =
          left === Infinity
            ? undefined
            : setTimeout(() => reject(this.#tooLate()), Math.max(0, Math.min(left, 2 ** 31 - 1)));
        this.#wakeReader = () => {
          clearTimeout(timer);
          resolve();
        };
      }).catch((error) => {
        this.#failure = { error };
      });
    }
  }

  #submit(items: unknown[]): void {
    const future = this.#chunks.submit(items);
    this.#inFlight += items.length;
    this.#settings.sizes.sent(items.length);
    this.#waiting.add(future);
    if (!this.#settings.ordered) {
      future.onDone(() => {
        if (!this.#waiting.delete(future)) return;
        this.#ready.push(future);
        this.#wake();
      });
    }
  }

  /** Takes items from the source as long as there is room, one pull at a time. */
  #pull(): void {
    if (this.#source === undefined || this.#pulling || this.#exhausted || this.#over || this.#failure) return;
    this.#pulling = this.#pullWhileRoom().then(
      () => {
        this.#pulling = undefined;
      },
      (error) => {
        this.#pulling = undefined;
        this.#sourceFailure = { error };
        this.#sourceEnded();
      },
    );
  }

  async #pullWhileRoom(): Promise<void> {
    const { sizes, ahead } = this.#settings;
    while (!this.#over && !this.#failure) {
      const size = sizes.next();
      if (this.#inFlight + size > ahead(size)) return;
      const chunk: unknown[] = [];
      let failed: { error: unknown } | undefined;
      let ended: boolean | undefined;
      while (chunk.length < size && !ended) {
        try {
          const step = this.#source!.next();
          // Items that are there are not held up by one that isn't yet.
          if (chunk.length > 0 && !sizes.fixed && !(await isSettledSoon(step))) {
            await this.#submitPulled(chunk.splice(0));
          }
          const { done, value } = await step;
          ended = done;
          if (!done) chunk.push(value);
        } catch (error) {
          failed = { error };
          break;
        }
      }
      if (chunk.length > 0) await this.#submitPulled(chunk);
      if (failed) throw failed.error;
      if (ended) {
        this.#sourceEnded();
        return;
      }
      this.#wake();
    }
  }

  async #submitPulled(chunk: unknown[]): Promise<void> {
    if (this.#over || this.#failure) return;
    try {
      this.#submit(chunk);
    } catch (error) {
      // The source is well, and is told that nobody will ask it for more.
      await this.#source!.return?.();
      throw error;
    }
  }

  #sourceEnded(): void {
    if (this.#exhausted) return;
    this.#exhausted = true;
    this.#chunks.close();
    this.#wake();
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }

  #onAbort = (): void => {
    this.#failure = { error: this.#settings.signal!.reason };
    this.#values = [];
    this.#cancelRest();
    this.#wake();
    // Also if nobody reads any more.
    this.#closeSource().catch(() => {});
  };

  #patience(): { timeout?: number; signal?: AbortSignal } {
    const { deadline, signal } = this.#settings;
    return { signal, timeout: deadline === Infinity ? undefined : Math.max(0, deadline - performance.now()) };
  }

  #tooLate(): TimeoutError {
    return new TimeoutError(`map was not done in ${this.#settings.timeout} ms.`);
  }

  #cancelRest(): void {
    for (const future of runningLast([...this.#waiting, ...this.#ready])) {
      // Whoever stops reading has decided about the rest.
      future.markSeen();
      future.cancel();
    }
    this.#waiting.clear();
    this.#ready = [];
  }

  async #close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#values = [];
    this.#settings.signal?.removeEventListener('abort', this.#onAbort);
    this.#cancelRest();
    this.#wake();
    await this.#closeSource();
  }

  async #closeSource(): Promise<void> {
    if (this.#exhausted) return;
    this.#exhausted = true;
    this.#chunks.close();
    const closing = this.#source?.return?.();
    // A generator ends after the item that it is asked for now, which may never come: not worth waiting for.
    if (this.#pulling) Promise.resolve(closing).catch(() => {});
    else await closing;
  }
}

/** Whether the source has its next item within this turn of the event loop. */
async function isSettledSoon(step: unknown): Promise<boolean> {
  if (!(step instanceof Promise)) return true;
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  step.then(note, note);
  // A few microtasks, as a source over another source takes; a turn of the loop would cost more than the item.
  for (let task = 0; task < 8 && !settled; task++) await undefined;
  if (!settled) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}
