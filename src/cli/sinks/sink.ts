/** Where results go: the common interface and the meaning of `--to`. */
import type { BatchOutcome, ResultShape } from '../backend.ts';
import { UsageError } from '../errors.ts';

export interface Sink {
  /** In what form the workers must deliver. */
  readonly shape: ResultShape;
  /** Columns of the destination once they are known, so that workers fill them in order. */
  readonly columns: string[] | undefined;
  /** All destinations are open: what this one held before may go. Throws `SinkError`. */
  begin?(): Promise<void>;
  /** Stores the results of one batch, wholly or not at all where the medium allows it. Throws `SinkError`. */
  write(outcome: BatchOutcome): Promise<void> | void;
  /** Stores what was held back and lets go of the destination. Throws `SinkError`. */
  close(): Promise<void> | void;
}

export type Destination =
  | { kind: 'stdout' }
  | { kind: 'ndjson'; path: string }
  | { kind: 'csv'; path: string }
  | { kind: 'sqlite'; path: string; table: string };

/** What a value of `--to` means. Throws `UsageError`. */
export function parseDestination(to: string): Destination {
  if (to === '-') return { kind: 'stdout' };
  if (to.startsWith('sqlite:')) {
    const [, path, table] = /^sqlite:(.+)#([^#]+)$/.exec(to) ?? [];
    if (path === undefined) throw new UsageError(`--to ${to} names no table: write sqlite:FILE#TABLE`);
    if (/^(file:.*)?:memory:/.test(path)) {
      throw new UsageError(`--to ${to} names a database in memory, which ends with the program: name a file`);
    }
    return { kind: 'sqlite', path, table };
  }
  if (/\.(ndjson|jsonl)$/i.test(to)) return { kind: 'ndjson', path: to };
  if (/\.csv$/i.test(to)) return { kind: 'csv', path: to };
  throw new UsageError(`--to ${to} is none of: - (standard output), FILE.ndjson, FILE.csv, sqlite:FILE#TABLE`);
}
