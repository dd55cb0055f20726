/**
 * The first results decide the columns of a CSV file or a new table. One result is too few to tell (properties that are
 * only sometimes there), so rows are held back until there are enough of them or there are no more.
 */
import type { Row, Table } from '../backend.ts';
import { lengthOf, VALUE_COLUMN } from '../worker/write-results.ts';

/** Results that are looked at before the columns are settled. */
const FIRST_ROWS = 100;
/** Characters and bytes of them: however few they are, memory stays flat. */
const FIRST_BYTES = 8 * 1024 * 1024;

/** A name as the destination compares it. */
export type Fold = (name: string) => string;

const asIs: Fold = (name) => name;

export class FirstRows {
  readonly #fold: Fold;
  readonly #columns: string[] = [];
  readonly #rows: Row[] = [];
  #bytes = 0;

  constructor(fold: Fold = asIs) {
    this.#fold = fold;
  }

  get enough(): boolean {
    return this.#rows.length >= FIRST_ROWS || this.#bytes >= FIRST_BYTES;
  }

  get empty(): boolean {
    return this.#rows.length === 0;
  }

  /** How many columns there would be with those of `table`. */
  width(table: Table): number {
    return this.#columns.length + newColumns(this.#columns, table, this.#fold).length;
  }

  add(table: Table): void {
    this.#columns.push(...newColumns(this.#columns, table, this.#fold));
    for (const row of rowsFor(this.#columns, table, this.#fold)) {
      this.#rows.push(row);
      this.#bytes += lengthOf(row);
    }
  }

  /** What was held. Results without any property (all null) get the column of plain values. */
  take(): Table {
    return { columns: this.#columns.length === 0 ? [VALUE_COLUMN] : this.#columns, rows: this.#rows };
  }
}

/** The columns of a table that are not among `columns`. */
export function newColumns(columns: string[], table: Table, fold: Fold = asIs): string[] {
  const known = new Set(columns.map(fold));
  return table.columns.filter((name) => !known.has(fold(name)));
}

/** The rows of a table in the order of `columns`, which has all of the table's. */
export function rowsFor(columns: string[], table: Table, fold: Fold = asIs): Row[] {
  if (table.columns.every((name, index) => name === columns[index])) return table.rows;
  const known = new Map(columns.map((name, index) => [fold(name), index]));
  const places = table.columns.map((name) => known.get(fold(name)) as number);
  return table.rows.map((row) => {
    const placed: Row = new Array(columns.length).fill(undefined);
    row.forEach((cell, index) => {
      placed[places[index]] = cell;
    });
    return placed;
  });
}
