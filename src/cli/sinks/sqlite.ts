/**
 * `sqlite:FILE#TABLE`: a row a result, one transaction a batch, so that whatever ends the run, the table holds whole
 * batches. A table that is there already is appended to; its columns stay as they are. One that this run makes gets its
 * columns from the first results and more of them when later results bring some.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { BatchOutcome, Cell, ResultShape, Table } from '../backend.ts';
import { SinkError } from '../errors.ts';
import { FirstRows } from './first-rows.ts';
import type { Sink } from './sink.ts';

/** How long to wait for another program that holds the database, milliseconds. */
const BUSY_TIMEOUT = 10_000;

export class SqliteSink implements Sink {
  readonly shape: ResultShape = 'table';
  columns: string[] | undefined;
  readonly #name: string;
  readonly #table: string;
  readonly #db: DatabaseSync;
  readonly #journal: string;
  readonly #first = new FirstRows();
  #made = false;
  #insert: { columns: string[]; statement: StatementSync } | undefined;

  /** `pragmas` are for a run under other conditions, such as a limit on the size of the database. */
  constructor(path: string, table: string, pragmas: string[] = []) {
    this.#name = `${path}#${table}`;
    this.#table = quoted(table);
    let db: DatabaseSync | undefined;
    try {
      db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
      this.#db = db;
      this.#journal = String(Object.values(db.prepare('PRAGMA journal_mode').get() ?? {})[0]);
      // A write-ahead log needs no wait for the disk at the end of each transaction, and readers see the table meanwhile.
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
      for (const pragma of pragmas) db.exec(pragma);
      const columns = db.prepare('SELECT name FROM pragma_table_info(?)').all(table);
      if (columns.length > 0) this.columns = columns.map(({ name }) => String(name));
    } catch (error) {
      db?.close();
      throw this.#problem(error);
    }
  }

  write({ table }: BatchOutcome): void {
    if (table === undefined) return;
    if (this.columns !== undefined) this.#store(table);
    else this.#first.add(table);
    if (this.columns === undefined && this.#first.enough) this.#begin();
  }

  close(): void {
    try {
      if (this.columns === undefined && !this.#first.empty) this.#begin();
    } finally {
      this.#insert = undefined;
      try {
        this.#db.exec(`PRAGMA journal_mode = ${this.#journal}`);
      } catch {
        // Another program has the database open, or the disk is full: the log stays beside it, as good as before.
      }
      this.#db.close();
    }
  }

  #begin(): void {
    const table = this.#first.take();
    this.#transaction(() => {
      const columns = table.columns.map((name, index) => `${quoted(name)} ${columnType(table.rows, index)}`.trimEnd());
      this.#db.exec(`CREATE TABLE ${this.#table} (${columns.join(', ')})`);
      this.#insertRows(table);
    });
    this.#made = true;
    this.columns = table.columns;
  }

  #store(table: Table): void {
    const columns = this.columns as string[];
    const extra = table.columns.filter((name) => !columns.includes(name));
    if (extra.length > 0 && !this.#made) {
      throw new SinkError(
        `can't write ${this.#name}: the table has no column ${extra.map((name) => JSON.stringify(name)).join(', ')}; ` +
          `it has ${columns.join(', ')}. Name another table, or let the function return these`,
      );
    }
    this.#transaction(() => {
      for (const name of extra) {
        const type = columnType(table.rows, table.columns.indexOf(name));
        this.#db.exec(`ALTER TABLE ${this.#table} ADD COLUMN ${quoted(name)} ${type}`);
      }
      this.#insertRows(table);
    });
    if (extra.length > 0) this.columns = [...columns, ...extra];
  }

  #insertRows({ columns, rows }: Table): void {
    // A batch of nothing but nulls may have no column yet.
    const names = columns.length > 0 ? columns : (this.columns as string[]);
    if (this.#insert === undefined || !sameNames(this.#insert.columns, names)) {
      const sql = `INSERT INTO ${this.#table} (${names.map(quoted).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
      this.#insert = { columns: names, statement: this.#db.prepare(sql) };
    }
    const { statement } = this.#insert;
    for (const row of rows) {
      while (row.length < names.length) row.push(null);
      for (let index = 0; index < row.length; index++)
        if (typeof row[index] === 'boolean') row[index] = Number(row[index]);
      statement.run(...(row as SQLInputValue[]));
    }
  }

  #transaction(body: () => void): void {
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        body();
        this.#db.exec('COMMIT');
      } catch (error) {
        // Some errors have rolled back already.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    } catch (error) {
      throw this.#problem(error);
    }
  }

  #problem(error: unknown): SinkError {
    const { message } = error as Error;
    return new SinkError(`can't write ${this.#name}: ${message}`, { cause: error });
  }
}

/** The type of a new column by the values that it gets first; none when they differ, so that nothing is converted. */
function columnType(rows: Cell[][], index: number): string {
  let type = '';
  for (const row of rows) {
    const cell = row[index] ?? null;
    if (cell === null) continue;
    const next = cellType(cell);
    if (type === '' || type === next) type = next;
    else if (isNumeric(type) && isNumeric(next)) type = 'REAL';
    else return '';
  }
  return type;
}

function cellType(cell: NonNullable<Cell>): string {
  if (typeof cell === 'number') return Number.isInteger(cell) ? 'INTEGER' : 'REAL';
  if (typeof cell === 'bigint' || typeof cell === 'boolean') return 'INTEGER';
  return typeof cell === 'string' ? 'TEXT' : 'BLOB';
}

function isNumeric(type: string): boolean {
  return type === 'INTEGER' || type === 'REAL';
}

function sameNames(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
