/**
 * `npm start`: the main job on real input. For each US ZIP code of vega-datasets the nearest airport, on all cores, into
 * a SQLite table; then what came of it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { main, type Summary } from '../src/cli/main.ts';

const module = fileURLToPath(new URL('../examples/nearest-airport.ts', import.meta.url));
const zipCodes = fileURLToPath(new URL('../data/zipcodes.csv', import.meta.resolve('vega-datasets')));
const folder = fileURLToPath(new URL('../out/', import.meta.url));
const file = `${folder}nearest.sqlite`;

process.exitCode = await start();

async function start(): Promise<number> {
  mkdirSync(folder, { recursive: true });
  for (const ending of ['', '-wal', '-shm']) rmSync(file + ending, { force: true });
  const argv = ['map', module, zipCodes, '--to', `sqlite:${file}#nearest`];
  let summary: Summary | undefined;
  const started = performance.now();
  const code = await main(argv, {
    onEnd: (ended) => {
      summary = ended;
    },
  });
  if (code === 0 && summary !== undefined) report(summary, performance.now() - started);
  return code;
}

/** Times in milliseconds. */
function report({ duration, workers }: Summary, whole: number): void {
  using db = new DatabaseSync(file, { readOnly: true });
  const { records, mean } = db.prepare('SELECT count(*) AS records, avg(km) AS mean FROM nearest').get() as {
    records: number;
    mean: number;
  };
  const rows = db.prepare('SELECT * FROM nearest ORDER BY rowid LIMIT 5 OFFSET 20000').all();
  console.log(`records        ${records.toLocaleString('en-US')}`);
  console.log(`time           ${seconds(duration)} (${seconds(whole)} with starting and closing)`);
  console.log(`records/s      ${Math.round((1000 * records) / duration).toLocaleString('en-US')}`);
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

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

function text(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : String(value);
}
