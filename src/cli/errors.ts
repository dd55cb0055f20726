/**
 * The ways in which a run of the command line ends badly. Each is one message for the person at the terminal and an exit
 * code: 2 when the command itself can't be carried out (nothing was read or written), 1 when the run failed on its way.
 */
import { TelaioError } from '../errors.ts';

export class CliError extends TelaioError {
  /** What the process ends with. */
  readonly exitCode: number;

  constructor(message: string, code: string, exitCode: number, options?: ErrorOptions) {
    super(message, code, options);
    this.exitCode = exitCode;
  }
}

/** An option, argument or destination that can't be understood. */
export class UsageError extends CliError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'TELAIO_CLI_USAGE', 2, options);
  }
}

/** The module or its function can't be used. */
export class TargetError extends CliError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'TELAIO_CLI_TARGET', 2, options);
  }
}

/** An input is missing, unreadable or broken; the message holds its file and line. */
export class InputError extends CliError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'TELAIO_CLI_INPUT', 1, options);
  }
}

/** The destination can't be opened or written. */
export class SinkError extends CliError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'TELAIO_CLI_SINK', 1, options);
  }
}

/** The function failed on a record, or the worker that ran it died; the message holds file, line and stack. */
export class RecordError extends CliError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'TELAIO_CLI_RECORD', 1, options);
  }
}

/** Whoever reads standard output has gone (`| head`): not a failure, the run ends quietly. */
export class ReaderGone extends CliError {
  constructor() {
    super('nobody reads standard output any more', 'TELAIO_CLI_READER_GONE', 0);
  }
}

/** A record is broken: the function is not called for it. Not the end of the run: `--on-error` decides that. */
export class UnreadableRecord extends Error {
  override name = 'UnreadableRecord';
  // Its frames are this library's: they help nobody.
  override stack = undefined;
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  ENOSPC: 'no space left on the device',
  EFBIG: 'the file would become larger than allowed',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files',
  EIO: 'the device reports an input/output error',
};

/** Why a system call failed, in words: `no such file or directory (ENOENT)`. Other errors give their message. */
export function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code !== undefined && code in REASONS ? `${REASONS[code]} (${code})` : (message ?? String(error));
}
