/**
 * Records from the bytes of a batch. A batch holds whole records, so each kind of reader is small; lines are only counted
 * when a failure needs them.
 */
import type { BatchTask } from '../backend.ts';
import { UnreadableRecord } from '../errors.ts';
import { parseRows } from '../inputs/csv.ts';
import type { RecordFormat } from '../inputs/format.ts';
import { RecordScanner } from '../inputs/scan.ts';

/** What `read` gives for an empty line in a format whose records are never empty. */
export const BLANK: unique symbol = Symbol('blank');

export interface RecordReader {
  readonly length: number;
  /** Record `index`, or `BLANK`; throws `UnreadableRecord`. */
  read(index: number): unknown;
  /** The line on which record `index` begins. */
  line(index: number): number;
  /** The record's text. */
  source(index: number): string;
}

export function recordReader({ format, bytes, line, header }: BatchTask): RecordReader {
  if (format === 'lines') return new LineReader(decode(bytes), line);
  if (format === 'ndjson') return new JsonReader(decode(bytes), line);
  return new CsvReader(bytes, line, format, header ?? []);
}

class LineReader implements RecordReader {
  readonly length: number;
  readonly #lines: string[];
  readonly #first: number;

  constructor(text: string, first: number) {
    this.#lines = text.split('\n');
    if (text.endsWith('\n')) this.#lines.pop();
    this.length = this.#lines.length;
    this.#first = first;
  }

  read(index: number): unknown {
    return this.source(index);
  }

  line(index: number): number {
    return this.#first + index;
  }

  source(index: number): string {
    const line = this.#lines[index];
    return line.charCodeAt(line.length - 1) === 13 ? line.slice(0, -1) : line;
  }
}

class JsonReader extends LineReader {
  override read(index: number): unknown {
    const text = this.source(index);
    try {
      return JSON.parse(text);
    } catch (error) {
      if (text.trim() === '') return BLANK;
      throw new UnreadableRecord(`this is not valid JSON: ${(error as Error).message}`);
    }
  }
}

class CsvReader implements RecordReader {
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #first: number;
  readonly #format: RecordFormat;
  readonly #header: string[];
  /** Rows of the whole batch, or an entry for every record when one of them can't be parsed. */
  readonly #rows: (string[] | UnreadableRecord)[];
  #records: { text: string; line: number }[] | undefined;

  constructor(bytes: Uint8Array, first: number, format: RecordFormat, header: string[]) {
    this.#bytes = bytes;
    this.#first = first;
    this.#format = format;
    this.#header = header;
    this.#rows = this.#parseRows();
    this.length = this.#rows.length;
  }

  read(index: number): unknown {
    const row = this.#rows[index];
    if (row instanceof UnreadableRecord) throw row;
    const header = this.#header;
    if (row.length !== header.length) {
      throw new UnreadableRecord(`the record has ${fields(row.length)}, the header has ${fields(header.length)}`);
    }
    const record: Record<string, string> = {};
    for (let column = 0; column < header.length; column++) {
      const name = header[column];
      if (name !== '__proto__') record[name] = row[column];
      // An assignment would set the prototype.
      else
        Object.defineProperty(record, name, {
          value: row[column],
          enumerable: true,
          writable: true,
          configurable: true,
        });
    }
    return record;
  }

  line(index: number): number {
    return this.#located()[index].line;
  }

  source(index: number): string {
    return withoutLineEnd(this.#located()[index].text);
  }

  #parseRows(): (string[] | UnreadableRecord)[] {
    try {
      return parseRows(decode(this.#bytes), this.#format);
    } catch {
      // One broken record makes the whole batch unparsable: try them one by one to find it and to keep the others.
      return this.#located().map(({ text }) => {
        try {
          return parseRows(text, this.#format)[0];
        } catch (error) {
          return error as UnreadableRecord;
        }
      });
    }
  }

  /** Text, with its line end, and line of every record that is not an empty line, in the order of the rows. */
  #located(): { text: string; line: number }[] {
    if (this.#records === undefined) {
      this.#records = [];
      const scanner = new RecordScanner(this.#format);
      let line = this.#first;
      for (let start = 0; start < this.#bytes.length; ) {
        scanner.scan(this.#bytes, start, 1);
        const end = scanner.records === 1 ? scanner.end : this.#bytes.length;
        const text = decode(this.#bytes.subarray(start, end));
        // `parseRows` skips these too: a line of several carriage returns is not empty.
        if (withoutLineEnd(text) !== '') this.#records.push({ text, line });
        line += scanner.lines;
        start = end;
      }
    }
    return this.#records;
  }
}

function withoutLineEnd(text: string): string {
  return text.replace(/(\r?\n|\r)$/, '');
}

function fields(count: number): string {
  return count === 1 ? '1 field' : `${count} fields`;
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
