/** CSV and TSV text to rows, by csv-parse. */
import { type CsvError, parse } from 'csv-parse/sync';
import { UnreadableRecord } from '../errors.ts';
import type { RecordFormat } from './format.ts';
import { DELIMITERS } from './scan.ts';

/** The rows of whole records, empty lines left out, each with as many fields as it has. Throws `UnreadableRecord`. */
export function parseRows(text: string, format: RecordFormat): string[][] {
  const delimiter = String.fromCharCode(DELIMITERS[format as keyof typeof DELIMITERS]);
  if (!text.includes('"')) return splitRows(text, delimiter);
  try {
    // A carriage return at the very end belongs to a line end that was cut off, as below.
    return parse(text.endsWith('\r') ? text.slice(0, -1) : text, {
      delimiter,
      record_delimiter: ['\r\n', '\n'],
      relax_column_count: true,
      skip_empty_lines: true,
    });
  } catch (error) {
    // csv-parse counts lines within the text that it was given: the caller names the right one.
    const message = (error as CsvError).message.replace(/,? (at|on) line \d+/g, '');
    throw new UnreadableRecord(`this is not valid ${format.toUpperCase()}: ${message}`);
  }
}

/** Without a quote, CSV is what it looks like; taking it apart is then four times as fast as parsing (measured, Node 26). */
function splitRows(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  for (const line of text.split('\n')) {
    const row = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (row !== '') rows.push(row.split(delimiter));
  }
  return rows;
}

/** The column names in a header record. Throws `UnreadableRecord`. */
export function parseHeader(text: string, format: RecordFormat): string[] {
  const [header] = parseRows(text, format);
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw new UnreadableRecord(`the header names the column ${JSON.stringify(twice)} twice`);
  return header;
}
