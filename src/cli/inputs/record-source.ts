/**
 * Cuts the inputs, one after the other, into batches of whole records. Reading is by demand: `next` takes what has
 * already come, and waits only when that holds no whole record, so a trickle is handed on as it comes and a flood in
 * batches of the size that was asked for. A batch lies within one input and, but for its first record, within one block
 * of bytes: that bounds its size.
 */
import type { Readable } from 'node:stream';
import { InputError } from '../errors.ts';
import { ByteSource } from './byte-source.ts';
import { parseHeader } from './csv.ts';
import type { RecordFormat } from './format.ts';
import { RecordScanner } from './scan.ts';

export type Input = {
  /** As the user wrote it; `stdin` for standard input. */
  name: string;
  /** `undefined`: standard input. */
  path: string | undefined;
  format: RecordFormat;
  /** Size as stored, when it is known. */
  size: number | undefined;
};

export type RecordBatch = {
  input: Input;
  /** Line of the first record, from 1, and the number of lines that the batch spans. */
  line: number;
  lines: number;
  /** Records, at most: empty lines are among them. */
  count: number;
  bytes: Uint8Array;
  header: string[] | undefined;
  /** How far that is in the bytes of all inputs as stored. */
  position: number;
  /** Not so for packed inputs: of them only what was read is known, which may hold many records more. */
  exact: boolean;
};

/** A longer record is an error: most likely a quote that is never closed, or not a file of records at all. */
const RECORD_BYTES = 64 * 1024 * 1024;

export class RecordSource {
  readonly #inputs: Input[];
  readonly #stdin: Readable;
  #index = 0;
  #splitter: Splitter | undefined;
  #finished = 0;
  #stopped = false;

  constructor(inputs: Input[], stdin: Readable) {
    this.#inputs = inputs;
    this.#stdin = stdin;
  }

  /** Bytes of all inputs as stored, when every size is known. */
  get size(): number | undefined {
    let sum = 0;
    for (const { size } of this.#inputs) {
      if (size === undefined) return undefined;
      sum += size;
    }
    return sum;
  }

  /** Between 1 and `limit` records, `undefined` after the last one and after `stop`. Throws `InputError`. */
  async next(limit: number): Promise<RecordBatch | undefined> {
    while (!this.#stopped && this.#index < this.#inputs.length) {
      this.#splitter ??= new Splitter(this.#inputs[this.#index], this.#stdin);
      const batch = await this.#splitter.next(limit);
      if (batch !== undefined)
        return this.#stopped ? undefined : { ...batch, position: this.#position(), exact: !this.#splitter.packed };
      this.#finished = this.#position();
      this.#splitter = undefined;
      this.#index++;
    }
    return undefined;
  }

  /** No more batches; a pending `next` gives `undefined`. */
  stop(): void {
    this.#stopped = true;
    this.#splitter?.destroy();
    // Standard input that nobody reads any more must not keep the process.
    if (this.#inputs.some(({ path }) => path === undefined)) this.#stdin.destroy();
  }

  #position(): number {
    return this.#finished + (this.#splitter?.position ?? 0);
  }
}

/** The records of one input. */
class Splitter {
  readonly #input: Input;
  readonly #source: ByteSource;
  readonly #scanner: RecordScanner;
  /** Beginnings of the record that goes on in `#block`. */
  #pieces: Uint8Array[] = [];
  #block: Uint8Array = new Uint8Array(0);
  #start = 0;
  #consumed = 0;
  #line = 1;
  /** Line ends in `#pieces`. */
  #linesBefore = 0;
  #first = true;
  #ended = false;
  #header: string[] | undefined;

  constructor(input: Input, stdin: Readable) {
    this.#input = input;
    this.#source = input.path === undefined ? new ByteSource(input.name, stdin) : ByteSource.file(input.path);
    this.#scanner = new RecordScanner(input.format);
  }

  get packed(): boolean {
    return this.#source.packed;
  }

  /** How far the batches have come in the bytes as stored; of packed ones only what was read is known. */
  get position(): number {
    return this.#source.packed ? this.#source.position : this.#consumed;
  }

