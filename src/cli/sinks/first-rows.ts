/**
 * The first results decide the columns of a CSV file or a new table. One result is too few to tell (properties that are
 * only sometimes there), so rows are held back until there are enough of them or there are no more.
 */
import type { Cell, Table } from '../backend.ts';
import { VALUE_COLUMN } from '../worker/write-results.ts';

/** Results that are looked at before the columns are settled. */
const FIRST_ROWS = 100;

export class FirstRows {
  readonly #columns: string[] = [];
  readonly #rows: Cell[][] = [];

  get enough(): boolean {
    return this.#rows.length >= FIRST_ROWS;
  }

  get empty(): boolean {
    return this.#rows.length === 0;
  }

  add(table: Table): void {
    for (const name of table.columns) if (!this.#columns.includes(name)) this.#columns.push(name);
    for (const row of rowsFor(this.#columns, table)) this.#rows.push(row);
  }

  /** What was held. Results without any property (all null) get the column of plain values. */
  take(): Table {
    return { columns: this.#columns.length === 0 ? [VALUE_COLUMN] : this.#columns, rows: this.#rows };
  }
}

/** The rows of a table in the order of `columns`, which has all of the table's. */
export function rowsFor(columns: string[], table: Table): Cell[][] {
  if (table.columns.every((name, index) => name === columns[index])) return table.rows;
  const places = table.columns.map((name) => columns.indexOf(name));
  return table.rows.map((row) => {
    const placed: Cell[] = new Array(columns.length).fill(null);
    row.forEach((cell, index) => {
      placed[places[index]] = cell;
    });
    return placed;
  });
}
