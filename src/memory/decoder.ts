/** Bytes into values: the other end of encoder.ts. Reads where the bytes lie, without copying them out first. */
import type { Heap } from './heap.ts';
import { BLOB } from './layout.ts';
import { takeArrived } from './moved.ts';
import { wrapCounting } from './objects.ts';
import { Sealed } from './sealed.ts';
import {
  classCodec,
  errorClasses,
  functionCodec,
  type SentAs,
  SHORT_ASCII,
  SMALL_INTEGER,
  TAG,
  VIEWS,
} from './tags.ts';

/**
 * Stand-ins for the users' own error classes, which this thread may not know: of the same name, extending the nearest
 * class that it does know. By both names.
 */
const standIns = new Map<string, { prototype: object }>();
const MOST_STAND_INS = 256;

function errorClass(name: string, ancestor: string): { prototype: object } {
  const known = errorClasses.get(name);
  if (known) return known;
  const key = `${name}:${ancestor}`;
  let made = standIns.get(key);
  if (!made) {
    const Ancestor = errorClasses.get(ancestor) as unknown as ErrorConstructor;
    made = { [name]: class extends Ancestor {} }[name];
    if (standIns.size >= MOST_STAND_INS) standIns.clear();
    standIns.set(key, made);
  }
  return made;
}

/** Short strings seen lately, above all keys of objects: making a string costs more than comparing it. */
const CACHE_BITS = 10;
const cache: string[] = new Array(1 << CACHE_BITS).fill('');
const CACHED_LENGTH = 24;
const codes: number[][] = Array.from({ length: CACHED_LENGTH + 1 }, (_, length) => new Array(length).fill(0));

export class Decoder {
  readonly heap: Heap;
  #at = 0;
  #refs = 0;
  #objects: unknown[] = [];

  constructor(heap: Heap) {
    this.heap = heap;
  }

