/**
 * Looking at what a writer may be freeing, without a lock: so readers of different threads don't get into each other's
 * way.
 *
 *     sequence = load(SEQUENCE)          writer, under its mutex: unlink it, with an atomic store
 *     read, and copy what is found                                add(SEQUENCE, 1); load(SEQUENCE)
 *     fence                                                       only then free it
 *     load(SEQUENCE) === sequence ?
 *
 * If so, nothing was freed until the reading was over, and what was read is what stood there. If not, it may be anything:
 * it is thrown away, and not even decoded. (A sequence lock, after Lameter's in Linux; what is read is never changed in
 * place, so there is no odd state.)
 *
 * The fences matter only on processors that reorder loads. A plain load may be late there, past the atomic load that
 * follows it, but not past an atomic store, and that not past the atomic load behind it. In the same way the writer's
 * load keeps the first write into what it frees from being early. Tempting and wrong: to do without, and to trust in
 * tests on a processor that doesn't reorder them.
 */
import { BLOCK, type Heap, KIND, note, unpack } from '../memory/index.ts';

/** Longer streams are read under the lock, where they lie. */
const LARGEST_WORDS = 256;

/** This isolate's own copy of a stream, in the heap, where the decoder can read it; behind it the fence's word. */
let scratch = 0;
/** Decoding may import a module, which may read as well. */
let busy = false;

function scratchIn(heap: Heap): number {
  if (scratch === 0) {
    scratch = heap.allocate(KIND.BLOB, LARGEST_WORDS + 2) + BLOCK.PAYLOAD;
    // Given back with the isolate.
    note(scratch - BLOCK.PAYLOAD);
  }
  return scratch;
}

/** Whether everything read since `sequence` was loaded stood still. */
export function stoodStill(heap: Heap, at: number, sequence: number): boolean {
  const words = scratch === 0 ? scratchIn(heap) : scratch;
  heap.store(words + LARGEST_WORDS, 0);
  return heap.load(at) === sequence;
}

/** What `readStream` returns when it has read nothing. */
export const UNREAD: unique symbol = Symbol('unread');

/**
 * The value of a stream of `bytes` without references at a word address, if it stood still and is short. UNREAD
 * otherwise.
 */
export function readStream(heap: Heap, stream: number, bytes: number, at: number, sequence: number): unknown {
  const words = (bytes + 3) >> 2;
  if (words > LARGEST_WORDS || words <= 0 || busy) return UNREAD;
  const copy = scratch === 0 ? scratchIn(heap) : scratch;
  const { i32 } = heap;
  for (let word = 0; word < words; word++) i32[copy + word] = i32[stream + word];
  if (!stoodStill(heap, at, sequence)) return UNREAD;
  busy = true;
  try {
    return unpack(heap, copy, copy);
  } finally {
    busy = false;
  }
}
