/** What an iteration holds of a map at a time: the entries of one stripe, in a block that gives them back with itself. */
import { BLOCK, defineDestructor, type Heap, KIND, MAP_PORTION, noteNew, RESUMABLE } from '../memory/index.ts';
import { fall } from './falling.ts';
import { Held } from './hold.ts';

/** A portion with room for `room` entries and none in it. */
export function createPortion(heap: Heap, room: number): Held {
  const words = MAP_PORTION.ENTRIES - MAP_PORTION.COUNT + room;
  const slot = noteNew(KIND.MAP_PORTION, words, 'an iteration over a SharedMap');
  const at = heap.i32[slot];
  heap.i32.fill(0, at + MAP_PORTION.COUNT, at + MAP_PORTION.ENTRIES + room);
  heap.i32[at + MAP_PORTION.COUNT] = room;
  heap.i32[at + BLOCK.KIND] = KIND.MAP_PORTION;
  return Held.over(heap, slot);
}

export function* entriesOf(heap: Heap, portion: number): Generator<number, undefined, undefined> {
  for (let index = 0, room = heap.i32[portion + MAP_PORTION.COUNT]; index < room; index++) {
    const entry = heap.i32[portion + MAP_PORTION.ENTRIES + index];
    if (entry === 0) return;
    yield entry;
  }
}

defineDestructor(
  KIND.MAP_PORTION,
  (heap, portion) => {
    fall(heap, (release) => {
      const first = portion + MAP_PORTION.ENTRIES;
      // They end at the first 0; from the last on, so that who is killed in here leaves the others.
      let end = first;
      while (end < first + heap.i32[portion + MAP_PORTION.COUNT] && heap.i32[end] !== 0) end++;
      while (end > first) release(--end);
    });
  },
  RESUMABLE,
);
