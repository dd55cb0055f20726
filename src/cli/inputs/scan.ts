/**
 * Finding the ends of records in bytes, without decoding them. A plain loop over bytes does 1 GB/s, and is six times as
 * fast as `indexOf` on short lines (measured, Node 26).
 *
 * CSV records may hold line ends between quotes. Only a quote at the start of a field opens a quoted part, as RFC 4180
 * and csv-parse have it; a doubled quote closes and opens again, which comes to the same.
 *
 * | state    | at a quote | at the delimiter | at a line end | at any other byte |
 * | -------- | ---------- | ---------------- | ------------- | ----------------- |
 * | start    | quoted     | start            | record's end  | inside            |
 * | inside   | inside     | start            | record's end  | inside            |
 * | quoted   | closing    | quoted           | quoted        | quoted            |
 * | closing  | quoted     | start            | record's end  | inside            |
 */
import type { RecordFormat } from './format.ts';

const LINE_END = 0x0a;
const QUOTE = 0x22;
const START = 0;
const INSIDE = 1;
const QUOTED = 2;
const CLOSING = 3;

export const DELIMITERS = { csv: 0x2c, tsv: 0x09 };

export class RecordScanner {
  /** Whole records that the last scan found. */
  records = 0;
  /** Line ends in the bytes that the last scan went through, up to `end`, or to the last byte when it found no record. */
  lines = 0;
  /** Where the last of those records ends (the byte after its line end). */
  end = 0;
  readonly #delimiter: number;
  #state = START;

  constructor(format: RecordFormat) {
    this.#delimiter = format === 'csv' || format === 'tsv' ? DELIMITERS[format] : -1;
  }

  /**
   * Looks in `bytes` from `start` for the ends of at most `limit` records. After a scan that found none, the next one
   * goes on in the middle of that record, with the bytes that follow.
   */
  scan(bytes: Uint8Array, start: number, limit: number): void {
    if (this.#delimiter === -1) this.#scanLines(bytes, start, limit);
    else this.#scanCsv(bytes, start, limit);
  }

  #scanLines(bytes: Uint8Array, start: number, limit: number): void {
    let records = 0;
    let end = start;
    for (let at = start; at < bytes.length; at++) {
      if (bytes[at] !== LINE_END) continue;
      end = at + 1;
      if (++records === limit) break;
    }
    this.records = records;
    this.lines = records;
    this.end = end;
  }

  #scanCsv(bytes: Uint8Array, start: number, limit: number): void {
    const delimiter = this.#delimiter;
    let state = this.#state;
    let records = 0;
    let lines = 0;
    let linesAtEnd = 0;
    let end = start;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        if (state === START || state === CLOSING) state = QUOTED;
        else if (state === QUOTED) state = CLOSING;
      } else if (byte === LINE_END) {
        lines++;
        if (state === QUOTED) continue;
        state = START;
        end = at + 1;
        linesAtEnd = lines;
        if (++records === limit) break;
      } else if (state !== QUOTED) {
        state = byte === delimiter ? START : INSIDE;
      }
    }
    this.records = records;
    this.lines = records === 0 ? lines : linesAtEnd;
    this.end = end;
    // What follows the last whole record is scanned again together with the bytes that complete it.
    this.#state = records === 0 ? state : START;
  }
}
