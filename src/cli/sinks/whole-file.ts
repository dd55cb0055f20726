/**
 * A file that only ever holds whole batches: when a write fails half-way (a full disk), the file is cut back to the end
 * of the last batch that went in.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { reason, SinkError } from '../errors.ts';

export class WholeFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #length = 0;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Makes the file, or empties it. Throws `SinkError`. */
  static async open(path: string): Promise<WholeFile> {
    try {
      return new WholeFile(path, await open(path, 'w'));
    } catch (error) {
      throw new SinkError(`can't write ${path}: ${reason(error)}`, { cause: error });
    }
  }

  /** Appends all of `bytes` or nothing. Throws `SinkError`. */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#handle.write(bytes, done, bytes.length - done)).bytesWritten;
      }
      this.#length += bytes.length;
    } catch (error) {
      // Devices and pipes can't be cut: then there is nothing to keep whole.
      await this.#handle.truncate(this.#length).catch(() => {});
      throw new SinkError(`can't write ${this.path}: ${reason(error)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    try {
      await this.#handle.close();
    } catch (error) {
      // Network file systems report a failed write as late as this.
      throw new SinkError(`can't write ${this.path}: ${reason(error)}`, { cause: error });
    }
  }
}
