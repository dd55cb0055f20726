/** The bytes of one input, unpacked when they are gzip. */
import { closeSync, constants, createReadStream, fstatSync, openSync, type ReadStream } from 'node:fs';
import { Socket } from 'node:net';
import { pipeline, type Readable } from 'node:stream';
import { isatty, ReadStream as TerminalStream } from 'node:tty';
import { createGunzip } from 'node:zlib';
import { InputError, reason } from '../errors.ts';

/** Bytes asked for at a time. Larger blocks mean fewer turns of the event loop; memory is this much an input. */
const BLOCK_BYTES = 256 * 1024;
const GZIP_MAGIC = [0x1f, 0x8b];
/** Beginnings that must not be torn between two blocks: gzip, and the byte order marks of UTF-8 and UTF-16. */
const BEGINNINGS = [GZIP_MAGIC, [0xef, 0xbb, 0xbf], [0xff, 0xfe], [0xfe, 0xff]];

export class ByteSource {
  readonly #name: string;
  readonly #raw: Readable;
  #blocks: AsyncIterator<Buffer> | undefined;
  #packed = false;
  #ended = false;
  #destroyed = false;
  #giveUp: (() => void) | undefined;

  /** `name` is for messages. The stream is opened here and read on demand. */
  constructor(name: string, stream: Readable) {
    this.#name = name;
    this.#raw = stream;
  }

  /** Throws `InputError`. */
  static file(path: string): ByteSource {
    try {
      return new ByteSource(path, openStream(path));
    } catch (error) {
      throw new InputError(`${path} can't be read: ${reason(error)}`, { cause: error });
    }
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
  next(): Promise<Buffer | undefined> {
    // Not every stream lets go of a read that is under way when it is destroyed; whoever waits here must be let go.
    const { promise, resolve, reject } = Promise.withResolvers<Buffer | undefined>();
    this.#giveUp = () => resolve(undefined);
    this.#read().then(resolve, reject);
    return promise;
  }

  async #read(): Promise<Buffer | undefined> {
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
    this.#giveUp?.();
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

  /** As many bytes as it takes to know whether one of the `BEGINNINGS` is there: mostly the first block is enough. */
  async #head(): Promise<Buffer> {
    let head = Buffer.alloc(0);
    while (undecided(head)) {
      const block: Buffer | null = this.#raw.read();
      if (block !== null) head = Buffer.concat([head, block]);
      else if (!(await readableOrEnded(this.#raw))) break;
    }
    return head;
  }
}

/**
 * A pipe or a terminal is read without blocking: a read that blocks would occupy a thread that nobody can call back, and
 * the process could not end before somebody writes to it.
 */
function openStream(path: string): Readable {
  const fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (isatty(fd)) return new TerminalStream(fd);
    if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
    return createReadStream(path, { fd, highWaterMark: BLOCK_BYTES });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function undecided(head: Uint8Array): boolean {
  return BEGINNINGS.some((whole) => head.length < whole.length && head.every((byte, index) => byte === whole[index]));
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
