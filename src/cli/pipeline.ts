/**
 * From the source through the workers into the sink.
 *
 *   read ──> in flight (submitted, running) ──> line of entries ──> write
 *     ^                                                              │
 *     └──────────────── room: unwritten records <= queue ────────────┘
 *
 * Two loops share the counters below. The reader takes a batch when there is room and hands it to the backend; the writer
 * takes entries off the line and waits for their outcome. In input order, an entry joins the line when it is read;
 * unordered, when it is done. So a slow sink or a slow batch at the head of the line stops the reading, and memory
 * stays flat.
 */
import type { BatchOutcome, MapBackend, OnError, RecordFailure, Target } from './backend.ts';
import { ChunkSize } from './chunk-size.ts';
import { RecordError } from './errors.ts';
import type { RecordBatch, RecordSource } from './inputs/record-source.ts';
import type { FailureFile } from './sinks/failure-file.ts';
import type { Sink } from './sinks/sink.ts';

export type PipelineOptions = {
  source: RecordSource;
  backend: MapBackend;
  sink: Sink;
  failureFile: FailureFile | undefined;
  target: Target;
  onError: OnError;
  ordered: boolean;
  queue: number;
  chunk: number | undefined;
};

export type Counts = {
  /** Records read by workers whose batch is written. */
  records: number;
  failed: number;
  /** Bytes of the inputs, as stored, up to there. */
  position: number;
};

type Entry = { batch: RecordBatch; outcome: Promise<BatchOutcome> };

/** Bytes of records read but unwritten after which reading waits, however few records they are. */
const QUEUE_BYTES = 64 * 1024 * 1024;

export class Pipeline {
  readonly counts: Counts = { records: 0, failed: 0, position: 0 };
  readonly #options: PipelineOptions;
  readonly #chunk: ChunkSize;
  readonly #line: Entry[] = [];
  readonly #changed = new Signal();
  /** Batches that a worker runs or will run. */
  #running = 0;
  #unwritten = 0;
  #unwrittenBytes = 0;
  #reading = true;
  #failure: RecordError | undefined;

  constructor(options: PipelineOptions) {
    this.#options = options;
    const { chunk: fixed, queue, backend } = options;
    this.#chunk = new ChunkSize({ fixed, queue, workers: backend.workers });
  }

  /** Ends when every accepted record is written, or at the first failure that ends the run, which it throws. */
  async run(): Promise<void> {
    const outcomes = await Promise.allSettled([this.#read(), this.#write()]);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Reads no more; what was accepted is finished. */
  stop(): void {
    this.#reading = false;
    this.#options.source.stop();
    this.#changed.notify();
  }

  async #read(): Promise<void> {
    const { source, queue, backend } = this.#options;
    try {
      while (this.#reading) {
        const size = this.#chunk.size;
        if (this.#running >= 2 * backend.workers || !this.#hasRoom(size, queue)) {
          await this.#changed.wait();
          continue;
        }
        const batch = await source.next(size);
        if (batch === undefined || !this.#reading) break;
        this.#accept(batch);
      }
    } finally {
      this.#reading = false;
      this.#changed.notify();
    }
  }

  #hasRoom(size: number, queue: number): boolean {
    if (this.#unwritten === 0) return true;
    return this.#unwritten + size <= queue && this.#unwrittenBytes < QUEUE_BYTES;
  }

  #accept(batch: RecordBatch): void {
    const { backend, sink, target, onError, ordered } = this.#options;
    this.#running++;
    this.#unwritten += batch.count;
    this.#unwrittenBytes += batch.bytes.length;
    const outcome = backend.submit({
      target,
      format: batch.input.format,
      file: batch.input.name,
      line: batch.line,
      bytes: batch.bytes,
      header: batch.header,
      shape: sink.shape,
      columns: sink.columns,
      onError,
    });
    const entry: Entry = { batch, outcome };
    const done = (result?: BatchOutcome): void => {
      this.#running--;
      if (result !== undefined) this.#chunk.learn(result.records, result.duration);
      if (!ordered) this.#line.push(entry);
      this.#changed.notify();
    };
    // The writer sees a rejection when it comes to this entry; until then it must not count as unhandled.
    outcome.then(done, () => done());
    if (ordered) this.#line.push(entry);
  }

  async #write(): Promise<void> {
    const { ordered } = this.#options;
    try {
      while (true) {
        const entry = this.#line.shift();
        if (entry !== undefined) await this.#store(entry);
        else if (this.#reading || this.#running > 0) await this.#changed.wait();
        else break;
        // In order, what follows a failure is not stored; without an order, whatever was accepted is.
        if (this.#failure !== undefined && ordered) break;
      }
    } finally {
      this.stop();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #store({ batch, outcome }: Entry): Promise<void> {
    const { sink, failureFile, onError } = this.#options;
    let result: BatchOutcome;
    try {
      result = await outcome;
    } catch (error) {
      this.#fail(workerError(batch, error as Error));
      return;
    }
    await sink.write(result);
    const { failures } = result;
    if (failureFile !== undefined && failures.length > 0) await failureFile.write(batch.input.name, failures);
    this.counts.records += result.records;
    this.counts.failed += failures.length;
    this.counts.position = Math.max(this.counts.position, batch.position);
    this.#unwritten -= batch.count;
    this.#unwrittenBytes -= batch.bytes.length;
    if (onError === 'stop' && failures.length > 0) this.#fail(recordError(batch, failures[0]));
    this.#changed.notify();
  }

  #fail(error: RecordError): void {
    this.#failure ??= error;
    this.stop();
  }
}

/** The batch has no outcome: its worker died, or the records do not fit into memory. Which record it was is not known. */
function workerError({ input, line, lines }: RecordBatch, error: Error): RecordError {
  const last = line + lines - 1;
  const place = last === line ? `line ${last}` : `one of the lines ${line} to ${last}`;
  return new RecordError(`${input.name}, ${place}: ${error.name}: ${error.message}`, { cause: error });
}

function recordError(batch: RecordBatch, { line, error, outside }: RecordFailure): RecordError {
  const place = `${batch.input.name}, line ${line}`;
  if (outside) return new RecordError(`${place}: ${error.message}`);
  const headline = `${error.name}: ${error.message}`;
  const { stack } = error;
  if (stack === undefined) return new RecordError(`${place}: ${headline}`);
  // A stack begins with the headline, unless the message was changed after the error was made.
  return new RecordError(`${place}: ${stack.includes(error.message) ? stack : `${headline}\n${stack}`}`);
}

/** Wakes whoever waits; both loops re-check their own condition. */
class Signal {
  #waiting: (() => void)[] = [];

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
