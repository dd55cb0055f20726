/**
 * Results in the form in which the destination takes them. Serialising happens here, in the worker, because the main
 * thread has one core for all workers.
 */
import { stringify } from 'csv-stringify/sync';
import type { BatchOutcome, Cell, ResultShape, Table } from '../backend.ts';

/** A result has no form in the destination. */
export class UnwritableResult extends Error {
  override name = 'UnwritableResult';
  // Its frames are this library's: they help nobody.
  override stack = undefined;
}

export interface ResultWriter {
  /** Adds a result that is not `undefined`. Throws `UnwritableResult`, and is then as before. */
  add(result: unknown): void;
  finish(): Pick<BatchOutcome, 'text' | 'table'>;
}

export function resultWriter(shape: ResultShape, columns: string[] | undefined): ResultWriter {
  if (shape === 'lines') return new TextWriter(true);
  if (shape === 'ndjson') return new TextWriter(false);
  return new TableWriter(columns, shape === 'csv' && columns !== undefined);
}

class TextWriter implements ResultWriter {
  readonly #plainStrings: boolean;
  #text = '';

  constructor(plainStrings: boolean) {
    this.#plainStrings = plainStrings;
  }

  add(result: unknown): void {
    this.#text += typeof result === 'string' && this.#plainStrings ? `${result}\n` : `${toJson(result)}\n`;
  }

  finish(): Pick<BatchOutcome, 'text'> {
    return this.#text === '' ? {} : { text: new TextEncoder().encode(this.#text) };
  }
}

/** The column for results that are not plain objects. */
export const VALUE_COLUMN = 'value';

class TableWriter implements ResultWriter {
  readonly #table: Table;
  readonly #known: number;
  readonly #asCsv: boolean;
  readonly #index = new Map<string, number>();

  constructor(columns: string[] | undefined, asCsv: boolean) {
    this.#table = { columns: columns === undefined ? [] : [...columns], rows: [] };
    this.#known = this.#table.columns.length;
    this.#asCsv = asCsv;
    this.#table.columns.forEach((name, index) => {
      this.#index.set(name, index);
    });
  }

  add(result: unknown): void {
    const plain = isPlainObject(result);
    const keys = plain ? Object.keys(result) : result === null ? [] : [VALUE_COLUMN];
    // All cells before the first new column: a value that can't be written leaves no trace.
    const cells = plain ? keys.map((key) => toCell(result[key])) : [toCell(result)];
    const row: Cell[] = new Array(this.#table.columns.length).fill(null);
    for (let at = 0; at < keys.length; at++) row[this.#columnOf(keys[at])] = cells[at];
    this.#table.rows.push(row);
  }

  finish(): Pick<BatchOutcome, 'text' | 'table'> {
    const { columns, rows } = this.#table;
    if (rows.length === 0) return {};
    // Columns that the destination does not have yet are its affair: it gets the cells to decide.
    if (!this.#asCsv || columns.length > this.#known) return { table: this.#table };
    return { text: new TextEncoder().encode(csvText(rows, columns.length)) };
  }

  #columnOf(name: string): number {
    let index = this.#index.get(name);
    if (index === undefined) {
      index = this.#table.columns.push(name) - 1;
      this.#index.set(name, index);
    }
    return index;
  }
}

/** Rows as CSV text (RFC 4180, line ends `\n`), each filled up to `width` fields. */
export function csvText(rows: Cell[][], width: number): string {
  for (const row of rows) while (row.length < width) row.push(null);
  // A row of one empty field would be an empty line, which readers skip.
  const quoted_empty = width === 1;
  return stringify(rows, { quoted_empty, cast: { boolean: String, bigint: String, object: binaryText } });
}

function binaryText(value: object): string {
  return Buffer.from(value as Uint8Array).toString('base64');
}

/** Scalars as they are, dates as ISO text, bytes as bytes, everything nested as JSON text. */
function toCell(value: unknown): Cell {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    case 'undefined':
      return null;
    default:
      if (value === null) return null;
      if (value instanceof Uint8Array) return value;
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
      return toJson(value);
  }
}

function toJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new UnwritableResult(`the result can't be written as JSON: ${(error as Error).message.split('\n', 1)[0]}`);
  }
  if (text === undefined) throw new UnwritableResult(`the result is a ${typeof value}, which can't be written`);
  return text;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !(value instanceof Date) && !(value instanceof Uint8Array);
}
