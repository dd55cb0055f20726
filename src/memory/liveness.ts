/** Whether the thread that an isolate runs on is no more, by the kernel's word; for deaths that nobody could tell yet. */
import { existsSync } from 'node:fs';
import type { Heap } from './heap.ts';
import { ISOLATE } from './layout.ts';

/** False where the platform doesn't tell. Costs a system call. */
export function isGone(heap: Heap, descriptor: number): boolean {
  const tid = heap.i32[descriptor + ISOLATE.NATIVE_ID];
  return process.platform === 'linux' && tid > 0 && !existsSync(`/proc/self/task/${tid}`);
}
