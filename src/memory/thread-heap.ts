/**
 * This process's heap: made when the library is first imported, found by every thread that imports it later.
 *
 * It travels as worker_threads' environment data, which each new Worker inherits from the thread that makes it: so a
 * worker that somebody else started finds the same heap, and so does a second copy of the library.
 */
import { readlinkSync } from 'node:fs';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { Heap } from './heap.ts';
import { MAX_HEAP_BYTES, MIN_HEAP_BYTES, SUPER } from './layout.ts';
import { size } from './pages.ts';

const KEY = 'telaio.heap';
const DEFAULT_BYTES = 2 ** 30;
const UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Reads `TELAIO_HEAP`: bytes, or a number with KiB, MiB or GiB (also K, M, G, KB …, all powers of 1024). */
export function parseHeapSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?\s*$/i.exec(text);
  const bytes = match ? Number(match[1]) * UNITS[match[2].toUpperCase()] : Number.NaN;
  if (!(bytes >= MIN_HEAP_BYTES && bytes <= MAX_HEAP_BYTES)) {
    throw new RangeError(
      `TELAIO_HEAP=${text} is not a heap size: give ${size(MIN_HEAP_BYTES)} to ${size(MAX_HEAP_BYTES + 65_536)} (below), as in TELAIO_HEAP=2GiB.`,
    );
  }
  return bytes;
}

/** The kernel's id of this thread; 0 where it can't be known without native code. */
function readNativeId(): number {
  if (process.platform !== 'linux') return isMainThread ? process.pid : 0;
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return isMainThread ? process.pid : 0;
  }
}

function openHeap(): Heap {
  const found = getEnvironmentData(KEY);
  if (Heap.isHeap(found)) {
    const heap = new Heap(found);
    heap.enter(readNativeId());
    return heap;
  }
  const heap = Heap.create(process.env.TELAIO_HEAP ? parseHeapSize(process.env.TELAIO_HEAP) : DEFAULT_BYTES);
  setEnvironmentData(KEY, heap.buffer);
  heap.enter(readNativeId());
  heap.store(SUPER.MAIN_IDENT, heap.ident);
  return heap;
}

/** Two copies of the library in one isolate (a bundle and a package, say) share one view of the heap. */
const shared = globalThis as { [key: symbol]: Heap | undefined };
const symbol = Symbol.for('telaio.heap.1');
shared[symbol] ??= openHeap();

export const heap: Heap = shared[symbol];
