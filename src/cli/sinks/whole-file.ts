/**
 * A file that only ever holds whole batches: when a write fails half-way (a full disk), the file is cut back to the end
 * of the last batch that went in.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { reason, SinkError } from '../errors.ts';

const WRITE = constants.O_WRONLY | constants.O_CREAT;

export class WholeFile {
  readonly path: string;
  readonly #handle: FileHandle;
  /** The file was not there before; until `begin` it goes again at the end. */
  #made: boolean;
  #length = 0;

  private constructor(path: string, handle: FileHandle, made: boolean) {
    this.path = path;
    this.#handle = handle;
    this.#made = made;
  }

  /** Opens the file, or makes it; what it holds stays until `begin`. Throws `SinkError`. */
  static async open(path: string): Promise<WholeFile> {
    try {
      return new WholeFile(path, await open(path, WRITE | constants.O_EXCL), true);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw problem(path, error);
    }
    try {
      return new WholeFile(path, await open(path, WRITE), false);
    } catch (error) {
      throw problem(path, error);
    }
  }

  /** Empties the file. Throws `SinkError`. */
  async begin(): Promise<void> {
    try {
      this.#made = false;
      // Devices and pipes hold nothing.
      if ((await this.#handle.stat()).isFile()) await this.#handle.truncate(0);
    } catch (error) {
      throw problem(this.path, error);
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
      throw problem(this.path, error);
    }
  }

  async close(): Promise<void> {
    try {
      if (this.#made) await unlink(this.path);
      await this.#handle.close();
    } catch (error) {
      // Network file systems report a failed write as late as this.
      throw problem(this.path, error);
    }
  }
}

function problem(path: string, error: unknown): SinkError {
  return new SinkError(`can't write ${path}: ${reason(error)}`, { cause: error });
}
