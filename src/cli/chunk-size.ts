/**
 * How many records go into a batch. Small batches cost overhead (about 0.1 ms each to hand over), large ones leave workers
 * idle at the end and hold back results; so a batch should take about 40 ms, whatever a record takes.
 */

/** Time that a batch should take in its worker, milliseconds. */
const BATCH_DURATION = 40;
/** The first batches know nothing about the function: they start at one record and may grow this fast. */
const GROWTH = 8;
/** Weight of the latest batch in the moving average of the time a record takes. */
const LATEST = 0.3;
/** Bytes that the results of a batch should stay below: several batches are in memory at a time. */
const RESULT_BYTES = 8 * 1024 * 1024;
/** Into how many batches for each worker the rest of the input is cut, and how much smaller than usual they get at most. */
const SHARES = 3;
const SHRINK = 8;

export class ChunkSize {
  readonly #fixed: boolean;
  readonly #workers: number;
  readonly #most: number;
  #size: number;
  #perRecord: number | undefined;
  #bytesPerRecord = 0;

  /** `fixed` is the user's `--chunk`. Never more than `queue`, and while adaptive small enough to keep workers fed. */
  constructor({ fixed, queue, workers }: { fixed: number | undefined; queue: number; workers: number }) {
    this.#fixed = fixed !== undefined;
    this.#workers = workers;
    // Every worker has a batch to run and one waiting; two more are being written. All of them count for the queue.
    this.#most = Math.max(1, Math.floor(queue / (2 * workers + 2)));
    this.#size = fixed === undefined ? 1 : Math.min(fixed, queue);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * The size when about so many records are left to hand out. Towards the end batches get smaller, so that workers end
   * together instead of waiting for the one that took the last large batch.
   */
  before(left: number): number {
    if (this.#fixed) return this.#size;
    const shares = Math.ceil(left / (SHARES * this.#workers));
    return Math.max(1, Math.ceil(this.#size / SHRINK), Math.min(this.#size, shares));
  }

  /** Learns from a batch that ran: its records, its time in milliseconds, and the bytes of its results. */
  learn(records: number, duration: number, bytes = 0): void {
    if (this.#fixed || records === 0) return;
    const latest = duration / records;
    this.#perRecord = this.#perRecord === undefined ? latest : this.#perRecord + LATEST * (latest - this.#perRecord);
    const wanted = Math.floor(BATCH_DURATION / Math.max(this.#perRecord, 1e-6));
    // Up at once, down slowly: too small a batch costs time, too large a one may cost the run.
    const average = this.#bytesPerRecord + LATEST * (bytes / records - this.#bytesPerRecord);
    this.#bytesPerRecord = Math.max(bytes / records, average);
    const fitting = this.#bytesPerRecord === 0 ? this.#most : Math.floor(RESULT_BYTES / this.#bytesPerRecord);
    this.#size = Math.max(1, Math.min(wanted, fitting, Math.max(records * GROWTH, this.#size), this.#most));
  }
}
