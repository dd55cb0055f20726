/** Values at rest in the heap: encoded once, held by whoever refers to the block, decoded as often as needed. */
import { releaseAll } from './contents.ts';
import { Decoder } from './decoder.ts';
import { Encoder } from './encoder.ts';
import { defineDestructor, type Heap, RESUMABLE } from './heap.ts';
import { BLOCK, KIND, type Kind, MESSAGE } from './layout.ts';
import { letGo, noteNew, takeNoted, vacate } from './objects.ts';
import { heap as threadHeap } from './thread-heap.ts';

/** Encoding may run the user's getters, and they may encode: so a stack, not one of each. */
const encoders: Encoder[] = [];
const decoders: Decoder[] = [];

/** Encodes a value for `store` or for a slot of a ring; give the encoder back with `done`. */
export function pack(value: unknown): Encoder {
  const encoder = encoders.pop() ?? new Encoder(threadHeap);
  try {
    return encoder.encode(value);
  } catch (error) {
    encoders.push(encoder);
    throw error;
  }
}

/** The encoder's contents have gone where they should. */
export function done(encoder: Encoder): void {
  encoder.reset();
  encoders.push(encoder);
}

/** Gives up what was packed. */
export function discard(encoder: Encoder): void {
  for (const ref of encoder.refs) letGo(ref);
  done(encoder);
}

/** Copies `length` bytes of an encoder's stream to a word address. */
export function copyOut(heap: Heap, encoder: Encoder, to: number): void {
  const { length } = encoder;
  if (length <= 512) {
    const { words } = encoder;
    const { i32 } = heap;
    for (let word = 0, count = (length + 3) >> 2; word < count; word++) i32[to + word] = words[word];
  } else {
    heap.u8.set(encoder.bytes.subarray(0, length), to * 4);
  }
}

/**
 * Makes the block that stands in an entry of the holdings one of `kind`, whose destructor knows of the words from `refs`
 * on; each of them takes over a count from the encoder, in one go. Gives the encoder back.
 */
export function settle(encoder: Encoder, address: number, kind: Kind, refs: number): void {
  const { i32 } = threadHeap;
  const entries = encoder.refs;
  for (let index = 0; index < entries.length; index++) i32[refs + index] = 0;
  i32[address + BLOCK.KIND] = kind;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    i32[refs + index] = i32[entry];
    i32[entry] = 0;
    vacate(entry);
  }
  done(encoder);
}

/** A message block from what was packed, in an entry of the holdings. Gives the encoder back, unless it throws. */
export function storeNoted(encoder: Encoder): number {
  const { i32 } = threadHeap;
  const streamWords = (encoder.length + 3) >> 2;
  const words = MESSAGE.STREAM - BLOCK.PAYLOAD + streamWords + encoder.refs.length;
  const slot = noteNew(KIND.MESSAGE, words, 'a message');
  const address = i32[slot];
  i32[address + MESSAGE.BYTES] = encoder.length;
  i32[address + MESSAGE.REFS] = encoder.refs.length;
  copyOut(threadHeap, encoder, address + MESSAGE.STREAM);
  settle(encoder, address, KIND.MESSAGE, address + MESSAGE.STREAM + streamWords);
  return slot;
}

/** The same, of count 1, for a caller that writes the address down before it calls anything. */
export function store(encoder: Encoder): number {
  return takeNoted(storeNoted(encoder));
}

/** A message block that holds a copy of the value, in an entry of the holdings. */
export function storeValueNoted(value: unknown): number {
  const encoder = pack(value);
  try {
    return storeNoted(encoder);
  } catch (error) {
    discard(encoder);
    throw error;
  }
}

/** The same, of count 1, for a caller that writes the address down before it calls anything. */
export function storeValue(value: unknown): number {
  return takeNoted(storeValueNoted(value));
}

/** Decodes a stream that lies at a word address. */
export function unpack(heap: Heap, stream: number, refs: number): unknown {
  const decoder = decoders.pop() ?? new Decoder(heap);
  // Not given back after an error: its state is unknown.
  const value = decoder.decode(stream * 4, refs);
  decoders.push(decoder);
  return value;
}

/** The value of a message block; the block stays. */
export function loadValue(heap: Heap, address: number): unknown {
  const stream = address + MESSAGE.STREAM;
  return unpack(heap, stream, stream + ((heap.i32[address + MESSAGE.BYTES] + 3) >> 2));
}

defineDestructor(
  KIND.MESSAGE,
  (heap, address) => {
    const refs = address + MESSAGE.STREAM + ((heap.i32[address + MESSAGE.BYTES] + 3) >> 2);
    releaseAll(heap, refs, heap.i32[address + MESSAGE.REFS]);
  },
  RESUMABLE,
);
