/**
 * Standard output and error of a thread: whole writes, straight to the descriptors. Node's own worker streams go
 * through the parent's event loop, so nothing would appear while that is busy or blocked, and the last lines not at
 * all. Here a line that was written is written.
 */
import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty, WriteStream } from 'node:tty';
import { blockFor, heap, lockMutex, SUPER, unlockMutex } from '../memory/index.ts';
import { noteOutput } from './tail.ts';

/** Writes all of it, in one piece as others see it. Throws `EPIPE` when the reader went away, as Node's streams. */
function writeWhole(fd: number, bytes: Uint8Array): void {
  let rest = bytes;
  lockMutex(heap, SUPER.OUTPUT_MUTEX);
  try {
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // A pipe that is full: the main thread has made it non-blocking.
        if (code === 'EAGAIN') blockFor(heap, 1);
        else if (code === 'EBADF') return;
        else throw error;
      }
    }
  } finally {
    unlockMutex(heap, SUPER.OUTPUT_MUTEX);
  }
}

/** The same for reports: a reader that went away (`2>&1 | head`) ends it quietly. */
export function writeReport(text: string): void {
  try {
    writeWhole(2, Buffer.from(text));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}

class DescriptorStream extends Writable {
  readonly fd: number;
  readonly isTTY: boolean;
  /** The event of a broken pipe is on its way. */
  #telling = false;

  constructor(fd: number) {
    super({ decodeStrings: false });
    this.fd = fd;
    this.isTTY = isatty(fd);
  }

  override _write(
    chunk: string | Uint8Array,
    encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    try {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
      noteOutput(bytes);
      writeWhole(this.fd, bytes);
      callback();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return callback(error as Error);
      // As an event, as Node's pipes tell it: the console would swallow the callback's, and an endless loop go on for ever.
      callback();
      if (this.#telling) return;
      this.#telling = true;
      process.nextTick(() => {
        this.#telling = false;
        this.emit('error', error);
      });
    }
  }

  get columns(): number | undefined {
    return this.isTTY ? Number(process.env.COLUMNS) || 80 : undefined;
  }

  getColorDepth(env?: object): number {
    return this.isTTY ? WriteStream.prototype.getColorDepth.call(this as never, env) : 1;
  }

  hasColors(count: number | object = 16, env?: object): boolean {
    const [wanted, variables] = typeof count === 'number' ? [count, env] : [16, count];
    return this.isTTY && wanted <= 2 ** this.getColorDepth(variables);
  }
}

/** Replaces this thread's `process.stdout` and `process.stderr`, and with them what `console` writes to. */
export function installOutput(): void {
  for (const [name, fd] of [
    ['stdout', 1],
    ['stderr', 2],
  ] as const) {
    const stream = new DescriptorStream(fd);
    // The console keeps the stream that it first wrote to, and a preloaded module may have written.
    (console as unknown as Record<string, unknown>)[`_${name}`] = stream;
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream });
  }
}
