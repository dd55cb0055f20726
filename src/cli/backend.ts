/**
 * What the command line asks of whatever runs its batches, and everything that passes between the two. All of it is plain
 * data, so that a batch can go to a thread today and to a process or another machine without a change here.
 *
 *   main thread                                     worker
 *   source -> BatchTask (bytes of whole records) -> parse, call the function, serialise
 *   sink   <- BatchOutcome (bytes or cells)      <- …and report failures record by record
 *
 * The main thread never sees a record: it cuts the input at record ends and writes bytes that came back. That keeps it
 * cheap, because on a small machine it shares a core with a worker.
 */
import type { RecordFormat } from './inputs/format.ts';

/** The function to call: a module by URL and the name of its export (`undefined`: default, or the only function). */
export type Target = { url: string; export: string | undefined };

/**
 * How results come back: `lines` strings as they are and other values as JSON, `ndjson` everything as JSON, `csv` rows of
 * text under known columns (before they are known: a table), `table` cells.
 */
export type ResultShape = 'lines' | 'ndjson' | 'csv' | 'table';

/** What one record's failure does: end the run, leave the record out, or leave it out and keep it for a report. */
export type OnError = 'stop' | 'skip' | 'report';

export type BatchTask = {
  target: Target;
  format: RecordFormat;
  /** The input's name as the user knows it, for stacks and reports. */
  file: string;
  /** Line of the first record, counted from 1. */
  line: number;
  /** Whole records, UTF-8, each with its line end; the input's last may lack it. */
  bytes: Uint8Array;
  /** Column names of a CSV or TSV input. */
  header: string[] | undefined;
  shape: ResultShape;
  /** Columns of the destination once they are known. */
  columns: string[] | undefined;
  onError: OnError;
};

/** A value as a database or CSV file takes it. */
export type Cell = string | number | bigint | boolean | null | Uint8Array;

/** Cells in the order of the columns; it may be shorter. `undefined` and what is missing: the result lacks the property. */
export type Row = (Cell | undefined)[];

/** Results by columns. */
export type Table = { columns: string[]; rows: Row[] };

export type ErrorDescription = {
  name: string;
  message: string;
  code?: string;
  stack?: string;
  cause?: ErrorDescription;
  /** Of an `AggregateError`. */
  errors?: ErrorDescription[];
};

export type RecordFailure = {
  line: number;
  error: ErrorDescription;
  /** Not thrown by the function: the record can't be read, or its result can't be written. The message says it all. */
  outside: boolean;
  /** The record as JSON, when failures are reported. */
  record?: string;
};

export type BatchOutcome = {
  /** Records that were read, with the failed ones. */
  records: number;
  text?: Uint8Array;
  table?: Table;
  failures: RecordFailure[];
  /** Time spent on the batch in the worker, milliseconds. */
  duration: number;
};

/** Answer to "does the target load?": the function's name, or one line that says why not. */
export type ProbeOutcome = { name: string } | { problem: string };

export interface MapBackend {
  /** How many batches run at the same time. */
  readonly workers: number;
  /** Loads the target in the workers, without calling it; answers when the first of them knows. */
  probe(target: Target): Promise<ProbeOutcome>;
  /** Runs a batch. Rejects only when the worker itself fails, never for a record. */
  submit(task: BatchTask): Promise<BatchOutcome>;
  /** Ends the workers; batches that have not started are dropped. */
  close(): Promise<void>;
}

export type BackendFactory = (options: { workers: number }) => MapBackend | Promise<MapBackend>;
