/** Standard output: strings as lines, other values as NDJSON. */
import type { Writable } from 'node:stream';
import type { BatchOutcome, ResultShape } from '../backend.ts';
import { ReaderGone, reason, SinkError } from '../errors.ts';
import type { Sink } from './sink.ts';

export class StdoutSink implements Sink {
  readonly shape: ResultShape = 'lines';
  readonly columns = undefined;
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
    // A failed write is reported to its callback; the event that follows must not end the process.
    stream.on('error', ignore);
  }

  async write({ text }: BatchOutcome): Promise<void> {
    if (text === undefined) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#stream.write(text, (error) => {
      if (!error) resolve();
      else if (isGone(error)) reject(new ReaderGone());
      else reject(new SinkError(`can't write to standard output: ${reason(error)}`, { cause: error }));
    });
    await promise;
  }

  close(): void {
    this.#stream.off('error', ignore);
    // The event of a failed write may come after its callback.
    if (this.#stream.errored !== null || this.#stream.destroyed) this.#stream.on('error', ignore);
  }
}

function isGone(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
}

function ignore(): void {}
