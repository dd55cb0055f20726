/**
 * Threads that wait for each other in a circle.
 *
 * Who blocks without end waits for one object, and that object for at most one thread (its holder, or the thread that
 * is joined): so from each thread leads one path, and a deadlock is a path that comes back. The looking is done by the
 * threads that block, each for itself, the first time after 100 ms and then ever more rarely; nobody else pays.
 *
 * A circle is not enough for an alarm: any thread may release a Lock, so one that still runs and can reach it may break
 * the circle. Hence *stuck* threads, the largest set for which each of these holds:
 *
 *     it blocks, without a timeout, for an object whose holder is stuck too
 *     if anybody may release that object: no thread that isn't stuck can reach it (see Reach)
 *     nobody has asked for its end
 *
 * The main thread's event loop, idle in an `await`, counts as stuck too when nothing but other threads could wake it and
 * they all are stuck. It has no way to see what doesn't keep it alive: it asks whether anybody listens to a
 * signal, or waits with an AbortSignal, but timers, ports and the like that are unref'd it can't know: they count for
 * nothing.
 *
 * It must be seen twice, with the same waits by their sequence numbers and the same holders. Then one thread gets a
 * DeadlockError: the main thread when it is stuck, else the one that closed the circle, which began to wait last. Its
 * wait is taken back like one whose time is up, its `using` blocks give back what it held, and the others go on.
 */
import { constants } from 'node:os';
import { DeadlockError } from '../errors.ts';
import {
  anyAbortable,
  type BlockingWait,
  blockingWaits,
  DETECT,
  defineLookout,
  FIRST_LOOK_MS,
  heap,
  holderFor,
  ISOLATE,
  KIND,
  type Look,
  liveIsolates,
  lockMutex,
  loopHeld,
  PARKED,
  Reach,
  SUPER,
  stillWaits,
  storeValue,
  THREAD,
  THREAD_FLAG,
  THREAD_STATE,
  unlockMutex,
} from '../memory/index.ts';
import { callerPlace } from './place.ts';
import { liveRecords } from './record.ts';
import { describeBlocking, type Wait } from './waits.ts';

/** Between the two sights of a circle. */
const CONFIRM_MS = 25;
/** So long a report waits for threads that have not said in which line they are: detection was off when they began. */
const SILENT_MS = 3_000;
/** While there is a circle, and another thread that is to end it. */
const OTHERS_TURN_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

const { env, execArgv } = process;
const wantedByDefault = env.TELAIO_DEBUG === '1' || env.NODE_TEST_CONTEXT !== undefined || execArgv.includes('--test');

/**
 * Whether threads that block too long look for a deadlock and get `DeadlockError`: on by default under `node --test` and
 * with TELAIO_DEBUG=1. For the whole process; waits that have begun before are not looked into.
 */
export function setDetectDeadlocks(on: boolean): void {
  if (typeof on !== 'boolean') throw new TypeError(`setDetectDeadlocks(${String(on)}): give true or false.`);
  heap.store(SUPER.DETECT_DEADLOCKS, on ? DETECT.ON : DETECT.OFF);
}

/** Whether it is on. */
export function detectsDeadlocks(): boolean {
  const word = heap.load(SUPER.DETECT_DEADLOCKS);
  return word === DETECT.ON || (word === DETECT.DEFAULT && wantedByDefault);
}

/**
 * The circles of threads that block, without a timeout, each for what the next one holds (the last for the first). With
 * Locks somebody else may yet break one, since any thread may release them. A snapshot, for debugging.
 */
export function findDeadlocks(): Wait[][] {
  const waits = byIdent(blockingWaits(heap));
  const circles = new Map<number, BlockingWait[]>();
  for (const wait of waits.values()) {
    const circle = pathFrom(wait, waits)?.circle;
    if (circle === undefined) continue;
    const first = Math.min(...circle.map(({ ident }) => ident));
    if (!circles.has(first)) circles.set(first, circle);
  }
  // Once more, all of them at once: none has gone on, nor given up what it held, while the others were read.
  const still = [...circles.values()].filter(
    (circle) =>
      circle.every((wait) => holderFor(heap, wait) === wait.holder) && circle.every((wait) => stillWaits(heap, wait)),
  );
  return still.map((circle) => circle.map(describeBlocking));
}

function byIdent(waits: BlockingWait[]): Map<number, BlockingWait> {
  return new Map(waits.filter(({ flags }) => !(flags & PARKED.TIMED)).map((wait) => [wait.ident, wait]));
}

type Path = { /** From the first to the last before the circle. */ tail: BlockingWait[]; circle: BlockingWait[] };

