/** `FILE.csv`: a header from the first results, then a row a result. */
import type { BatchOutcome, ResultShape, Row, Table } from '../backend.ts';
import { SinkError } from '../errors.ts';
import { csvText } from '../worker/write-results.ts';
import { FirstRows, rowsFor } from './first-rows.ts';
import type { Sink } from './sink.ts';
import { WholeFile } from './whole-file.ts';

export class CsvSink implements Sink {
  readonly shape: ResultShape = 'csv';
  columns: string[] | undefined;
  readonly #file: WholeFile;
  readonly #first = new FirstRows();

  private constructor(file: WholeFile) {
    this.#file = file;
  }

  static async open(path: string): Promise<CsvSink> {
    return new CsvSink(await WholeFile.open(path));
  }

  async begin(): Promise<void> {
    await this.#file.begin();
  }

  async write({ text, table }: BatchOutcome): Promise<void> {
    if (text !== undefined) await this.#file.append(text);
    if (table === undefined) return;
    if (this.columns !== undefined) await this.#append(table);
    else this.#first.add(table);
    if (this.columns === undefined && this.#first.enough) await this.#begin();
  }

  async close(): Promise<void> {
    try {
      if (this.columns === undefined && !this.#first.empty) await this.#begin();
    } finally {
      await this.#file.close();
    }
  }

  async #begin(): Promise<void> {
    const table = this.#first.take();
    this.columns = table.columns;
    await this.#append({ columns: table.columns, rows: [table.columns, ...table.rows] });
  }

  async #append(table: Table): Promise<void> {
    const columns = this.columns as string[];
    const extra = table.columns.find((name) => !columns.includes(name));
    if (extra !== undefined) {
      throw new SinkError(
        `can't write ${this.#file.path}: a result has the property ${JSON.stringify(extra)}, which is not among the columns ` +
          'that the first results had; let the function return the same properties every time',
      );
    }
    await this.#file.append(this.#text(rowsFor(columns, table), columns.length));
  }

  #text(rows: Row[], width: number): Uint8Array {
    try {
      return csvText(rows, width);
    } catch (error) {
      throw new SinkError(`can't write ${this.#file.path}: ${(error as Error).message}`, { cause: error });
    }
  }
}
