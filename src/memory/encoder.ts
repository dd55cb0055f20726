/**
 * Values into bytes: structured-clone semantics, and what structured clone can't do: shared objects by reference,
 * registered symbols, functions and classes, errors whole.
 *
 * One pass into a private buffer. An object is remembered by identity from the second one on, so a flat record pays
 * nothing for it. Differences from structured clone: views of a pooled Buffer copy only what they show; properties of
 * an array other than its elements are dropped.
 */
import { types } from 'node:util';
import { CloneError } from '../errors.ts';
import type { Heap } from './heap.ts';
import { BLOB, KIND } from './layout.ts';
import { leavingNumber } from './moved.ts';
import { ancestorOf, localSymbol, lostPrivates, ownClass, pathOf, SHARED_BYTES, textOf } from './names.ts';
import { addressOf, isLibraryClass, letGo, losesPrivates, noteCounting, noteNew, SharedObject } from './objects.ts';
import { tiedHere } from './platform.ts';
import { Sealed } from './sealed.ts';
import {
  BLOB_LIMIT,
  classCodec,
  functionCodec,
  REFUSED,
  SENT_AS,
  type SentAs,
  SHORT_ASCII,
  SHORT_ASCII_LIMIT,
  SMALL_INTEGER,
  TAG,
  VIEWS,
} from './tags.ts';

const INITIAL_BYTES = 4096;
/** Sizes are counted in 31 bits. */
const LARGEST_BLOB_BYTES = 2 ** 31 - 2 ** 16;
/** Buffers that grew above this are dropped after use rather than kept. */
const KEPT_BYTES = 2 ** 20;

export class Encoder {
  readonly heap: Heap;
  bytes: Buffer<ArrayBuffer>;
  /** The same bytes as words, for short copies. */
  words: Int32Array<ArrayBuffer>;
  #view: DataView;
  length = 0;
  /** Entries of the holdings with the addresses that the stream refers to, and a count of each. */
  refs: number[] = [];
  /** References of the functions in the stream: decoding it imports their modules. */
  functions: object[] = [];
  #seen: Map<object, number> | undefined;
  #first: object | undefined;
  #count = 0;
  #path: (string | number)[] = [];
  #depth = 0;
  /** What the path of a refusal starts with, and at which depth: a function's captured variables have their own. */
  #root = 'value';
  #from = 0;

  constructor(heap: Heap) {
    this.heap = heap;
    this.bytes = Buffer.from(new ArrayBuffer(INITIAL_BYTES));
    this.words = new Int32Array(this.bytes.buffer);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Encodes one value; on an error nothing is held. */
  encode(value: unknown): this {
    try {
      this.#write(value);
      return this;
    } catch (error) {
      for (const ref of this.refs) letGo(ref);
      this.reset();
      throw error;
    }
  }

  /** Ready for the next value. What was held for this one has a new holder, or was released. */
  reset(): void {
    this.length = 0;
    if (this.refs.length > 0) this.refs = [];
    this.#seen = undefined;
    this.#first = undefined;
    this.#count = 0;
    this.#depth = 0;
    if (this.functions.length > 0) this.functions = [];
    if (this.bytes.length > KEPT_BYTES) this.#resize(INITIAL_BYTES);
  }

  #write(value: unknown): void {
    switch (typeof value) {
      case 'number':
        this.#number(value);
        return;
      case 'string':
        this.#string(value);
        return;
      case 'object':
        if (value === null) this.#byte(TAG.NULL);
        else this.#object(value);
        return;
      case 'boolean':
        this.#byte(value ? TAG.TRUE : TAG.FALSE);
        return;
      case 'undefined':
        this.#byte(TAG.UNDEFINED);
        return;
      case 'bigint':
        this.#byte(TAG.BIGINT);
        this.#byte(value < 0n ? 1 : 0);
        this.#string((value < 0n ? -value : value).toString(16));
        return;
      case 'symbol': {
        const key = Symbol.keyFor(value);
        if (key === undefined) throw this.#refused(...localSymbol(value));
        this.#byte(TAG.SYMBOL);
        this.#string(key);
        return;
      }
      default:
        this.#function(value as () => unknown);
    }
  }

