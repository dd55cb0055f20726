/**
 * `npm start`: the main job on real input. For each US ZIP code of vega-datasets the nearest airport, on all cores, into
 * a SQLite table; then what came of it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { main } from '../src/cli/main.ts';

const module = fileURLToPath(new URL('../examples/nearest-airport.ts', import.meta.url));
const zipCodes = fileURLToPath(new URL('../data/zipcodes.csv', import.meta.resolve('vega-datasets')));
const folder = fileURLToPath(new URL('../out/', import.meta.url));
const file = `${folder}nearest.sqlite`;

process.exitCode = await start();

async function start(): Promise<number> {
  mkdirSync(folder, { recursive: true });
  for (const ending of ['', '-wal', '-shm']) rmSync(file + ending, { force: true });
  const workers = availableParallelism();
  const started = performance.now();
  const code = await main(['map', module, zipCodes, '--to', `sqlite:${file}#nearest`, '--workers', String(workers)]);
  if (code === 0) report((performance.now() - started) / 1000, workers);
  return code;
}

function report(seconds: number, workers: number): void {
  using db = new DatabaseSync(file, { readOnly: true });
  const { records, mean } = db.prepare('SELECT count(*) AS records, avg(km) AS mean FROM nearest').get() as {
    records: number;
    mean: number;
  };
  const rows = db.prepare('SELECT * FROM nearest ORDER BY rowid LIMIT 5 OFFSET 20000').all();
  console.log(`records        ${records.toLocaleString('en-US')}`);
  console.log(`time           ${seconds.toFixed(2)} s, start-up included`);
  console.log(`records/s      ${Math.round(records / seconds).toLocaleString('en-US')}`);
  console.log(`workers        ${workers}`);
  console.log(`mean distance  ${mean.toFixed(6)} km`);
  console.log(`table          ${file}#nearest, for example`);
  console.log();
  printTable(rows);
}

/** Columns as wide as their widest value; numbers to the right. */
function printTable(rows: Record<string, unknown>[]): void {
  const columns = Object.keys(rows[0]);
  const numeric = columns.map((column) => typeof rows[0][column] === 'number');
  const body = rows.map((row) => columns.map((column) => text(row[column])));
  const widths = columns.map((column, at) => Math.max(column.length, ...body.map((cells) => cells[at].length)));
  for (const cells of [columns, widths.map((width) => '─'.repeat(width)), ...body]) {
    const line = cells.map((cell, at) => (numeric[at] ? cell.padStart(widths[at]) : cell.padEnd(widths[at])));
    console.log(line.join('  ').trimEnd());
  }
}

function text(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : String(value);
}
