/**
 * A string of limited length, as UTF-8.
 *
 *     word 0           bytes << 1 | which of the two buffers holds them
 *     buffers 0, 1     room for the longest text each
 *
 * Who writes fills the other buffer and then changes the word, under the record's mutex; who reads copies out under the
 * mutex. So a reader never sees half a text, and a writer that dies in here leaves the old one. Tempting and wrong: one
 * buffer, which a writer's death would leave torn.
 */
import { type Heap, lockMutex, STRUCT, unlockMutex } from '../memory/index.ts';
import { type Field, FieldType, outOfRange, placeOf, type Spec, wrongType } from './field-type.ts';

const LARGEST = 2 ** 24;

export class Text extends FieldType<string, string, 'value'> {
  readonly name: string;
  readonly bytes: number;
  readonly align = 4;
  readonly #limit: number;
  /** Of one buffer: whole words. */
  readonly #room: number;

  constructor(limit: number) {
    super();
    this.#limit = limit;
    this.#room = (limit + 3) & ~3;
    this.name = `text(${limit})`;
    this.bytes = 4 + 2 * this.#room;
  }

  spec(): Spec {
    return ['text', this.#limit];
  }

  load(heap: Heap, at: number, { offset }: Field): string {
    const mutex = at + STRUCT.MUTEX;
    lockMutex(heap, mutex);
    const state = heap.i32[at + (offset >> 2)];
    const start = at * 4 + offset + 4 + (state & 1) * this.#room;
    const text = state >> 1 === 0 ? '' : heap.u8.toString('utf8', start, start + (state >> 1));
    unlockMutex(heap, mutex);
    return text;
  }

  store(heap: Heap, at: number, field: Field, value: string, owner: object): void {
    if (typeof value !== 'string') throw wrongType(owner, field, 'a string', value);
    if (!value.isWellFormed()) {
      throw outOfRange(owner, field, 'a string without lone surrogates, which UTF-8 cannot hold', value);
    }
    const bytes = Buffer.byteLength(value);
    if (bytes > this.#limit) {
      throw new RangeError(
        `${placeOf(owner, field)} holds ${this.#limit} bytes of UTF-8 at most and was given ${bytes}: ` +
          `declare it text(${bytes}) or more, or shorten the text.`,
      );
    }
    const mutex = at + STRUCT.MUTEX;
    const word = at + (field.offset >> 2);
    lockMutex(heap, mutex);
    const other = ~heap.i32[word] & 1;
    if (bytes > 0) heap.u8.write(value, (word + 1) * 4 + other * this.#room, bytes, 'utf8');
    heap.store(word, (bytes << 1) | other);
    unlockMutex(heap, mutex);
  }
}

/**
 * A string of at most `maxBytes` bytes of UTF-8 (1 to 16 MiB); takes twice that in memory. A longer one is refused with
 * `RangeError`, never cut. No reader ever sees half of it.
 */
export function text(maxBytes: number): FieldType<string, string, 'value'> {
  if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes > LARGEST) {
    throw new RangeError(`text(${String(maxBytes)}): give the most bytes of UTF-8 that it may hold, 1 to ${LARGEST}.`);
  }
  return new Text(maxBytes);
}
