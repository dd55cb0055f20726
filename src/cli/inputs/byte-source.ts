/** The bytes of one input, unpacked when they are gzip. */
import { createReadStream, type ReadStream } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { InputError, reason } from '../errors.ts';

/** Bytes asked for at a time. Larger blocks mean fewer turns of the event loop; memory is this much an input. */
const BLOCK_BYTES = 256 * 1024;
const GZIP_MAGIC = [0x1f, 0x8b];
/** Enough for the gzip magic and for a byte order mark, so that neither is torn between two blocks. */
const HEAD_BYTES = 3;

export class ByteSource {
  readonly #name: string;
  readonly #raw: Readable;
  #blocks: AsyncIterator<Buffer> | undefined;
  #packed = false;
  #ended = false;
  #destroyed = false;

  /** `name` is for messages. The stream is opened here and read on demand. */
  constructor(name: string, stream: Readable) {
    this.#name = name;
    this.#raw = stream;
  }

  static file(path: string): ByteSource {
    return new ByteSource(path, createReadStream(path, { highWaterMark: BLOCK_BYTES }));
  }

  /** The input is gzip; known once the first bytes have come. */
  get packed(): boolean {
    return this.#packed;
  }

  /** Bytes read so far as they are stored, before unpacking. */
  get position(): number {
    return (this.#raw as ReadStream).bytesRead ?? 0;
  }

  /** The next bytes; `undefined` at the end, and after `destroy`. Throws `InputError`. */
  async next(): Promise<Buffer | undefined> {
    if (this.#ended || this.#destroyed) return undefined;
    try {
      this.#blocks ??= await this.#open();
      const { value, done } = await this.#blocks.next();
      if (!done) return value;
      this.#ended = true;
      return undefined;
    } catch (error) {
      // Destroying the stream is how a pending read is given up; what it then reports is not about the input.
      if (this.#destroyed) return undefined;
      const zlib = String((error as NodeJS.ErrnoException).code).startsWith('Z_');
      const what = zlib ? 'is not valid gzip' : "can't be read";
      throw new InputError(`${this.#name} ${what}: ${reason(error)}`, { cause: error });
    }
  }

  /** Stops reading, also in the middle of a `next`, which then gives `undefined`. */
  destroy(): void {
    this.#destroyed = true;
    this.#raw.destroy();
  }

  async #open(): Promise<AsyncIterator<Buffer>> {
    const head = await this.#head();
    if (!GZIP_MAGIC.every((byte, index) => head[index] === byte)) return chain(head, this.#raw);
    this.#packed = true;
    const gunzip = createGunzip({ chunkSize: BLOCK_BYTES });
    gunzip.write(head);
    // Errors of either stream come out of the iterator.
    pipeline(this.#raw, gunzip, () => {});
    return gunzip[Symbol.asyncIterator]();
  }

  /** At least the first `HEAD_BYTES` bytes; fewer only when the input has fewer. */
  async #head(): Promise<Buffer> {
    let head = Buffer.alloc(0);
    while (head.length < HEAD_BYTES) {
      const block: Buffer | null = this.#raw.read();
      if (block !== null) head = Buffer.concat([head, block]);
      else if (!(await readableOrEnded(this.#raw))) break;
    }
    return head;
  }
}

async function* chain(head: Buffer, rest: Readable): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  // An iterator over a stream that has been read to its end would call that a premature close.
  if (!rest.readableEnded) yield* rest;
}

/** Waits until a stream has bytes (true) or has ended (false). Throws its error. */
function readableOrEnded(stream: Readable): Promise<boolean> {
  if (stream.errored !== null) return Promise.reject(stream.errored);
  if (stream.readableEnded || stream.destroyed) return Promise.resolve(false);
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const onReadable = (): void => resolve(true);
  const onEnd = (): void => resolve(false);
  stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', reject);
  return promise.finally(() => {
    stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', reject);
  });
}