  destroy(): void {
    this.#source.destroy();
  }

  async next(limit: number): Promise<Omit<RecordBatch, 'position' | 'exact'> | undefined> {
    const { format, name } = this.#input;
    while ((format === 'csv' || format === 'tsv') && this.#header === undefined) {
      const record = await this.#take(1);
      if (record === undefined) return undefined;
      if (record.bytes.every((byte) => byte === 0x0a || byte === 0x0d)) continue;
      if (!record.bytes.includes(0x0a) && Buffer.from(record.bytes).toString().trimEnd().includes('\r')) {
        throw new InputError(
          `${name}, line ${record.line}: the lines end in a carriage return alone (CR); ` +
            "let them end in LF, for instance with: tr '\\r' '\\n'",
        );
      }
      try {
        this.#header = parseHeader(Buffer.from(record.bytes).toString(), format);
      } catch (error) {
        throw new InputError(`${name}, line ${record.line}: ${(error as Error).message}`, { cause: error });
      }
    }
    const taken = await this.#take(limit);
    return taken && { ...taken, input: this.#input, header: this.#header };
  }

  async #take(limit: number): Promise<Pick<RecordBatch, 'line' | 'lines' | 'count' | 'bytes'> | undefined> {
    while (true) {
      if (this.#start < this.#block.length) {
        const found = this.#cut(limit);
        if (found !== undefined) return found;
      }
      if (this.#ended) return undefined;
      const block = await this.#source.next();
      if (block === undefined) {
        this.#ended = true;
        if (this.#pieces.length > 0) return this.#last();
      } else {
        if (this.#first) refuseUtf16(block, this.#input.name);
        this.#block = this.#first ? withoutByteOrderMark(block) : block;
        this.#start = 0;
        this.#first = false;
      }
    }
  }

  /** Up to `limit` records from what is here; `undefined` when the record that begins here does not end here. */
  #cut(limit: number): Pick<RecordBatch, 'line' | 'lines' | 'count' | 'bytes'> | undefined {
    const scanner = this.#scanner;
    scanner.scan(this.#block, this.#start, limit);
    if (scanner.records === 0) {
      this.#pieces.push(this.#block.subarray(this.#start));
      this.#start = this.#block.length;
      this.#linesBefore += scanner.lines;
      if (this.#pieces.reduce((sum, piece) => sum + piece.length, 0) > RECORD_BYTES) {
        throw new InputError(
          `${this.#input.name}, line ${this.#line}: the record that begins here is longer than 64 MiB; ` +
            'is a quote left open, or is this not a file of records?',
        );
      }
      return undefined;
    }
    const here = this.#block.subarray(this.#start, scanner.end);
    const bytes = this.#pieces.length === 0 ? here : Buffer.concat([...this.#pieces, here]);
    this.#pieces = [];
    this.#start = scanner.end;
    return this.#numbered(bytes, scanner.records, this.#linesBefore + scanner.lines);
  }

  /** The record that ends with the input instead of a line end. */
  #last(): Pick<RecordBatch, 'line' | 'lines' | 'count' | 'bytes'> {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return this.#numbered(bytes, 1, this.#linesBefore + 1);
  }

  #numbered(bytes: Uint8Array, count: number, lines: number): Pick<RecordBatch, 'line' | 'lines' | 'count' | 'bytes'> {
    const line = this.#line;
    this.#line += lines;
    this.#consumed += bytes.length;
    this.#linesBefore = 0;
    return { line, lines, count, bytes };
  }
}

function refuseUtf16(block: Uint8Array, name: string): void {
  const [first, second] = block;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new InputError(
      `${name} is UTF-16, and inputs are UTF-8: convert it, for instance with iconv -f UTF-16 -t UTF-8`,
    );
  }
}

function withoutByteOrderMark(block: Uint8Array): Uint8Array {
  return block[0] === 0xef && block[1] === 0xbb && block[2] === 0xbf ? block.subarray(3) : block;
}
