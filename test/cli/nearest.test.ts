/** The main job in small: the example on its own, and through the command line into a table. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'csv-parse/sync';
import { nearest, type ZipCode } from '../../examples/nearest-airport.ts';
import { Folder, telaio } from './telaio.ts';

const deadline = { timeout: 20_000 };
const module = fileURLToPath(new URL('../../examples/nearest-airport.ts', import.meta.url));
const zipCodes = readFileSync(new URL('../data/zipcodes.csv', import.meta.resolve('vega-datasets')), 'utf8');

test('the nearest airport, as a map shows it', deadline, () => {
  const place = (latitude: number, longitude: number): ZipCode => {
    return { zip_code: '', city: '', state: '', latitude: String(latitude), longitude: String(longitude) };
  };
  assert.deepEqual(
    [nearest(place(40.6398, -73.7789)).airport, nearest(place(61.1744, -149.9963)).airport],
    ['JFK', 'ANC'],
  );
  assert.ok(nearest(place(40.6398, -73.7789)).km < 0.1);
});

test('ZIP codes keep their zeros, distances their last digit', deadline, async () => {
  using folder = new Folder();
  const some = zipCodes.split('\n').slice(0, 301).join('\n');
  const input = folder.file('zipcodes.csv', some);
  const { code, stderr } = await telaio(['map', module, input, '--to', `sqlite:${folder.at('out.db')}#nearest`]);
  assert.deepEqual([code, stderr], [0, '']);
  using db = new DatabaseSync(folder.at('out.db'));
  const rows = db.prepare('SELECT * FROM nearest ORDER BY rowid').all();
  const expected = parse<ZipCode>(some, { columns: true }).map(nearest);
  assert.equal(rows[0].zip, '00501');
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    expected,
  );
});

test('npm start: all the records, and the mean distance of the plain program to the last digit', {
  timeout: 60_000,
}, async () => {
  const results: string[][] = [];
  for (const program of ['scripts/start.ts', 'bench/nearest-single.ts']) {
    const file = fileURLToPath(new URL(`../../${program}`, import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    results.push(stdout.split('\n').filter((line) => /^(records {2}|mean distance)/.test(line)));
  }
  assert.deepEqual(results[0], ['records        42,049', 'mean distance  17.803846 km']);
  assert.deepEqual(results[1], results[0]);
});