/** Where it leads to from this wait; undefined when not into a circle. */
function pathFrom(start: BlockingWait, waits: Map<number, BlockingWait>): Path | undefined {
  const path: BlockingWait[] = [];
  for (let at: BlockingWait | undefined = start; at !== undefined; at = waits.get(at.holder)) {
    const met = path.indexOf(at);
    if (met >= 0) return { tail: path.slice(0, met), circle: path.slice(met) };
    path.push(at);
  }
  return undefined;
}

type Stuck = {
  /** The waits of which none can go on any more, by ident. */
  waits: Map<number, BlockingWait>;
  /** What LOOP_IDLE of the main isolate said, if it counts that the main thread's event loop is idle; else 0. */
  affirmed: number;
};

function findStuck(): Stuck {
  let waits = byIdent(blockingWaits(heap).filter((wait) => !isDying(wait)));
  for (;;) {
    const inCircles = [...waits.values()].filter((wait) => pathFrom(wait, waits) !== undefined);
    let left = inCircles;
    let affirmed = 0;
    if (!inCircles.every(isOwnersAlone)) {
      const stuck = inCircles.map(({ descriptor }) => descriptor);
      const idle = idleIsolates(stuck);
      affirmed = idle.affirmed;
      const reach = new Reach(heap, [...stuck, ...idle.isolates]);
      left = inCircles.filter((wait) => isOwnersAlone(wait) || reach.only(wait.object));
    }
    const same = left.length === waits.size;
    waits = new Map(left.map((wait) => [wait.ident, wait]));
    if (same) return { waits, affirmed };
  }
}

/** Whether somebody has asked for the thread's end: then its wait has one. */
function isDying({ record }: BlockingWait): boolean {
  return record !== 0 && (heap.load(record + THREAD.FLAGS) & THREAD_FLAG.TERMINATE) !== 0;
}

/** Whether only the holder can give way: who is inside of an update, an RLock's owner, a thread that is joined. */
function isOwnersAlone({ object, mutex }: BlockingWait): boolean {
  const kind = heap.kind(object);
  return mutex !== 0 || kind === KIND.RLOCK || kind === KIND.THREAD;
}

/**
 * Isolates that will do nothing: parked ones, and the main thread's when it only waits for the others to end, or when
 * its event loop waits for what only others can bring and all others are stuck.
 */
function idleIsolates(stuck: number[]): { isolates: number[]; affirmed: number } {
  const idle: number[] = [];
  lockMutex(heap, SUPER.IDLE_MUTEX);
  for (let at = heap.i32[SUPER.IDLE_HEAD]; at !== 0; at = heap.i32[at + ISOLATE.NEXT_IDLE]) idle.push(at);
  unlockMutex(heap, SUPER.IDLE_MUTEX);
  const main = heap.descriptorOf(heap.load(SUPER.MAIN_IDENT));
  if (main === 0) return { isolates: idle, affirmed: 0 };
  const record = heap.load(main + ISOLATE.THREAD);
  if (record !== 0 && heap.load(record + THREAD.STATE) === THREAD_STATE.ENDED) {
    return { isolates: [...idle, main], affirmed: 0 };
  }
  // It blocks: what its event loop said before is nothing that it could say again.
  if (stuck.includes(main)) return { isolates: idle, affirmed: 0 };
  const affirmed = heap.load(main + ISOLATE.LOOP_IDLE);
  const known = new Set([main, heap.descriptorOf(heap.load(SUPER.NURSERY_IDENT)), ...idle, ...stuck]);
  const others = liveIsolates(heap).some((at) => !known.has(at));
  if (others || affirmed === 0 || isAnyStarting()) return { isolates: idle, affirmed: 0 };
  return { isolates: [...idle, main], affirmed };
}

/** Whether a thread is about to begin: it has no isolate yet, or has not taken it over. */
function isAnyStarting(): boolean {
  let starting = false;
  for (const record of liveRecords(heap)) {
    starting ||= heap.load(record + THREAD.STATE) === THREAD_STATE.STARTING;
    heap.release(record);
  }
  return starting;
}

/** Between two looks of the main thread whether its event loop is idle. */
const LOOP_LOOK_MS = 200;
let looking: NodeJS.Timeout | undefined;

/** Whether anybody listens to a signal: that keeps no event loop alive, but may wake it. */
function awaitsSignal(): boolean {
  // Node's own listener, which only writes a report.
  const reports = process.report?.reportOnSignal ? process.report.signal : undefined;
  return process
    .eventNames()
    .some((name) => (name as string) in constants.signals && process.listenerCount(name) > (name === reports ? 1 : 0));
}

