/** The part of `telaio map --help` that explains. */
export const MAP_HELP = `
The module is an ordinary .ts, .mts, .js or .mjs file; the function gets one record and returns its result or a promise
of it. Without #export it is the default export, or the only function that the module exports.

Inputs (format by ending, gzip recognised by itself; --from overrides the ending; standard input is lines):
  FILE.csv, FILE.tsv        an object a record, by the names in the header; every value is a string
  FILE.ndjson, FILE.jsonl   the JSON value of each line
  any other file            each line as a string, without its line end
Inputs are UTF-8; bytes that are not become U+FFFD (\uFFFD). UTF-16 is refused.

Results (a function that returns undefined drops the record; null is a result):
  --to -                    strings as lines, other values as JSON, a line each
  --to FILE.ndjson          JSON, a line each; the file is made anew
  --to FILE.csv             columns from the first results; the file is made anew
  --to sqlite:FILE#TABLE    a row each, appended; the table is made from the first results when it is not there.
                            Its columns have no type: every value is stored as it is, and sorts and compares as such.
                            Values that are not objects go into the column "value", nested ones are JSON text

Examples:
  # the length of every line of a log, in the order of the log
  echo 'export default (line: string) => line.length' > length.ts
  telaio map length.ts server.log.gz > lengths.txt

  # a named function over a CSV file, into a database
  telaio map prices.ts#withTax orders.csv --to sqlite:orders.sqlite#taxed

  # JSON from another program; what fails is kept aside, the rest goes on
  curl -s https://example.org/events | telaio map clean.ts --from ndjson --on-error failed.ndjson --to clean.ndjson

Stopping: Ctrl-C ends the reading; what was accepted is finished and stored. A second Ctrl-C ends at once.

Exit codes:
  0    everything was done (with --on-error skip or FILE also when records failed), or the reader of a pipe has gone
  1    a record failed, an input is missing or broken, or the results could not be stored; what was stored before is whole
  2    the command can't be carried out: an option, the module or its function; nothing was read or written
  130  stopped by Ctrl-C (143: by SIGTERM)
`;
