/**
 * Every block of the heap that somebody holds, counted by kind: what deaths have left behind, exactly. Right only while
 * no other thread allocates or frees, and after everything else was given back.
 */
import { BLOCK, type Heap, KIND, PAGE_BYTES, PAGE_WORDS, SUPER, WORD_BYTES } from '../../src/memory/index.ts';
import { CLASS_BYTES } from '../../src/memory/size-class.ts';

export type KindName = keyof typeof KIND;
export type Census = Readonly<Record<KindName, number>>;

const NAMES = Object.keys(KIND) as KindName[];

/** Of every block with a count above zero: its kind, and how many bytes it takes. */
function* held(heap: Heap): Generator<[KindName, number]> {
  const { i32, pages } = heap;
  for (let page = 0; page < i32[SUPER.PAGES]; page++) {
    // 0 for a page that is free, or inside of a run.
    const note = i32[pages.table + page];
    if (note === 0) continue;
    const bytes = note > 0 ? note * PAGE_BYTES : CLASS_BYTES[-note - 1];
    const step = bytes / WORD_BYTES;
    const blocks = note > 0 ? 1 : Math.trunc(PAGE_WORDS / step);
    for (let block = 0; block < blocks; block++) {
      const at = page * PAGE_WORDS + block * step;
      if (i32[at + BLOCK.COUNT] > 0) yield [NAMES[heap.kind(at)], bytes];
    }
  }
}

/** How many blocks of each kind are held. */
export function census(heap: Heap): Census {
  const counts = Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<KindName, number>;
  for (const [kind] of held(heap)) counts[kind]++;
  return counts;
}

/** How many bytes all of them take. */
export function heldBytes(heap: Heap): number {
  let sum = 0;
  for (const [, bytes] of held(heap)) sum += bytes;
  return sum;
}

/** What there is more of now than there was, by kind. */
export function grown(before: Census, after: Census): Partial<Record<KindName, number>> {
  const more = NAMES.filter((name) => after[name] > before[name]);
  return Object.fromEntries(more.map((name) => [name, after[name] - before[name]]));
}