/** Whether nothing keeps this event loop but the timer for our waits; output streams are there, and bring nothing. */
function isLoopIdle(): boolean {
  if (!loopHeld() || anyAbortable() || awaitsSignal()) return false;
  type Handled = { _handle?: { hasRef?(): boolean } };
  const outputs = [process.stdout, process.stderr].filter((stream) => (stream as Handled)._handle?.hasRef?.()).length;
  const others = process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap' && name !== 'TTYWrap');
  return others.length === 1 && others[0] === 'Timeout' && process.getActiveResourcesInfo().length === outputs + 1;
}

/** Says, again and again, whether the main thread's event loop has anything to wait for but our asynchronous waits. */
function watchLoop(): void {
  if (looking !== undefined || heap.ident !== heap.load(SUPER.MAIN_IDENT) || !detectsDeadlocks()) return;
  const word = heap.descriptor + ISOLATE.LOOP_IDLE;
  looking = setInterval(() => {
    heap.store(word, isLoopIdle() ? Math.max(1, (heap.load(word) + 1) | 0) : 0);
  }, LOOP_LOOK_MS);
  looking.unref();
}

/** One wait of this thread. */
class Lookout {
  #pause = FIRST_LOOK_MS;
  #suspected: string | undefined;
  #affirmed = 0;

  /** How long to wait until the next look; throws when this wait will never end. */
  look(): number {
    if (!detectsDeadlocks()) return LONGEST_PAUSE_MS;
    tellPlace();
    const { waits, affirmed } = findStuck();
    const own = waits.get(heap.ident);
    const path = own && pathFrom(own, waits);
    if (path === undefined) {
      this.#suspected = undefined;
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
      return this.#pause;
    }
    if (chosen(path.circle, waits) !== own) return OTHERS_TURN_MS;
    const all = [...path.tail, ...path.circle];
    const sight = `${affirmed !== 0};${all.map(({ ident, sequence, object, holder }) => [ident, sequence, object, holder].join()).join(';')}`;
    // Who has just begun to wait, or gets no processor, has not said yet where.
    const longAgo = performance.timeOrigin + performance.now() - SILENT_MS;
    const told = all.every(
      ({ descriptor, since }) => heap.load(descriptor + ISOLATE.PARKED_PLACE) !== 0 || since < longAgo,
    );
    if (sight !== this.#suspected) {
      this.#suspected = sight;
      this.#affirmed = affirmed;
    } else if (told && (affirmed === 0 || affirmed !== this.#affirmed)) {
      throw new DeadlockError(messageOf(path));
    }
    return CONFIRM_MS;
  }
}

/** Who gets the error. */
function chosen(circle: BlockingWait[], stuck: Map<number, BlockingWait>): BlockingWait | undefined {
  const main = stuck.get(heap.load(SUPER.MAIN_IDENT));
  const breakable = (wait: BlockingWait): boolean => !(wait.flags & PARKED.UNBREAKABLE);
  if (main !== undefined && breakable(main) && pathFrom(main, stuck)?.circle.includes(circle[0])) return main;
  return circle.filter(breakable).sort((a, b) => b.since - a.since || b.ident - a.ident)[0];
}

/** Says in shared memory where in the user's code this thread blocks; taken back at the end of the wait. */
function tellPlace(): void {
  const word = heap.descriptor + ISOLATE.PARKED_PLACE;
  if (heap.i32[word] !== 0) return;
  try {
    heap.store(word, storeValue(callerPlace().replace(/^ at /, '')));
  } catch {
    // A full heap: then the report is without.
  }
}

function messageOf({ tail, circle }: Path): string {
  const lines = [...tail, ...circle].map((wait) => {
    const { thread, object, holder, place } = describeBlocking(wait);
    const at = place === undefined ? '' : `, at ${place}`;
    const who = thread.ident === heap.ident ? `${thread.name} (this thread)` : thread.name;
    if (object.kind === 'Thread') return `  ${who} waits for the end of ${holder?.name}${at}`;
    const held = holder?.ident === thread.ident ? 'which it holds itself' : `held by ${holder?.name}`;
    return `  ${who} waits for ${object.text}, ${held}${at}`;
  });
  const mend = circle.some(({ mutex }) => mutex !== 0)
    ? 'Wait for nobody inside of a function that a SharedMap or SharedList runs under its lock, in update or getOrSet.'
    : circle.length === 1
      ? 'Use an RLock where a thread may take its lock again, or wait with a timeout.'
      : circle.some(({ object }) => heap.kind(object) === KIND.THREAD)
        ? "Don't join a thread while you hold what it may want, or join it with a timeout."
        : 'Take locks in the same order everywhere, or wait with a timeout.';
  return `A deadlock: these threads wait for each other and none of them can ever go on.\n${lines.join('\n')}\n${mend}`;
}

defineLookout({
  wanted: detectsDeadlocks,
  begin: (): Look => {
    const lookout = new Lookout();
    return () => lookout.look();
  },
  loopWaits: watchLoop,
});
