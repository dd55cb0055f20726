/** What the shared heap and the process take once everything that nobody holds is gone. */
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { heap } from '../src/memory/index.ts';
import { type Census, census, heldBytes } from '../test/support/census.ts';

export type Look = { heapBytes: number; heldBytes: number; held: Census; resident: number };

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

export async function look(): Promise<Look> {
  // Finalizers run a while after a collection, and each may free what held others.
  for (let turn = 0; turn < 4; turn++) {
    collect();
    await delay(20);
  }
  return {
    heapBytes: heap.usedBytes(),
    heldBytes: heldBytes(heap),
    held: census(heap),
    resident: process.memoryUsage().rss,
  };
}

export function bytes(count: number): string {
  return `${(count / 2 ** 20).toFixed(1)} MiB`;
}
