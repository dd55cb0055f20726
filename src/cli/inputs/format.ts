/** The formats of inputs and how a name tells them. */
/** `lines`: each line is a string; `ndjson`: a JSON value a line; `csv`, `tsv`: objects by the names in the header. */
export type RecordFormat = 'lines' | 'ndjson' | 'csv' | 'tsv';

export const FORMATS: readonly RecordFormat[] = ['lines', 'ndjson', 'csv', 'tsv'];

const ENDINGS: Record<string, RecordFormat> = { ndjson: 'ndjson', jsonl: 'ndjson', csv: 'csv', tsv: 'tsv' };

/** Format of a file by its ending, `.gz` aside; `lines` when the ending says nothing. */
export function formatOf(file: string): RecordFormat {
  const ending = /\.([^./\\]+)$/.exec(file.replace(/\.gz$/i, ''))?.[1];
  return ENDINGS[ending?.toLowerCase() ?? ''] ?? 'lines';
}
