/**
 * The main job as a plain loop in one thread, without telaio: what `npm start` is measured against and confirmed by.
 * Prints the records, the milliseconds of the loop alone, and the mean distance as `npm start` prints it.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { nearest, type ZipCode } from '../examples/nearest-airport.ts';

const path = new URL('../data/zipcodes.csv', import.meta.resolve('vega-datasets'));
const zipCodes: ZipCode[] = parse(readFileSync(path), { columns: true });

const started = performance.now();
let sum = 0;
for (const zip of zipCodes) sum += nearest(zip).km;
const elapsed = performance.now() - started;

console.log(`records        ${zipCodes.length.toLocaleString('en-US')}`);
console.log(`loop           ${elapsed.toFixed(0)} ms`);
console.log(`mean distance  ${(sum / zipCodes.length).toFixed(6)} km`);
