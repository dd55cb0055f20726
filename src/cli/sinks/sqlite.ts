/**
 * `sqlite:FILE#TABLE`: a row a result, one transaction a batch, so that whatever ends the run, the table holds whole
 * batches. A table that is there already is appended to; its columns stay as they are. One that this run makes gets its
 * columns from the first results and more of them when later results bring some; they have no type, so that every value
 * is stored as it is. Columns are compared as SQLite does, without regard to case.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { BatchOutcome, Cell, ResultShape, Row, Table } from '../backend.ts';
import { SinkError } from '../errors.ts';
import { foldColumn, SQLITE_COLUMNS } from '../worker/cells.ts';
import { FirstRows, newColumns } from './first-rows.ts';
import type { Sink } from './sink.ts';

/** How long to wait for another program that holds the database, milliseconds. */
const BUSY_TIMEOUT = 10_000;

/** Prepared statements that are kept: one for every set of columns that results have. */
const STATEMENTS = 100;

/** Rows that one INSERT stores: a call costs as much as the row itself, so 32 of them take half the time (measured). */
const ROWS_TOGETHER = 32;
/** SQLite's own limit on the parameters of a statement (`SQLITE_MAX_VARIABLE_NUMBER`), as Node builds it. */
const SQLITE_VARIABLES = 32_766;

export class SqliteSink implements Sink {
  readonly shape: ResultShape = 'table';
  columns: string[] | undefined;
  readonly #name: string;
  readonly #table: string;
  readonly #db: DatabaseSync;
  readonly #journal: string;
  readonly #first = new FirstRows(foldColumn);
  readonly #statements = new Map<string, StatementSync>();
  /** The table was there before this run. */
  #found = false;
  #failed = false;

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
      this.#found = columns.length > 0;
      if (this.#found) this.columns = columns.map(({ name }) => String(name));
    } catch (error) {
      db?.close();
      throw this.#problem(error);
    }
  }

  write({ table }: BatchOutcome): void {
    if (table === undefined) return;
    // More columns than a table may have: what was held goes in before the run ends with this.
    if (this.columns === undefined && this.#first.width(table) > SQLITE_COLUMNS && !this.#first.empty) this.#begin();
    if (this.columns !== undefined) this.#store(table);
    else this.#first.add(table);
    if (this.columns === undefined && this.#first.enough) this.#begin();
  }

  close(): void {
    try {
      // Not after a write has failed: the person was told that the run is over.
      if (!this.#failed && this.columns === undefined && !this.#first.empty) this.#begin();
    } finally {
      this.#statements.clear();
      try {
        // Whoever holds the database has been waited for already.
        if (this.#failed) this.#db.exec('PRAGMA busy_timeout = 0');
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
      // Without a type: a column of a type converts ("00501" to 501), and later values may be of other types.
      this.#db.exec(`CREATE TABLE ${this.#table} (${table.columns.map(quoted).join(', ')})`);
      this.#insertRows(table);
    });
    this.columns = table.columns;
  }

  #store(table: Table): void {
    const columns = this.columns as string[];
    const extra = newColumns(columns, table, foldColumn);
    if (extra.length > 0 && this.#found) {
      throw new SinkError(
        `can't write ${this.#name}: the table has no column ${extra.map((name) => JSON.stringify(name)).join(', ')}; ` +
          `it has ${columns.join(', ')}. Name another table, or let the function return these`,
      );
    }
    this.#transaction(() => {
      for (const name of extra) this.#db.exec(`ALTER TABLE ${this.#table} ADD COLUMN ${quoted(name)}`);
      this.#insertRows(table);
    });
    if (extra.length > 0) this.columns = [...columns, ...extra];
  }

  #insertRows({ columns, rows }: Table): void {
    // A batch of nothing but nulls may have no column yet.
    const names = columns.length > 0 ? columns : (this.columns as string[]);
    if (this.#found && rows.some((row) => row.length < names.length || row.includes(undefined))) {
      this.#insertGiven(names, rows);
      return;
    }
    const most = Math.min(ROWS_TOGETHER, Math.floor(SQLITE_VARIABLES / names.length));
    for (let from = 0; from < rows.length; ) {
      const count = rows.length - from >= most ? most : 1;
      const cells: SQLInputValue[] = [];
      for (let index = from; index < from + count; index++) {
        for (let column = 0; column < names.length; column++) cells.push(bindable(rows[index][column]));
      }
      this.#insertInto(names, count).run(...cells);
      from += count;
    }
  }

  /** Row by row, each with the columns that it has: a table of somebody else's may have a default for the others. */
  #insertGiven(names: string[], rows: Row[]): void {
    for (const row of rows) {
      const given = names.filter((_, index) => row[index] !== undefined);
      this.#insertInto(given, 1).run(...row.filter((cell) => cell !== undefined).map(bindable));
    }
  }

  #insertInto(columns: string[], rows: number): StatementSync {
    const key = `${rows}\0${columns.join('\0')}`;
    let statement = this.#statements.get(key);
    if (statement === undefined) {
      if (this.#statements.size >= STATEMENTS) this.#statements.clear();
      const row = `(${columns.map(() => '?').join(', ')})`;
      const values = `(${columns.map(quoted).join(', ')}) VALUES ${new Array(rows).fill(row).join(', ')}`;
      statement = this.#db.prepare(`INSERT INTO ${this.#table} ${columns.length === 0 ? 'DEFAULT VALUES' : values}`);
      this.#statements.set(key, statement);
    }
    return statement;
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
      this.#failed = true;
      throw this.#problem(error);
    }
  }

  #problem(error: unknown): SinkError {
    const { message } = error as Error;
    return new SinkError(`can't write ${this.#name}: ${message}`, { cause: error });
  }
}

/** node:sqlite binds every number as REAL, which would make 5 a 5.0: whole numbers go in as integers. */
function bindable(cell: Cell | undefined): SQLInputValue {
  if (typeof cell === 'number') return Number.isSafeInteger(cell) && !Object.is(cell, -0) ? BigInt(cell) : cell;
  if (typeof cell === 'boolean') return cell ? 1n : 0n;
  return cell ?? null;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
