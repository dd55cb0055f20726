import { CLASS_COUNT, SMALL_LIMIT_BYTES } from './layout.ts';

/** The class of a block of `bytes` (1 to SMALL_LIMIT_BYTES), header included. */
export function classOf(bytes: number): number {
  if (bytes <= 128) return bytes <= 32 ? 0 : ((bytes + 15) >> 4) - 2;
  const log = 31 - Math.clz32(bytes - 1);
  return 7 + (log - 7) * 4 + (((bytes - 1) >> (log - 2)) & 3);
}

/** The bytes of a block of each class: 32, 48 … 128, 160, 192, 224, 256, 320 … 32,768. */
export const CLASS_BYTES: readonly number[] = Array.from({ length: CLASS_COUNT }, (_, index) => {
  if (index < 7) return (index + 2) * 16;
  const log = 7 + ((index - 7) >> 2);
  return 2 ** log + (((index - 7) & 3) + 1) * 2 ** (log - 2);
});

/** Blocks that move between an isolate's cache and the shared stack at a time: one shared operation for many frees. */
export const BATCH: readonly number[] = CLASS_BYTES.map((bytes) =>
  Math.max(1, Math.min(64, SMALL_LIMIT_BYTES / 2 / bytes) | 0),
);
