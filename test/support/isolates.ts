/** Who waits for whom, read from the isolate table of the shared heap: what a test that has run out of time prints. */
import { type Heap, ISOLATE, ISOLATE_STATE, KIND, LOCK, MAX_ISOLATES, RLOCK } from '../../src/memory/index.ts';

const KIND_NAMES = Object.keys(KIND);

export type IsolateRow = {
  descriptor: number;
  ident: number;
  nativeId: number;
  /** The object it blocks on, and of which kind; undefined while it runs. */
  parked?: { object: number; kind: string; sinceMs: number; holder?: number };
};

/** Every isolate that uses the heap now. */
export function isolates(heap: Heap): IsolateRow[] {
  const rows: IsolateRow[] = [];
  for (let slot = 0; slot < MAX_ISOLATES; slot++) {
    const descriptor = heap.isolates + slot * ISOLATE.WORDS;
    if (heap.load(descriptor + ISOLATE.STATE) !== ISOLATE_STATE.LIVE) continue;
    const row: IsolateRow = {
      descriptor,
      ident: heap.load(descriptor + ISOLATE.IDENT),
      nativeId: heap.i32[descriptor + ISOLATE.NATIVE_ID],
    };
    if (heap.load(descriptor + ISOLATE.PARKED_SPOT) !== 0) {
      const object = heap.i32[descriptor + ISOLATE.PARKED_OBJECT];
      const kind = heap.kind(object);
      const since = heap.f64[(descriptor + ISOLATE.PARKED_SINCE) >> 1];
      const sinceMs = Math.round(performance.timeOrigin + performance.now() - since);
      row.parked = { object, kind: KIND_NAMES[kind] ?? `kind ${kind}`, sinceMs };
      const holder =
        kind === KIND.LOCK
          ? heap.load(object + LOCK.STATE)
          : kind === KIND.RLOCK
            ? heap.load(object + RLOCK.OWNER)
            : undefined;
      if (holder !== undefined) row.parked.holder = holder;
    }
    rows.push(row);
  }
  return rows;
}

/** The same as lines of text. */
export function whoWaits(heap: Heap): string {
  return isolates(heap)
    .map(({ ident, nativeId, parked }) => {
      if (!parked) return `  thread ident=${ident} tid=${nativeId}: runs, or turns its event loop`;
      const { object, kind, sinceMs, holder } = parked;
      const held = holder === undefined ? '' : holder > 0 ? `, held by ident=${holder}` : `, state ${holder}`;
      return `  thread ident=${ident} tid=${nativeId}: blocked ${sinceMs} ms on ${kind} #${object.toString(16)}${held}`;
    })
    .join('\n');
}
