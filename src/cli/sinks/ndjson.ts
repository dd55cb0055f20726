/** `FILE.ndjson`: every result as JSON on a line of its own. */
import type { BatchOutcome, ResultShape } from '../backend.ts';
import type { Sink } from './sink.ts';
import { WholeFile } from './whole-file.ts';

export class NdjsonSink implements Sink {
  readonly shape: ResultShape = 'ndjson';
  readonly columns = undefined;
  readonly #file: WholeFile;

  private constructor(file: WholeFile) {
    this.#file = file;
  }

  static async open(path: string): Promise<NdjsonSink> {
    return new NdjsonSink(await WholeFile.open(path));
  }

  async begin(): Promise<void> {
    await this.#file.begin();
  }

  async write({ text }: BatchOutcome): Promise<void> {
    if (text !== undefined) await this.#file.append(text);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
