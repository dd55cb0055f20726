/** `--on-error FILE`: an NDJSON line for every failed record, with its file, line and error. */
import type { RecordFailure } from '../backend.ts';
import { WholeFile } from './whole-file.ts';

export class FailureFile {
  readonly #file: WholeFile;

  private constructor(file: WholeFile) {
    this.#file = file;
  }

  static async open(path: string): Promise<FailureFile> {
    return new FailureFile(await WholeFile.open(path));
  }

  async begin(): Promise<void> {
    await this.#file.begin();
  }

  async write(file: string, failures: RecordFailure[]): Promise<void> {
    let text = '';
    for (const { line, record, error } of failures) {
      text += `${JSON.stringify({ file, line, error })}`.slice(0, -1);
      // The record is JSON already.
      text += `,"record":${record ?? 'null'}}\n`;
    }
    await this.#file.append(new TextEncoder().encode(text));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
