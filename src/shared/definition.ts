/**
 * What the records of a class look like: which fields, of which types, where.
 *
 * A definition stands in the heap once, as canonical JSON, in a list that only grows; so an address says it, a record
 * names its definition by one word, and two threads have the same definition when they have the same address. The words
 * that hold counts are listed there as plain numbers: whoever drops a record's last count finds them without the
 * class, and without any JavaScript of the program's.
 */
import { BLOCK, DEFINITION, type Heap, KIND, type Kind, STRUCT, SUPER } from '../memory/index.ts';
import { fall } from './falling.ts';
import type { Field, FieldType, Spec } from './field-type.ts';

export class Definition {
  /** In the order of their declaration. */
  readonly fields: readonly Field[];
  /** Of a record, its header included. */
  readonly words: number;
  /** Whether it knows something that its text doesn't say. */
  readonly local: boolean;
  #heap: Heap | undefined;
  #address = 0;

  constructor(types: readonly (readonly [name: string, type: FieldType])[]) {
    // Widest first: then every field is at its natural alignment, with no gaps.
    let end = STRUCT.FIELDS * 4;
    const offsets = new Map<string, number>();
    for (const [name, type] of types.toSorted(([, a], [, b]) => b.align - a.align)) {
      offsets.set(name, (end = aligned(end, type.align)));
      end += type.bytes;
    }
    this.fields = types.map(([name, type]) => ({ name, type, offset: offsets.get(name)! }));
    this.words = aligned(end, 4) / 4;
    this.local = types.some(([, type]) => type.local);
  }

  /** The same for equal definitions, in every thread of the heap. */
  addressIn(heap: Heap): number {
    if (this.#heap === heap) return this.#address;
    const address = intern(heap, this.#text(heap), this.#handles());
    this.#heap = heap;
    return (this.#address = address);
  }

  /** Fills a new record: zeroes, then what is given. Gives the record back when that fails. */
  fill(heap: Heap, at: number, kind: Kind, given: Record<string, unknown>, owner: object): void {
    for (let word = at + BLOCK.PAYLOAD, end = at + this.words; word < end; word++) heap.i32[word] = 0;
    heap.i32[at + STRUCT.TYPE] = this.addressIn(heap);
    // From here on its destructor can tell what it holds.
    heap.i32[at + BLOCK.KIND] = kind;
    for (const field of this.fields) field.type.init(heap, at, field, given[field.name], owner);
  }

  /** As one would declare it. */
  toString(): string {
    return `{ ${this.fields.map(({ name, type }) => `${name}: ${type.name}`).join(', ')} }`;
  }

  #text(heap: Heap): string {
    return JSON.stringify(this.fields.map(({ name, type }) => [name, ...type.spec(heap)]));
  }

  #handles(): number[] {
    return this.fields.filter(({ type }) => type.handle).map(({ offset }) => offset / 4);
  }
}

function aligned(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}

/** The names and specs of the fields of the definition at an address. */
export function readDefinition(heap: Heap, address: number): [name: string, ...Spec][] {
  return JSON.parse(textAt(heap, address));
}

function textAt(heap: Heap, address: number): string {
  const start = (address + heap.i32[address + DEFINITION.TEXT]) * 4;
  return heap.u8.toString('utf8', start, start + heap.i32[address + DEFINITION.BYTES]);
}

/** Finds the definition, or puts it at the head of the list. It keeps the count it is made with: it stays. */
function intern(heap: Heap, text: string, handles: number[]): number {
  const { i32 } = heap;
  let made = 0;
  let searchedTo = 0;
  for (;;) {
    const head = heap.load(SUPER.DEFINITIONS);
    for (let at = head; at !== searchedTo; at = i32[at + DEFINITION.NEXT]) {
      if (textAt(heap, at) !== text) continue;
      if (made !== 0) heap.release(made);
      return at;
    }
    searchedTo = head;
    if (made === 0) made = write(heap, text, handles);
    i32[made + DEFINITION.NEXT] = head;
    // Publishes all of it. Somebody else may have been faster, even with the same text: look again at what is new.
    if (heap.cas(SUPER.DEFINITIONS, head, made) === head) return made;
  }
}

function write(heap: Heap, text: string, handles: number[]): number {
  const { i32 } = heap;
  const bytes = Buffer.byteLength(text);
  const start = DEFINITION.FIRST_HANDLE + handles.length;
  const at = heap.allocate(KIND.DEFINITION, start - BLOCK.PAYLOAD + ((bytes + 3) >> 2), 'the definition of a class');
  i32[at + DEFINITION.BYTES] = bytes;
  i32[at + DEFINITION.HANDLES] = handles.length;
  i32[at + DEFINITION.TEXT] = start;
  for (let index = 0; index < handles.length; index++) i32[at + DEFINITION.FIRST_HANDLE + index] = handles[index];
  heap.u8.write(text, (at + start) * 4, bytes, 'utf8');
  return at;
}

/** Drops what a record's fields hold. */
export function dropFields(heap: Heap, at: number): void {
  const definition = heap.i32[at + STRUCT.TYPE];
  const count = heap.i32[definition + DEFINITION.HANDLES];
  if (count === 0) return;
  fall(heap, (release) => {
    for (let index = 0; index < count; index++) {
      release(at + heap.i32[definition + DEFINITION.FIRST_HANDLE + index]);
    }
  });
}
