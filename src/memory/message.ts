/** Values at rest in the heap: encoded once, held by whoever refers to the block, decoded as often as needed. */
import { Decoder } from './decoder.ts';
import { Encoder } from './encoder.ts';
import { defineDestructor, type Heap } from './heap.ts';
import { KIND, MESSAGE } from './layout.ts';
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
  for (const ref of encoder.refs) encoder.heap.release(ref);
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

/** A message block from what was packed; the block takes over the counts. Gives the encoder back, unless it throws. */
export function store(heap: Heap, encoder: Encoder): number {
  const streamWords = (encoder.length + 3) >> 2;
  const address = heap.allocate(KIND.MESSAGE, MESSAGE.STREAM - 2 + streamWords + encoder.refs.length, 'a message');
  heap.i32[address + MESSAGE.BYTES] = encoder.length;
  heap.i32[address + MESSAGE.REFS] = encoder.refs.length;
  copyOut(heap, encoder, address + MESSAGE.STREAM);
  const refs = address + MESSAGE.STREAM + streamWords;
  for (let index = 0; index < encoder.refs.length; index++) heap.i32[refs + index] = encoder.refs[index];
  done(encoder);
  return address;
}

/** A message block that holds a copy of the value; of count 1. */
export function storeValue(heap: Heap, value: unknown): number {
  const encoder = pack(value);
  try {
    return store(heap, encoder);
  } catch (error) {
    discard(encoder);
    throw error;
  }
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

defineDestructor(KIND.MESSAGE, (heap, address) => {
  const refs = address + MESSAGE.STREAM + ((heap.i32[address + MESSAGE.BYTES] + 3) >> 2);
  for (let index = 0, count = heap.i32[address + MESSAGE.REFS]; index < count; index++)
    heap.release(heap.i32[refs + index]);
});
