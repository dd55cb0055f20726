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

/** Writes all of it, in one piece as others see it. A reader that went away (`| head`) ends it quietly. */
export function writeWhole(fd: number, chunk: string | Uint8Array): void {
  let rest = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  lockMutex(heap, SUPER.OUTPUT_MUTEX);
  try {
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(fd, rest));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // A pipe that is full: the main thread has made it non-blocking.
        if (code === 'EAGAIN') blockFor(heap, 1);
        else if (code === 'EPIPE' || code === 'EBADF') return;
        else throw error;
      }
    }
  } finally {
    unlockMutex(heap, SUPER.OUTPUT_MUTEX);
  }
}

class DescriptorStream extends Writable {
  readonly fd: number;
  readonly isTTY: boolean;

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
      const whole = typeof chunk === 'string' && encoding !== 'utf8' ? Buffer.from(chunk, encoding) : chunk;
      noteOutput(whole);
      writeWhole(this.fd, whole);
      callback();
    } catch (error) {
      callback(error as Error);
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
