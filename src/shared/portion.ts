/** What an iteration holds of a map at a time: the entries of one stripe, in a block that gives them back with itself. */
import { BLOCK, defineDestructor, type Heap, KIND, MAP_PORTION, noteNew } from '../memory/index.ts';
import { fall } from './falling.ts';
import { Held } from './hold.ts';

class Portion extends Held {
  readonly #heap: Heap;

  constructor(heap: Heap, slot: number) {
    super(heap, slot);
    this.#heap = heap;
  }

  /** One entry after the other, out of the portion first: who dies here loses one. The reaper gives back the others. */
  override [Symbol.dispose](): void {
    const { i32 } = this.#heap;
    const first = this.address + MAP_PORTION.ENTRIES;
    // From the last on: they end at the first 0.
    let end = first;
    while (end < first + i32[this.address + MAP_PORTION.COUNT] && i32[end] !== 0) end++;
    while (end > first) {
      const entry = i32[--end];
      i32[end] = 0;
      this.#heap.release(entry);
    }
    super[Symbol.dispose]();
  }
}

/** A portion with room for `room` entries and none in it. */
export function createPortion(heap: Heap, room: number): Held {
  const words = MAP_PORTION.ENTRIES - MAP_PORTION.COUNT + room;
  const slot = noteNew(KIND.MAP_PORTION, words, 'an iteration over a SharedMap');
  const at = heap.i32[slot];
  heap.i32.fill(0, at + MAP_PORTION.COUNT, at + MAP_PORTION.ENTRIES + room);
  heap.i32[at + MAP_PORTION.COUNT] = room;
  heap.i32[at + BLOCK.KIND] = KIND.MAP_PORTION;
  return new Portion(heap, slot);
}

export function* entriesOf(heap: Heap, portion: number): Generator<number, undefined, undefined> {
  for (let index = 0, room = heap.i32[portion + MAP_PORTION.COUNT]; index < room; index++) {
    const entry = heap.i32[portion + MAP_PORTION.ENTRIES + index];
    if (entry === 0) return;
    yield entry;
  }
}

defineDestructor(KIND.MAP_PORTION, (heap, portion) => {
  fall(heap, (release) => {
    for (const entry of entriesOf(heap, portion)) release(entry);
  });
});
