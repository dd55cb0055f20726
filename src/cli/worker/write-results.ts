/**
 * Results in the form in which the destination takes them. Serialising happens here, in the worker, because the main
 * thread has one core for all workers.
 */
import { constants } from 'node:buffer';
import { stringify } from 'csv-stringify/sync';
import type { BatchOutcome, Cell, ResultShape, Row, Table } from '../backend.ts';
import {
  foldColumn,
  plainValue,
  refuseForSqlite,
  refuseLoss,
  SQLITE_COLUMNS,
  toCell,
  toJson,
  UnwritableResult,
  unboxed,
} from './cells.ts';

/** The results of a batch are too large together: no fault of the function or of a record. */
export class BatchTooLarge extends Error {
  override name = 'BatchTooLarge';

  constructor(options?: ErrorOptions) {
    super('the results of these records are too large together; give --chunk a smaller number', options);
  }
}

export interface ResultWriter {
  /** Adds a result that is not `undefined`. Throws `UnwritableResult`, and is then as before. */
  add(result: unknown): void;
  /** Throws `BatchTooLarge`. */
  finish(): Pick<BatchOutcome, 'text' | 'table'>;
}

export function resultWriter(shape: ResultShape, columns: string[] | undefined): ResultWriter {
  if (shape === 'lines') return new TextWriter(true);
  if (shape === 'ndjson') return new TextWriter(false);
  return new TableWriter(shape, columns);
}

/** Characters after which text becomes bytes: one string for all results would end at V8's limit, 512 Mi characters. */
const PART = 16 * 1024 * 1024;

class TextWriter implements ResultWriter {
  readonly #plainStrings: boolean;
  readonly #parts: Uint8Array[] = [];
  #text = '';

  constructor(plainStrings: boolean) {
    this.#plainStrings = plainStrings;
  }

  add(result: unknown): void {
    const value = unboxed(result);
    const plain = typeof value === 'string' && this.#plainStrings;
    if (!plain) refuseLoss(value);
    const line = plain ? value : toJson(value);
    if (this.#text.length + line.length > PART) this.#cut();
    if (line.length < PART) {
      this.#text += `${line}\n`;
    } else {
      // Its line end may be one character too many.
      this.#parts.push(encoded(line));
      this.#text = '\n';
    }
  }

  finish(): Pick<BatchOutcome, 'text'> {
    this.#cut();
    return this.#parts.length === 0 ? {} : { text: joined(this.#parts) };
  }

  #cut(): void {
    if (this.#text !== '') this.#parts.push(encoded(this.#text));
    this.#text = '';
  }
}

/** The column for results that are not plain objects. */
export const VALUE_COLUMN = 'value';

class TableWriter implements ResultWriter {
  readonly #table: Table;
  readonly #known: number;
  /** CSV whose columns are known is written here; else the destination gets the cells to decide. */
  readonly #asText: boolean;
  readonly #forSqlite: boolean;
  readonly #index = new Map<string, number>();

