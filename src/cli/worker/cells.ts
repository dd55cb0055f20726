/**
 * One value as a destination takes it. JSON turns much that is not plain data into `{}` without a word (a generator, a
 * Map, an Error): such a value is refused by name, so that a result is stored as it is or counts as its record's failure.
 */
import type { Cell } from '../backend.ts';

/** A result has no form in the destination. */
export class UnwritableResult extends Error {
  override name = 'UnwritableResult';
  // Its frames are this library's: they help nobody.
  override stack = undefined;
}

/** SQLite's own limits (`SQLITE_MAX_COLUMN`, `SQLITE_MAX_LENGTH` in bytes), as Node builds it. */
export const SQLITE_COLUMNS = 2000;
const SQLITE_LENGTH = 1_000_000_000;
const LEAST_INTEGER = -(2n ** 63n);
const GREATEST_INTEGER = 2n ** 63n - 1n;

/** A column name as SQLite compares it: without regard to the case of ASCII letters, and of no others. */
export function foldColumn(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The value that a boxed primitive holds; anything else as it is. */
export function unboxed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const boxed =
    value instanceof String || value instanceof Number || value instanceof Boolean || value instanceof BigInt;
  return boxed ? value.valueOf() : value;
}

/** Levels that are looked at: a result that is deeper, or contains itself, is for JSON to refuse. */
const LEVELS = 100;

/** Throws `UnwritableResult` when `value`, or something in it, is an object of which JSON would keep nothing. */
export function refuseLoss(value: unknown): void {
  if (typeof value === 'object' && value !== null) refuseLossIn(value, [], LEVELS);
}

/** False at the last level: then nobody looks on, since ways through what contains itself have no end. */
function refuseLossIn(value: object, path: string[], levels: number): boolean {
  const loss = lossOf(value);
  if (loss !== undefined) {
    const place = path.length === 0 ? 'the result' : `the result's property ${JSON.stringify(path.join('.'))}`;
    throw new UnwritableResult(`${place} is ${loss}`);
  }
  if (levels === 0) return false;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function' || ArrayBuffer.isView(value)) return true;
  const keys = Array.isArray(value) ? undefined : Object.keys(value);
  const count = (keys ?? (value as unknown[])).length;
  for (let at = 0; at < count; at++) {
    const key = keys === undefined ? at : keys[at];
    const inner = (value as Record<string | number, unknown>)[key];
    if (typeof inner !== 'object' || inner === null) continue;
    path.push(String(key));
    if (!refuseLossIn(inner, path, levels - 1)) return false;
    path.pop();
  }
  return true;
}

/** What the object is and what to return instead; `undefined` when JSON keeps it. */
function lossOf(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return undefined;
  const { toJSON, next } = value as { toJSON?: unknown; next?: unknown };
  if (typeof toJSON === 'function' || ArrayBuffer.isView(value)) return undefined;
  if (typeof next === 'function' && (Symbol.iterator in value || Symbol.asyncIterator in value)) {
    return "an iterator, which can't be written; return its values as an array";
  }
  // The tag, not instanceof: values of another realm are the same.
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
  if (tag === 'Error') return "an Error, which can't be written; throw it, or return its message";
  if (tag === 'Promise') return "a Promise, which can't be written; await it";
  const kept = tag !== 'Map' && tag !== 'Set' && (tag === 'Object' || Object.keys(value).length > 0);
  return kept || unboxed(value) !== value
    ? undefined
    : `${/^[AEIO]/.test(tag) ? 'an' : 'a'} ${tag}, which can't be written; return a plain object or an array`;
}

/** The value of the `toJSON` method, for an object that has one. Throws `UnwritableResult` when the method throws. */
export function plainValue(value: unknown): unknown {
  const plain = unboxed(value);
  if (typeof plain !== 'object' || plain === null || plain instanceof Uint8Array) return plain;
  const { toJSON } = plain as { toJSON?: unknown };
  if (typeof toJSON !== 'function') return plain;
  try {
    return unboxed(toJSON.call(plain, ''));
  } catch (error) {
    throw notJson(error);
  }
}

/**
 * Scalars as they are, dates and URLs as text, bytes as bytes, everything nested as JSON text, `undefined` for what is
 * absent. Throws `UnwritableResult`.
 */
export function toCell(value: unknown): Cell | undefined {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function' || typeof value === 'symbol' ? toJson(value) : (value as Cell | undefined);
  }
  const plain = plainValue(value);
  if (plain === undefined) return undefined;
  if (plain instanceof Uint8Array) return plain;
  return typeof plain === 'object' && plain !== null ? toJson(plain) : toCell(plain);
}

/** Throws `UnwritableResult` for a cell that SQLite can't hold: in the sink it would end the run. */
export function refuseForSqlite(column: string, cell: Cell | undefined): void {
  let problem: string | undefined;
  if (typeof cell === 'bigint') {
    if (cell < LEAST_INTEGER || cell > GREATEST_INTEGER)
      problem = `${cell}n, more than SQLite's 64 bits; return a string`;
  } else if (typeof cell === 'string') {
    // A character is 3 bytes at most: most strings need no counting.
    const tooLong = cell.length > SQLITE_LENGTH / 3 && Buffer.byteLength(cell) > SQLITE_LENGTH;
    if (tooLong) problem = 'a text of more than 1,000,000,000 bytes, the limit of SQLite';
  } else if (cell instanceof Uint8Array && cell.length > SQLITE_LENGTH) {
    problem = 'an array of more than 1,000,000,000 bytes, the limit of SQLite';
  }
  if (problem !== undefined) {
    throw new UnwritableResult(`the result can't be written to SQLite: ${JSON.stringify(column)} is ${problem}`);
  }
}

export function toJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw notJson(error);
  }
  if (text === undefined) throw new UnwritableResult(`the result is a ${typeof value}, which can't be written`);
  return text;
}

function notJson(error: unknown): UnwritableResult {
  const message = error instanceof Error ? error.message : String(error);
  return new UnwritableResult(`the result can't be written as JSON: ${message.split('\n', 1)[0]}`);
}