  /**
   * The value whose stream starts at byte `start`, with its references listed from the word `refs` on. Takes no
   * counts: the holder of the stream keeps its own.
   */
  decode(start: number, refs: number): unknown {
    this.#at = start;
    this.#refs = refs;
    const value = this.#read();
    if (this.#objects.length > 0) this.#objects = [];
    return value;
  }

  #read(): unknown {
    const { u8 } = this.heap;
    const tag = u8[this.#at++];
    if (tag >= SMALL_INTEGER) return tag & 127;
    if (tag >= SHORT_ASCII) return this.#short(tag & 63);
    switch (tag) {
      case TAG.UNDEFINED:
        return undefined;
      case TAG.NULL:
        return null;
      case TAG.TRUE:
        return true;
      case TAG.FALSE:
        return false;
      case TAG.INTEGER: {
        const value = this.#varint();
        return (value >>> 1) ^ -(value & 1);
      }
      case TAG.DOUBLE:
        this.#at += 8;
        return this.heap.view.getFloat64(this.#at - 8, true);
      case TAG.BIGINT: {
        const negative = u8[this.#at++] === 1;
        const magnitude = BigInt(`0x${this.#read()}`);
        return negative ? -magnitude : magnitude;
      }
      case TAG.ASCII: {
        const length = this.#varint();
        this.#at += length;
        return u8.toString('latin1', this.#at - length, this.#at);
      }
      case TAG.UTF16: {
        const size = this.#varint() * 2;
        this.#at += size;
        return u8.toString('utf16le', this.#at - size, this.#at);
      }
      case TAG.ASCII_BLOB: {
        const [start, end] = this.#blob();
        return u8.toString('latin1', start, end);
      }
      case TAG.UTF16_BLOB: {
        const [start, end] = this.#blob();
        return u8.toString('utf16le', start, end);
      }
      case TAG.SEEN:
        return this.#objects[this.#varint()];
      case TAG.OBJECT:
        return this.#entries(this.#remember({}));
      case TAG.NULL_OBJECT:
        return this.#entries(this.#remember(Object.create(null)));
      case TAG.ARRAY:
        return this.#array();
      case TAG.SYMBOL:
        return Symbol.for(this.#read() as string);
      case TAG.HANDLE:
        return this.#remember(this.#handle());
      case TAG.INSTANCE:
        return this.#instance();
      case TAG.FUNCTION:
        return this.#function();
      case TAG.STRUCT_CLASS:
        return this.#structClass();
      default:
        return this.#special(tag);
    }
  }

  #special(tag: number): unknown {
    const { u8 } = this.heap;
    switch (tag) {
      case TAG.MAP: {
        const map = this.#remember(new Map());
        for (let left = this.#varint(); left > 0; left--) {
          const key = this.#read();
          map.set(key, this.#read());
        }
        return map;
      }
      case TAG.SET: {
        const set = this.#remember(new Set());
        for (let left = this.#varint(); left > 0; left--) set.add(this.#read());
        return set;
      }
      case TAG.DATE:
        return this.#remember(new Date(this.#read() as number));
      case TAG.REGEXP: {
        const source = this.#read() as string;
        return this.#remember(new RegExp(source, this.#read() as string));
      }
      case TAG.BOXED:
        return this.#remember(Object(this.#read()));
      case TAG.BUFFER: {
        const size = this.#varint();
        this.#at += size;
        return this.#remember(copy(u8, this.#at - size, this.#at));
      }
      case TAG.BUFFER_BLOB: {
        const [start, end] = this.#blob();
        return this.#remember(copy(u8, start, end));
      }
      case TAG.VIEW: {
        const slot = this.#objects.push(undefined) - 1;
        const view = VIEWS[u8[this.#at++]];
        const offset = this.#varint();
        const length = this.#varint();
        return (this.#objects[slot] = new view(this.#read() as ArrayBuffer, offset, length));
      }
      case TAG.SENT: {
        const slot = this.#objects.push(undefined) - 1;
        const receive = this.#read() as SentAs['receive'];
        return (this.#objects[slot] = receive(this.#read() as never));
      }
      case TAG.SEALED:
        return this.#sealed();
      case TAG.MOVED:
        return this.#remember(takeArrived(this.#read() as number));
      case TAG.ERROR:
        return this.#error();
      case TAG.DOM_EXCEPTION: {
        const slot = this.#objects.push(undefined) - 1;
        const message = this.#read() as string;
        const exception = new DOMException(message, this.#read() as string);
        Object.defineProperty(exception, 'stack', { value: this.#read(), configurable: true, writable: true });
        this.#objects[slot] = exception;
        return this.#errorProperties(exception);
      }
      default:
        throw new TypeError(`Unknown tag ${tag} in a shared message: two versions of the library share a heap?`);
    }
  }

  #sealed(): Sealed {
    const end = this.#at + 4 + this.heap.view.getUint32(this.#at, true);
    this.#at += 4;
    const slot = this.#objects.push(undefined) - 1;
    try {
      return (this.#objects[slot] = new Sealed(this.#read())) as Sealed;
    } catch (error) {
      this.#at = end;
      return (this.#objects[slot] = new Sealed(undefined, { error })) as Sealed;
    }
  }

  #remember<T>(object: T): T {
    this.#objects.push(object);
    return object;
  }

  #entries<T extends Record<string, unknown>>(object: T): T {
    for (let left = this.#varint(); left > 0; left--) {
      const key = this.#read() as string;
      const value = this.#read();
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });
      } else {
        (object as Record<string, unknown>)[key] = value;
      }
    }
    return object;
  }

  #array(): unknown[] {
    const length = this.#varint();
    const array: unknown[] = this.#remember([]);
    const { u8 } = this.heap;
    for (let index = 0; index < length; index++) {
      if (u8[this.#at] === TAG.HOLES) {
        this.#at++;
        index += this.#varint() - 1;
        array.length = index + 1;
      } else {
        array[index] = this.#read();
      }
    }
    return array;
  }

  #handle(): object {
    const address = this.heap.i32[this.#refs + this.#varint()];
    return wrapCounting(this.heap, address);
  }

  #instance(): object {
    const slot = this.#objects.push(undefined) - 1;
    const address = this.heap.i32[this.#refs + this.#varint()];
    const cls = this.#read() as never;
    const object = wrapCounting(this.heap, address, cls);
    this.#objects[slot] = object;
    // The tag of its own properties, which are no object of their own.
    this.#at++;
    this.#entries(object as unknown as Record<string, unknown>);
    return object;
  }

  /** Not numbered among the objects: it is its own name, as short as a reference back. */
  #structClass(): object {
    const address = this.heap.i32[this.#refs + this.#varint()];
    if (!classCodec.current) {
      throw new TypeError("A class made by Shared() has arrived where it can't be made: import 'telaio/shared' first.");
    }
    return classCodec.current.classAt(this.heap, address);
  }

  #function(): unknown {
    const slot = this.#objects.push(undefined) - 1;
    const prepared = functionCodec.current!.prepare(this.#read() as object);
    if ('fn' in prepared) {
      this.#objects[slot] = prepared.fn;
      prepared.fill(this.#values());
      return prepared.fn;
    }
    return (this.#objects[slot] = prepared.build(this.#values()));
  }

  #values(): unknown[] {
    const values: unknown[] = [];
    for (let left = this.#varint(); left > 0; left--) values.push(this.#read());
    return values;
  }

  #error(): Error {
    const slot = this.#objects.push(undefined) - 1;
    const cls = this.#read() as string;
    const ancestor = this.#read() as string;
    const name = this.#read() as string;
    const message = this.#read() as string;
    // Made without a stack, which it gets below: the place of the making is what Node would show, above the stack, as
    // the place of an error that nobody caught.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    const error = new Error(message);
    Error.stackTraceLimit = limit;
    this.#objects[slot] = error;
    if (cls !== 'Error') Object.setPrototypeOf(error, errorClass(cls, ancestor).prototype);
    const stack = this.#read();
    Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true });
    if (error.name !== name) {
      Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
    }
    return this.#errorProperties(error);
  }

  #errorProperties<T extends Error>(error: T): T {
    for (let left = this.#varint(); left > 0; left--) {
      const key = this.#read() as string;
      const enumerable = this.heap.u8[this.#at++] === 1;
      Object.defineProperty(error, key, { value: this.#read(), configurable: true, writable: true, enumerable });
    }
    return error;
  }

  #blob(): [start: number, end: number] {
    const address = this.heap.i32[this.#refs + this.#varint()];
    const start = (address + BLOB.DATA) * 4;
    return [start, start + this.heap.i32[address + BLOB.BYTES]];
  }

  #short(length: number): string {
    const { u8 } = this.heap;
    const start = this.#at;
    this.#at += length;
    if (length > CACHED_LENGTH) return u8.toString('latin1', start, start + length);
    const characters = codes[length];
    let hash = length;
    for (let index = 0; index < length; index++) {
      const code = u8[start + index];
      characters[index] = code;
      hash = (hash * 31 + code) | 0;
    }
    hash = (hash ^ (hash >>> CACHE_BITS)) & ((1 << CACHE_BITS) - 1);
    const known = cache[hash];
    if (known.length === length) {
      let index = 0;
      while (index < length && known.charCodeAt(index) === characters[index]) index++;
      if (index === length) return known;
    }
    return (cache[hash] = String.fromCharCode.apply(null, characters));
  }

  #varint(): number {
    const { u8 } = this.heap;
    let byte = u8[this.#at++];
    if (byte < 128) return byte;
    let value = byte & 127;
    for (let shift = 7; ; shift += 7) {
      byte = u8[this.#at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  }
}

/** From so many bytes on glibc's malloc asks the system for each buffer, until it has seen a larger one freed. */
const LARGE = 2 ** 17;
/** As large as counts for it. */
const LARGEST = 31 * 2 ** 20;
let hasRoom = false;

/**
 * A private copy of shared bytes: made from them, so that nobody writes zeros first.
 *
 * Large ones come and go by the dozen, as V8 collects. Left alone, malloc gives the room back to the system each time and
 * gets it again page by page, which takes longer than the copying. One very large buffer, never written to and freed at
 * once, has it keep up to twice its size.
 */
function copy(u8: Uint8Array, start: number, end: number): ArrayBuffer {
  if (!hasRoom && end - start >= LARGE) {
    hasRoom = true;
    try {
      new ArrayBuffer(LARGEST).transfer(0);
    } catch {
      // Not so much to be had: then it is as it was.
    }
  }
  return new Uint8Array(u8.subarray(start, end)).buffer;
}
