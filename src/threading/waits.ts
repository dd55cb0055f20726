/** Who waits for whom, for people: names instead of addresses. See memory/waits.ts for where it is read from. */
import {
  type AsyncWait,
  asyncWaits,
  type BlockingWait,
  blockingWaits,
  classOfKind,
  defineHolder,
  heap,
  holderOf,
  ISOLATE,
  KIND,
  LET_GO,
  loadValue,
  PARKED,
  SUPER,
  stillWaits,
  THREAD,
  THREAD_STATE,
  tryRetain,
  wrapCounting,
  wrapperAt,
} from '../memory/index.ts';
import { nameOf } from './record.ts';

/** A thread in a report: it may have ended since. */
export type ThreadName = { name: string; ident: number };

/** One thread that waits for one object. */
export type Wait = {
  thread: ThreadName;
  /** What it waits for: the name of its class, and its text form as `String(object)` gives it. */
  object: { kind: string; text: string };
  /** When it began to, in milliseconds since the epoch, as `Date.now()`. */
  since: number;
  /** Whether the thread blocks; else its event loop goes on while `count` of its tasks wait. */
  blocking: boolean;
  /** Whether a blocking wait has a timeout; of asynchronous ones that isn't known: false. */
  timed: boolean;
  /** How many wait: 1 when it blocks. */
  count: number;
  /** Who must act first, where there is one: the owner of a lock, the thread that is joined. */
  holder?: ThreadName;
  /** `file:line:column` in the user's code; known of threads that have blocked for a while with detection on. */
  place?: string;
};

// Who joins a thread waits for it.
defineHolder(KIND.THREAD, (heap, at) =>
  heap.load(at + THREAD.STATE) === THREAD_STATE.RUNNING ? heap.load(at + THREAD.IDENT) : 0,
);

/**
 * All that wait now, in every thread of the process: those that block, and asynchronous waits by thread and object. A
 * snapshot for debugging: what it says may be over when it is read.
 */
export function waits(): Wait[] {
  const nursery = heap.load(SUPER.NURSERY_IDENT);
  const blocked = blockingWaits(heap).filter(({ object }) => object !== 0);
  const asynchronous = asyncWaits(heap).filter(
    // Each thread watches its own record, for its interruption.
    ({ ident, object, record }) => ident !== nursery && object !== 0 && object !== record,
  );
  return [...blocked.map(describeBlocking), ...asynchronous.map(describeAsync)];
}

export function describeBlocking(wait: BlockingWait): Wait {
  const { object, since, flags, holder } = wait;
  const place = placeOf(wait);
  return {
    thread: nameThread(wait),
    object: describeObject(object),
    since,
    blocking: true,
    timed: (flags & PARKED.TIMED) !== 0,
    count: 1,
    ...(holder === 0 ? undefined : { holder: threadOf(holder) }),
    ...(place === undefined ? undefined : { place }),
  };
}

function describeAsync(wait: AsyncWait): Wait {
  const { object, since, count } = wait;
  const holder = holderOf(heap, object);
  return {
    thread: nameThread(wait),
    object: describeObject(object),
    since,
    blocking: false,
    timed: false,
    count,
    ...(holder === 0 ? undefined : { holder: threadOf(holder) }),
  };
}

/** The name of the thread that runs in an isolate; by its ident where it has no record. */
function nameThread({ ident, record }: { ident: number; record: number }): ThreadName {
  const name = withRecord(record, () => (heap.kind(record) === KIND.THREAD ? nameOf(heap, record) : undefined));
  return { name: name ?? `worker ${ident}`, ident };
}

function threadOf(ident: number): ThreadName {
  const descriptor = heap.descriptorOf(ident);
  if (descriptor === 0) return { name: `thread ${ident}, which has ended`, ident };
  return nameThread({ ident, record: heap.load(descriptor + ISOLATE.THREAD) });
}

function describeObject(address: number): Wait['object'] {
  const described = withRecord(address, () => {
    const kind = classOfKind(heap.kind(address) as never)?.name ?? `kind ${heap.kind(address)}`;
    return { kind, text: textOf(address) ?? `<${kind} #${address.toString(16)}>` };
  });
  return described ?? { kind: 'nothing', text: 'an object that is gone' };
}

/** The object's own text form; undefined when its class isn't loaded here. */
function textOf(address: number): string | undefined {
  const known = wrapperAt(address);
  if (known !== undefined) return String(known);
  try {
    // Only for its text: what this thread keeps in reach must not change by looking.
    const object = wrapCounting(heap, address);
    const text = String(object);
    object[LET_GO]();
    return text;
  } catch {
    return undefined;
  }
}

/** `file:line:column` where a thread blocks, if it has said so. */
function placeOf(wait: BlockingWait): string | undefined {
  const word = wait.descriptor + ISOLATE.PARKED_PLACE;
  const message = heap.load(word);
  return withRecord(message, () => {
    const same = heap.load(word) === message && heap.kind(message) === KIND.MESSAGE && stillWaits(heap, wait);
    return same ? (loadValue(heap, message) as string) || undefined : undefined;
  });
}

/** Reads something of a record that others may drop at any moment; undefined when it is gone. */
function withRecord<T>(address: number, read: () => T): T | undefined {
  if (!tryRetain(heap, address)) return undefined;
  try {
    return read();
  } finally {
    heap.release(address);
  }
}
