/**
 * From the source through the workers into the sink.
 *
 *   read ──> in flight (submitted, running) ──> line of entries ──> write
 *     ^                                                              │
 *     └── room: unwritten records <= queue, their bytes and those of
 *         their results <= QUEUE_BYTES ─────────────────────────────┘
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
import { errorText } from './worker/describe-error.ts';

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
  /** Told of a failure that ends the run when records before it keep the run from ending for a while. */
  onFailure?: (error: RecordError) => void;
};

export type Counts = {
  /** Records read by workers whose batch is written. */
  records: number;
  failed: number;
  /** Bytes of the inputs, as stored, up to there. */
  position: number;
};

type Entry = { batch: RecordBatch; outcome: Promise<BatchOutcome>; resultBytes: number };

/** Bytes of unwritten records and their results after which reading waits, however few records they are. */
const QUEUE_BYTES = 64 * 1024 * 1024;
/** What a cell takes beside its text. */
const CELL_BYTES = 16;
/** How long a failure waits for the records before it, of which one may fail too, until it is told; milliseconds. */
const TELL_AFTER = 1_000;

export class Pipeline {
  readonly counts: Counts = { records: 0, failed: 0, position: 0 };
  readonly #options: PipelineOptions;
  readonly #chunk: ChunkSize;
  readonly #line: Entry[] = [];
  readonly #changed = new Signal();
  /** Batches that a worker runs or will run. */
  #running = 0;
  #unwritten = 0;
  /** Of the records that are not written, and of those results of theirs that have come. */
  #unwrittenBytes = 0;
  /** Records read, how far they go in the bytes of all inputs (0: nobody knows), and those bytes when they are known. */
  #records = 0;
  #position = 0;
  readonly #size: number | undefined;
  #reading = true;
  #failure: RecordError | undefined;
  /** The first failure in the input that is known, while records before it are not stored yet. */
  #ahead: { place: number; error: RecordError } | undefined;
  #accepted = 0;
  #telling: NodeJS.Timeout | undefined;

  constructor(options: PipelineOptions) {
    this.#options = options;
    const { chunk: fixed, queue, backend } = options;
    this.#size = options.source.size;
    this.#chunk = new ChunkSize({ fixed, queue, workers: backend.workers });
  }

  /** Ends when every accepted record is written, or at the first failure that ends the run, which it throws. */
  async run(): Promise<void> {
    const outcomes = await Promise.allSettled([this.#read(), this.#write()]);
    clearTimeout(this.#telling);
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
        const size = this.#chunk.before(this.#left());
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

  /** Records that are not read yet, by the bytes that those before took; `Infinity` when nobody knows. */
  #left(): number {
    if (this.#size === undefined || this.#position === 0) return Infinity;
    return (this.#records * (this.#size - this.#position)) / this.#position;
  }

  #accept(batch: RecordBatch): void {
    const { backend, sink, target, onError, ordered } = this.#options;
    this.#running++;
    const place = this.#accepted++;
    this.#unwritten += batch.count;
    this.#unwrittenBytes += batch.bytes.length;
    this.#records += batch.count;
    this.#position = batch.exact ? batch.position : 0;
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
    const entry: Entry = { batch, outcome, resultBytes: 0 };
    const done = (result: BatchOutcome): void => {
      entry.resultBytes = bytesOf(result);
      this.#unwrittenBytes += entry.resultBytes;
      this.#chunk.learn(result.records, result.duration, entry.resultBytes);
      const [failure] = result.failures;
      if (onError === 'stop' && failure !== undefined) this.#failAhead(place, recordError(batch, failure));
    };
    // The writer sees a rejection when it comes to this entry; until then it must not count as unhandled.
    const failed = (error: Error): void => this.#failAhead(place, workerError(batch, error));
    outcome.then(done, failed).then(() => {
      this.#running--;
      if (!ordered) this.#line.push(entry);
      this.#changed.notify();
    });
    if (ordered) this.#line.push(entry);
  }

  async #write(): Promise<void> {
    const { ordered } = this.#options;
    try {
      while (true) {
        const entry = this.#line.shift();
        if (entry !== undefined) await this.#store(entry);
        // Records that are still running may take any time: after a failure nobody waits for them.
        else if (this.#failure === undefined && (this.#reading || this.#running > 0)) await this.#changed.wait();
        else break;
        // In order, what follows a failure is not stored; without an order, whatever is done is.
        if (this.#failure !== undefined && ordered) break;
      }
    } finally {
      this.stop();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #store(entry: Entry): Promise<void> {
    const { batch, outcome } = entry;
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
    this.#unwrittenBytes -= batch.bytes.length + entry.resultBytes;
    if (onError === 'stop' && failures.length > 0) this.#fail(recordError(batch, failures[0]));
    this.#changed.notify();
  }

  /** A batch failed; those before it may still be running, and are stored, but nothing more needs to be read. */
  #failAhead(place: number, error: RecordError): void {
    if (this.#ahead === undefined || place < this.#ahead.place) this.#ahead = { place, error };
    this.#telling ??= setTimeout(() => this.#ahead && this.#options.onFailure?.(this.#ahead.error), TELL_AFTER);
    this.stop();
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
  const memory = error.name === 'HeapExhaustedError' || /out of memory|memory limit/i.test(error.message);
  const mend = memory && last !== line ? ` (fewer records at a time need less memory: --chunk 1)` : '';
  return new RecordError(`${input.name}, ${place}: ${error.name}: ${error.message}${mend}`, { cause: error });
}

function recordError(batch: RecordBatch, { line, error, outside }: RecordFailure): RecordError {
  const place = `${batch.input.name}, line ${line}`;
  if (outside) return new RecordError(`${place}: ${error.message}`);
  return new RecordError(`${place}: ${errorText(error)}`);
}

/** What an outcome takes in memory, about. */
function bytesOf({ text, table, failures }: BatchOutcome): number {
  let bytes = text?.length ?? 0;
  for (const row of table?.rows ?? []) {
    for (const cell of row) {
      const length = typeof cell === 'string' || cell instanceof Uint8Array ? cell.length : 0;
      bytes += length + CELL_BYTES;
    }
  }
  for (const { record = '', error } of failures)
    bytes += record.length + error.message.length + (error.stack?.length ?? 0);
  return bytes;
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
