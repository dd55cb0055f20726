/** Opens the sink of a destination. From here on the destination is changed. */
import type { Writable } from 'node:stream';
import { CsvSink } from './csv.ts';
import { NdjsonSink } from './ndjson.ts';
import type { Destination, Sink } from './sink.ts';
import { SqliteSink } from './sqlite.ts';
import { StdoutSink } from './stdout.ts';

export async function openSink(destination: Destination, stdout: Writable): Promise<Sink> {
  switch (destination.kind) {
    case 'stdout':
      return new StdoutSink(stdout);
    case 'ndjson':
      return await NdjsonSink.open(destination.path);
    case 'csv':
      return await CsvSink.open(destination.path);
    case 'sqlite':
      return new SqliteSink(destination.path, destination.table);
  }
}
