/**
 * The main job as a plain program in one thread, without telaio: what `npm start` is measured against and confirmed by.
 * Prints the records, the milliseconds of the whole job (reading them, calling the function, storing the results in a
 * SQLite table) and of the calls alone, start-up apart, and the mean distance as `npm start` prints it.
 */
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parse } from 'csv-parse/sync';
import { nearest, type ZipCode } from '../examples/nearest-airport.ts';

const path = new URL('../data/zipcodes.csv', import.meta.resolve('vega-datasets'));
const database = new DatabaseSync(process.argv[2] ?? ':memory:');
database.exec('CREATE TABLE nearest (zip TEXT, city TEXT, state TEXT, airport TEXT, name TEXT, km REAL)');
const insert = database.prepare('INSERT INTO nearest VALUES (?, ?, ?, ?, ?, ?)');

const started = performance.now();
const zipCodes: ZipCode[] = parse(readFileSync(path), { columns: true });
const read = performance.now();
const results = zipCodes.map(nearest);
const called = performance.now();
database.exec('BEGIN');
for (const { zip, city, state, airport, name, km } of results) insert.run(zip, city, state, airport, name, km);
database.exec('COMMIT');
database.close();
const stored = performance.now();

let sum = 0;
for (const { km } of results) sum += km;
console.log(`records        ${zipCodes.length.toLocaleString('en-US')}`);
console.log(`job            ${(stored - started).toFixed(0)} ms`);
console.log(`calls alone    ${(called - read).toFixed(0)} ms`);
console.log(`mean distance  ${(sum / zipCodes.length).toFixed(6)} km`);