  constructor(shape: ResultShape, columns: string[] | undefined) {
    this.#table = { columns: columns === undefined ? [] : [...columns], rows: [] };
    this.#known = this.#table.columns.length;
    this.#asText = shape === 'csv' && columns !== undefined;
    this.#forSqlite = shape === 'table';
    this.#table.columns.forEach((name, index) => {
      this.#index.set(this.#fold(name), index);
    });
  }

  add(result: unknown): void {
    const row = plainRow(result, this.#table.columns);
    if (row === undefined) this.#addSlow(result);
    else this.#table.rows.push(row);
  }

  #addSlow(result: unknown): void {
    refuseLoss(result);
    const value = plainValue(result);
    const plain = isPlainObject(value);
    const keys = plain ? Object.keys(value) : value === null || value === undefined ? [] : [VALUE_COLUMN];
    const { columns, rows } = this.#table;
    const row: Row = new Array(columns.length).fill(undefined);
    // New columns count only when every cell is written: a value that can't be leaves no trace.
    const added = new Map<string, number>();
    for (const key of keys) {
      const cell = toCell(plain ? value[key] : value);
      if (this.#forSqlite) refuseForSqlite(key, cell);
      const index = this.#index.get(key) ?? this.#placeSlow(key, added);
      if (row[index] !== undefined) throw this.#unwritable(`${JSON.stringify(key)} is there twice, in another case`);
      row[index] = cell;
    }
    for (const [folded, index] of added) this.#index.set(folded, index);
    for (const key of added.size === 0 ? [] : keys) {
      const index = this.#index.get(this.#fold(key)) as number;
      if (index >= columns.length) columns.push(key);
    }
    rows.push(row);
  }

  finish(): Pick<BatchOutcome, 'text' | 'table'> {
    const { columns, rows } = this.#table;
    if (rows.length === 0) return {};
    if (!this.#asText || columns.length > this.#known) return { table: this.#table };
    return { text: csvText(rows, columns.length) };
  }

  /** The place of a column that is new or written in another case. */
  #placeSlow(key: string, added: Map<string, number>): number {
    const folded = this.#fold(key);
    const known = this.#index.get(folded) ?? added.get(folded);
    if (known !== undefined) return known;
    const index = this.#table.columns.length + added.size;
    if (this.#forSqlite) {
      if (key.includes('\0')) throw this.#unwritable(`the property ${JSON.stringify(key)} has a NUL in its name`);
      if (index >= SQLITE_COLUMNS) throw this.#unwritable(`a table has ${SQLITE_COLUMNS} columns at most`);
    }
    added.set(folded, index);
    return index;
  }

  #fold(name: string): string {
    return this.#forSqlite ? foldColumn(name) : name;
  }

  #unwritable(why: string): UnwritableResult {
    return new UnwritableResult(`the result can't be written to SQLite: ${why}`);
  }
}

/** A string shorter than this is within every limit of a destination, whatever its characters. */
const SHORT_TEXT = 100_000_000;

/** The cells of what nearly every function returns: an object of scalars, its properties in the order of the columns. */
function plainRow(result: unknown, columns: string[]): Row | undefined {
  if (typeof result !== 'object' || result === null || Object.getPrototypeOf(result) !== Object.prototype)
    return undefined;
  const keys = Object.keys(result);
  if (keys.length !== columns.length) return undefined;
  const row: Row = [];
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index];
    const cell = (result as Record<string, unknown>)[key];
    const scalar = typeof cell === 'string' ? cell.length < SHORT_TEXT : typeof cell === 'number' || cell === null;
    if (!scalar || key !== columns[index]) return undefined;
    row.push(cell as Cell);
  }
  return row;
}

/** Rows that become CSV text at a time, for the same reason as `PART`. */
const CSV_ROWS = 1000;

/** Rows as CSV text (RFC 4180, line ends `\n`), each filled up to `width` fields. Throws `BatchTooLarge`. */
export function csvText(rows: Row[], width: number): Uint8Array {
  const parts: Uint8Array[] = [];
  // A row of one empty field would be an empty line, which readers skip.
  const options = { quoted_empty: width === 1, cast: { boolean: String, bigint: String, object: binaryText } };
  for (let from = 0, to = 0; from < rows.length; from = to) {
    for (let length = 0; to < rows.length && to - from < CSV_ROWS && length < PART; to++) length += lengthOf(rows[to]);
    const some = rows.slice(from, to);
    for (const row of some) while (row.length < width) row.push(undefined);
    try {
      parts.push(encoded(stringify(some, options)));
    } catch (error) {
      throw error instanceof RangeError ? new BatchTooLarge({ cause: error }) : error;
    }
  }
  return joined(parts);
}

/** Characters and bytes in the cells of a row, about. */
export function lengthOf(row: Row): number {
  let length = 0;
  for (const cell of row) if (typeof cell === 'string' || cell instanceof Uint8Array) length += cell.length;
  return length;
}

function binaryText(value: object): string {
  return Buffer.from(value as Uint8Array).toString('base64');
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function joined(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  try {
    if (length > constants.MAX_LENGTH) throw new RangeError(`${length} bytes`);
    const all = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  } catch (error) {
    throw new BatchTooLarge({ cause: error });
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