  #number(value: number): void {
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < 128) {
        this.#byte(SMALL_INTEGER | value);
      } else {
        this.#byte(TAG.INTEGER);
        this.#varint(((value << 1) ^ (value >> 31)) >>> 0);
      }
      return;
    }
    this.#room(9);
    this.bytes[this.length] = TAG.DOUBLE;
    this.#view.setFloat64(this.length + 1, value, true);
    this.length += 9;
  }

  #string(text: string): void {
    const { length } = text;
    if (length <= SHORT_ASCII_LIMIT) {
      this.#room(length + 1);
      const { bytes } = this;
      let at = this.length;
      bytes[at++] = SHORT_ASCII | length;
      let index = 0;
      for (; index < length; index++) {
        const code = text.charCodeAt(index);
        if (code > 127) break;
        bytes[at++] = code;
      }
      if (index === length) {
        this.length = at;
        return;
      }
    }
    // As many UTF-8 bytes as characters: all of them are ASCII.
    const ascii = Buffer.byteLength(text) === length;
    const size = ascii ? length : length * 2;
    if (size > BLOB_LIMIT) {
      const start = this.#blob(size, 'a string');
      if (ascii) this.heap.u8.write(text, start, size, 'latin1');
      else this.heap.u8.write(text, start, size, 'utf16le');
      this.#byte(ascii ? TAG.ASCII_BLOB : TAG.UTF16_BLOB);
      this.#varint(this.refs.length - 1);
      return;
    }
    this.#byte(ascii ? TAG.ASCII : TAG.UTF16);
    this.#varint(length);
    this.#room(size);
    if (ascii) this.bytes.write(text, this.length, size, 'latin1');
    else this.bytes.write(text, this.length, size, 'utf16le');
    this.length += size;
  }

  /** Writes the number of an object that came before; false for any other. */
  #wasSeen(value: object): boolean {
    if (this.#count === 0) return false;
    const number = this.#seen ? this.#seen.get(value) : value === this.#first ? 0 : undefined;
    if (number === undefined) return false;
    this.#byte(TAG.SEEN);
    this.#varint(number);
    return true;
  }

  #object(value: object): void {
    if (this.#wasSeen(value)) return;
    if (this.#count > 0) {
      this.#seen ??= new Map([[this.#first!, 0]]);
      this.#seen.set(value, this.#count);
    } else {
      this.#first = value;
    }
    this.#count++;
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) this.#entries(TAG.OBJECT, value as Record<string, unknown>);
    else if (Array.isArray(value)) this.#array(value);
    else if (value instanceof SharedObject) this.#shared(value);
    else this.#special(value, prototype);
  }

  #entries(tag: number, value: Record<string, unknown>): void {
    const keys = Object.keys(value);
    this.#byte(tag);
    this.#varint(keys.length);
    const depth = this.#depth++;
    for (const key of keys) {
      this.#path[depth] = key;
      this.#string(key);
      this.#write(value[key]);
    }
    this.#depth = depth;
  }

  #array(value: unknown[]): void {
    const { length } = value;
    this.#byte(TAG.ARRAY);
    this.#varint(length);
    const depth = this.#depth++;
    for (let index = 0; index < length; index++) {
      const element = value[index];
      if (element === undefined && !(index in value)) {
        let end = index + 1;
        while (end < length && !(end in value)) end++;
        this.#byte(TAG.HOLES);
        this.#varint(end - index);
        index = end - 1;
        continue;
      }
      this.#path[depth] = index;
      this.#write(element);
    }
    this.#depth = depth;
  }

  #shared(value: SharedObject): void {
    const cls = value.constructor;
    if (isLibraryClass(cls)) {
      this.#hold(addressOf(value));
      this.#byte(TAG.HANDLE);
      this.#varint(this.refs.length - 1);
      return;
    }
    if (losesPrivates(cls)) throw this.#refused(...lostPrivates(cls.name));
    this.#hold(addressOf(value));
    this.#byte(TAG.INSTANCE);
    this.#varint(this.refs.length - 1);
    this.#write(cls);
    this.#entries(TAG.OBJECT, value as unknown as Record<string, unknown>);
  }

  #special(value: object, prototype: object | null): void {
    const number = leavingNumber(value);
    if (number !== undefined) return this.#numbered(TAG.MOVED, number);
    if (value instanceof Sealed) return this.#sealed(value);
    // Before errors: V8 counts it among them.
    if (value instanceof DOMException) {
      this.#byte(TAG.DOM_EXCEPTION);
      this.#string(value.message);
      this.#string(value.name);
      this.#string(value.stack ?? '');
      return this.#errorProperties(value);
    }
    if (types.isNativeError(value)) return this.#error(value);
    if (value instanceof Map) return this.#list(TAG.MAP, [...value].flat(1), value.size);
    if (value instanceof Set) return this.#list(TAG.SET, [...value], value.size);
    if (types.isDate(value)) return this.#numbered(TAG.DATE, value.getTime());
    if (types.isRegExp(value)) {
      this.#byte(TAG.REGEXP);
      this.#string(value.source);
      return this.#string(value.flags);
    }
    if (types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value)) return this.#binary(value);
    if (types.isBoxedPrimitive(value)) {
      this.#byte(TAG.BOXED);
      return this.#write(value.valueOf());
    }
    const tied = tiedHere(value, prototype?.constructor);
    if (tied !== undefined) throw this.#refused(...tied);
    const sent = (value as { [SENT_AS]?(): SentAs })[SENT_AS]?.();
    if (sent !== undefined) {
      this.#byte(TAG.SENT);
      // First, since its module knows what the value is.
      this.#write(sent.receive);
      return this.#write(sent.value);
    }
    const refusal = (value as { [REFUSED]?: { what: string; mend: string } })[REFUSED];
    if (refusal !== undefined) throw this.#refused(refusal.what, refusal.mend);
    // As structured clone does: an instance of a class arrives as a plain object with its own properties.
    this.#entries(prototype === null ? TAG.NULL_OBJECT : TAG.OBJECT, value as Record<string, unknown>);
  }

  #sealed({ value }: Sealed): void {
    this.#byte(TAG.SEALED);
    this.#room(4);
    this.length += 4;
    const start = this.length;
    this.#write(value);
    this.#view.setUint32(start - 4, this.length - start, true);
  }

  #numbered(tag: number, value: number): void {
    this.#byte(tag);
    this.#number(value);
  }

  #list(tag: number, values: unknown[], size: number): void {
    this.#byte(tag);
    this.#varint(size);
    const depth = this.#depth++;
    for (let index = 0; index < values.length; index++) {
      this.#path[depth] = index;
      this.#write(values[index]);
    }
    this.#depth = depth;
  }

  #binary(value: ArrayBufferLike | ArrayBufferView): void {
    if (((ArrayBuffer.isView(value) ? value.buffer : value) as ArrayBuffer).detached) {
      throw this.#refused('its buffer is detached: it was transferred', 'copy it before it is transferred');
    }
    if (ArrayBuffer.isView(value)) {
      const type = VIEWS.findIndex((view) => value instanceof view);
      let { byteOffset } = value;
      let source: ArrayBufferLike | Uint8Array = value.buffer;
      // A small Buffer is a window into Node's pool: its 8 KiB of neighbours are nobody's business.
      const pooled = value instanceof Buffer && value.byteLength < source.byteLength;
      if (pooled || source instanceof SharedArrayBuffer) {
        source = new Uint8Array(value.buffer as ArrayBuffer, byteOffset, value.byteLength);
        byteOffset = 0;
      }
      this.#byte(TAG.VIEW);
      this.#byte(type);
      this.#varint(byteOffset);
      this.#varint(value instanceof DataView ? value.byteLength : (value as Uint8Array).length);
      if (source instanceof Uint8Array) {
        this.#count++;
        this.#bufferBytes(source);
      } else {
        this.#object(source);
      }
      return;
    }
    if (value instanceof SharedArrayBuffer) {
      throw this.#refused(...SHARED_BYTES);
    }
    this.#bufferBytes(new Uint8Array(value));
  }

  #bufferBytes(source: Uint8Array): void {
    const size = source.length;
    if (size > BLOB_LIMIT) {
      const start = this.#blob(size, 'binary data');
      this.heap.u8.set(source, start);
      this.#byte(TAG.BUFFER_BLOB);
      this.#varint(this.refs.length - 1);
      return;
    }
    this.#byte(TAG.BUFFER);
    this.#varint(size);
    this.#room(size);
    this.bytes.set(source, this.length);
    this.length += size;
  }

  /** An error always crosses: a property that can't be copied arrives as its text. */
  #error(error: Error): void {
    this.#byte(TAG.ERROR);
    this.#string(String(error.constructor?.name || 'Error'));
    this.#string(ancestorOf(error));
    this.#string(String(error.name));
    this.#string(String(error.message));
    this.#string(typeof error.stack === 'string' ? error.stack : '');
    this.#errorProperties(error);
  }

  #errorProperties(error: Error): void {
    const keys = Object.getOwnPropertyNames(error).filter(
      (key) => key !== 'stack' && key !== 'message' && key !== 'name',
    );
    this.#varint(keys.length);
    const depth = this.#depth++;
    for (const key of keys) {
      this.#path[depth] = key;
      this.#string(key);
      this.#byte(Object.prototype.propertyIsEnumerable.call(error, key) ? 1 : 0);
      const { length, refs } = this;
      const [kept, count] = [refs.length, this.#count];
      try {
        this.#write((error as unknown as Record<string, unknown>)[key]);
      } catch {
        this.length = length;
        this.#count = count;
        for (const [object, number] of this.#seen ?? []) if (number >= count) this.#seen!.delete(object);
        for (const ref of refs.splice(kept)) letGo(ref);
        this.#depth = depth + 1;
        this.#string(textOf(error, key));
      }
    }
    this.#depth = depth;
  }

  #function(fn: () => unknown): void {
    if (this.#wasSeen(fn)) return;
    const definition = classCodec.current?.addressOf(fn);
    if (definition !== undefined) {
      this.#hold(definition);
      this.#byte(TAG.STRUCT_CLASS);
      this.#varint(this.refs.length - 1);
      return;
    }
    if (isLibraryClass(fn)) throw this.#refused(...ownClass(fn.name));
    const codec = functionCodec.current;
    if (!codec) throw this.#refused(`the function ${fn.name} can't be sent`, "import 'telaio/threading' first");
    const { reference, values } = codec.capture(fn);
    this.#first ??= fn;
    this.#seen ??= new Map([[this.#first, 0]]);
    this.#seen.set(fn, this.#count++);
    this.functions.push(reference);
    this.#byte(TAG.FUNCTION);
    this.#write(reference);
    this.#varint(values.length);
    const { captures } = reference as { captures?: string[] };
    for (let index = 0; index < values.length; index++) this.#captured(reference, captures![index], values[index]);
  }

  /** A refusal in a captured value names the function and the variable. */
  #captured(reference: object, variable: string, value: unknown): void {
    const [root, from] = [this.#root, this.#from];
    [this.#root, this.#from] = [variable, this.#depth];
    try {
      this.#write(value);
    } catch (error) {
      throw functionCodec.current?.refuse?.(reference, variable, error, this.#where()) ?? error;
    } finally {
      [this.#root, this.#from] = [root, from];
    }
  }

  /** Remembers a block that the stream refers to, with a count of its own. */
  #hold(address: number): void {
    this.refs.push(noteCounting(address));
  }

  /** A block for `size` raw bytes; returns where they start, in bytes. */
  #blob(size: number, what: string): number {
    if (size > LARGEST_BLOB_BYTES) {
      throw this.#refused(
        `${what} of ${(size / 2 ** 30).toFixed(1)} GiB is too long: 2 GiB at most`,
        'send it in parts',
      );
    }
    const slot = noteNew(KIND.BLOB, BLOB.DATA - 2 + ((size + 3) >> 2), what);
    const address = this.heap.i32[slot];
    this.heap.i32[address + BLOB.BYTES] = size;
    this.refs.push(slot);
    return (address + BLOB.DATA) * 4;
  }

  #byte(value: number): void {
    if (this.length === this.bytes.length) this.#room(1);
    this.bytes[this.length++] = value;
  }

  #varint(value: number): void {
    this.#room(5);
    const { bytes } = this;
    let rest = value;
    while (rest > 127) {
      bytes[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[this.length++] = rest;
  }

  #room(size: number): void {
    if (this.length + size > this.bytes.length) this.#resize(Math.max(this.bytes.length * 2, this.length + size));
  }

  #resize(size: number): void {
    const buffer = new ArrayBuffer((size + 7) & ~7);
    const bytes = Buffer.from(buffer);
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.words = new Int32Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** The path of the value that is being written, from the value or captured variable that was given. */
  #where(): string {
    return this.#root + pathOf(this.#path.slice(this.#from, this.#depth));
  }

  #refused(what: string, mend: string): CloneError {
    return new CloneError(`${this.#where()} can't be copied to another thread: ${what}; ${mend}.`);
  }
}
