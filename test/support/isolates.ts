/** Who waits for whom, in addresses and idents: what a test that has run out of time prints, on whatever floor it is. */
import {
  type AsyncWait,
  asyncWaits,
  type BlockingWait,
  blockingWaits,
  type Heap,
  ISOLATE,
  ISOLATE_STATE,
  KIND,
  MAX_ISOLATES,
} from '../../src/memory/index.ts';

export type Isolate = { descriptor: number; ident: number; nativeId: number };

/** Every isolate that uses the heap now. */
export function isolates(heap: Heap): Isolate[] {
  const found: Isolate[] = [];
  for (let slot = 0; slot < MAX_ISOLATES; slot++) {
    const descriptor = heap.isolates + slot * ISOLATE.WORDS;
    if (heap.load(descriptor + ISOLATE.STATE) !== ISOLATE_STATE.LIVE) continue;
    const ident = heap.load(descriptor + ISOLATE.IDENT);
    found.push({ descriptor, ident, nativeId: heap.i32[descriptor + ISOLATE.NATIVE_ID] });
  }
  return found;
}

/** Whether the thread blocks now. */
export function isBlocked(heap: Heap, ident: number | undefined): boolean {
  return blockingWaits(heap).some((wait) => wait.ident === ident);
}

/** A line for every isolate: what it waits for. */
export function whoWaits(heap: Heap): string {
  const now = performance.timeOrigin + performance.now();
  const kinds = new Map<number, string>(Object.entries(KIND).map(([name, kind]) => [kind, name]));
  const one = ({ object, since, holder }: BlockingWait | (AsyncWait & { holder?: number })): string => {
    const kind = object === 0 ? 0 : heap.kind(object);
    const held = holder ? `, held by ident=${holder}` : '';
    return `${Math.round(now - since)} ms on ${kinds.get(kind) ?? `kind ${kind}`} #${object.toString(16)}${held}`;
  };
  const blocking = blockingWaits(heap);
  // Each thread watches its own record, for its interruption.
  const asynchronous = asyncWaits(heap).filter(({ object, record }) => object !== record);
  const lines = isolates(heap).map(({ descriptor, ident, nativeId }) => {
    const [blocked] = blocking.filter((wait) => wait.descriptor === descriptor);
    const tasks = asynchronous.filter((wait) => wait.descriptor === descriptor).map(one);
    const what = [blocked ? `blocked ${one(blocked)}` : 'runs, or turns its event loop', ...tasks];
    return `  thread ident=${ident} tid=${nativeId}: ${what.join('; a task waits ')}`;
  });
  return lines.join('\n');
}
