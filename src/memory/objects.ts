/**
 * JavaScript objects that stand for records of the heap.
 *
 * In each isolate a record has at most one wrapper, so that what comes back from a queue is the same object that went
 * in. A wrapper holds one count of its record from its making until it is collected or disposed. What an isolate's
 * wrappers hold is written into a table in the heap (its *holdings*), so that whoever notices its death can give it
 * back.
 */
import { inspect } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { DisposedError } from '../errors.ts';
import { type Destructor, defineDestructor, type Heap, kindNames } from './heap.ts';
import { BLOCK, HOLDINGS, ISOLATE, KIND, type Kind } from './layout.ts';
import { endWaits } from './parking.ts';
import { heap as threadHeap } from './thread-heap.ts';
import { holderOf } from './waits.ts';

export const HEAP: unique symbol = Symbol('telaio.heap');
export const LET_GO: unique symbol = Symbol('telaio.letGo');
export const AT: unique symbol = Symbol('telaio.address');
/** A method that is called when an object's address is first asked for: it may be about to leave this thread. */
export const PUBLISH: unique symbol = Symbol('telaio.publish');
/** A method that gives the other records at which this thread's asynchronous waits for an object stand. */
export const WAITED_AT: unique symbol = Symbol('telaio.waitedAt');
const SLOT: unique symbol = Symbol('telaio.slot');

type Class = abstract new (...args: never[]) => SharedObject;
type Adoption = { heap: Heap; slot: number };

/** Set while `adopt` runs a constructor: the wrapper stands for an existing record. */
let adoption: Adoption | undefined;

export abstract class SharedObject implements Disposable {
  /** @internal */ readonly [HEAP]: Heap;
  /** @internal */ readonly [AT]: number;
  /** @internal */ [SLOT]: number;
  /** @internal */ [PUBLISH]?(): void;
  /** @internal */ [WAITED_AT]?(): Iterable<number>;

  /** A new record with `words` of payload, filled by `init`; or, while adopting, the wrapper of an existing one. */
  protected constructor(kind: Kind, words: number, init: (heap: Heap, address: number) => void) {
    const adopted = adoption;
    adoption = undefined;
    if (adopted) {
      this[HEAP] = adopted.heap;
      this[AT] = adopted.heap.i32[adopted.slot];
      this[SLOT] = adopted.slot;
      hold(this, adopted.slot);
      return;
    }
    const heap = threadHeap;
    const slot = noteNew(kind, words);
    const address = heap.i32[slot];
    try {
      init(heap, address);
    } catch (error) {
      letGo(slot);
      throw error;
    }
    heap.i32[address + BLOCK.KIND] = kind;
    this[HEAP] = heap;
    this[AT] = address;
    this[SLOT] = slot;
    hold(this, slot);
  }

  /** Whether this constructor call adopts an existing record: what a subclass makes anew then must not be made. */
  protected static adopting(): boolean {
    return adoption !== undefined;
  }

  /**
   * Gives this thread's hold of the object back at once; using it here afterwards throws `DisposedError`, and asynchronous
   * waits of this thread that are under way reject with it.
   */
  [Symbol.dispose](): void {
    const { name } = this.constructor;
    for (const at of [this[AT], ...(this[WAITED_AT]?.() ?? [])]) endWaits(threadHeap, at, () => disposedError(name));
    this[LET_GO]();
  }

  /** @internal The same for a wrapper that was made only to look at the record: waits for it are none of its business. */
  [LET_GO](): void {
    const address = this[AT];
    if (wrappers.get(address)?.deref() === this) wrappers.delete(address);
    collector.unregister(this);
    dropOrLinger(this[SLOT]);
    Object.setPrototypeOf(this, disposedPrototype(this.constructor.name));
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }

  /** The text form, as Python's repr: kind, state, and an id that is the same in every thread. */
  toString(): string {
    return `<${this.constructor.name} #${this[AT].toString(16)}>`;
  }
}

/** One for each class: a prototype of its own would cost each object a hidden class. */
const disposedPrototypes = new Map<string, object>();

function disposedPrototype(name: string): object {
  let prototype = disposedPrototypes.get(name);
  if (!prototype) {
    prototype = makeDisposedPrototype(name);
    disposedPrototypes.set(name, prototype);
  }
  return prototype;
}

function disposedError(name: string): DisposedError {
  return new DisposedError(`This ${name} was disposed in this thread: make a new one, or dispose it later.`);
}

/** For calls that have run the user's code on their way, which may have disposed the very object. */
export function refuseDisposed(object: SharedObject, name: string): void {
  if (!(object instanceof SharedObject)) throw disposedError(name);
}

function makeDisposedPrototype(name: string): object {
  const fail = (): never => {
    throw disposedError(name);
  };
  const text = (): string => `<disposed ${name}>`;
  const quiet = new Map<PropertyKey, unknown>([
    [Symbol.dispose, () => {}],
    [Symbol.asyncDispose, async () => {}],
    [Symbol.toStringTag, `disposed ${name}`],
    [inspect.custom, text],
    ['toString', text],
    ['constructor', Object],
    ['then', undefined],
  ]);
  return new Proxy(Object.create(null), {
    get: (_, key) => (quiet.has(key) ? quiet.get(key) : fail()),
    set: fail,
    has: (_, key) => quiet.has(key),
  });
}

const classes: (Class | undefined)[] = [];
const kinds = new Map<object, Kind>();

/** Says which class wraps records of a kind, and what is dropped with the last count. */
export function defineKind(kind: Kind, cls: Class, destructor?: Destructor): void {
  classes[kind] = cls;
  kinds.set(cls, kind);
  if (destructor) defineDestructor(kind, destructor);
}

/** One of several classes whose records are of one kind: ours, as if it had been given to `defineKind`. */
export function defineVariant(kind: Kind, cls: Class): void {
  kinds.set(cls, kind);
}

const choosers: (((heap: Heap, address: number) => Class) | undefined)[] = [];

/** Says which of a kind's variants a record is an instance of; asked when a wrapper must be made and nobody knows. */
export function defineChooser(kind: Kind, choose: (heap: Heap, address: number) => Class): void {
  choosers[kind] = choose;
}

/** The library's class that wraps a kind, if its module is loaded. */
export function classOfKind(kind: Kind): Class | undefined {
  return classes[kind];
}

/** The kind of the records of a class or of what it extends; undefined for a class that is no shared object's. */
export function kindOfClass(cls: unknown): Kind | undefined {
  for (let at = cls; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
    const kind = kinds.get(at);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

/** Whether this class is one of ours, not a user's subclass. */
export function isLibraryClass(cls: unknown): boolean {
  return kinds.has(cls as object);
}

const wrappers = new Map<number, WeakRef<SharedObject>>();

/** The address of an object's record; remembers the wrapper, so that `wrap` finds it again. */
export function addressOf(object: SharedObject): number {
  if (!(object instanceof SharedObject)) throw new TypeError(`${inspect(object)} is no shared object of this library.`);
  const address = object[AT];
  if (wrappers.get(address)?.deref() !== object) {
    object[PUBLISH]?.();
    wrappers.set(address, new WeakRef(object));
  }
  return address;
}

/**
 * This isolate's wrapper of a record. Takes over the count that the caller holds for it. `cls` is the class to make,
 * when the caller knows better than the record's kind.
 */
export function wrap(heap: Heap, address: number, cls?: Class): SharedObject {
  return wrapNoted(heap, note(address), cls);
}

/** As `wrap`, with a count of its own: somebody else keeps the record meanwhile. */
export function wrapCounting(heap: Heap, address: number, cls?: Class): SharedObject {
  return wrapNoted(heap, noteCounting(address), cls);
}

/** As `wrap`, for a count that stands in an entry of the holdings, which the wrapper takes over. */
export function wrapNoted(heap: Heap, slot: number, cls?: Class): SharedObject {
  const address = heap.i32[slot];
  const known = wrappers.get(address)?.deref();
  if (known) {
    letGo(slot);
    // Met before by its address alone, which doesn't tell the user's subclass.
    if (cls !== undefined && known.constructor !== cls && cls.prototype instanceof known.constructor) {
      Object.setPrototypeOf(known, cls.prototype);
    }
    return known;
  }
  const base = classes[heap.kind(address)];
  if (!base) {
    letGo(slot);
    throw new TypeError(
      `A shared object of kind ${heap.kind(address)} has arrived whose module isn't loaded here: import 'telaio' first.`,
    );
  }
  const wanted = cls ?? choosers[heap.kind(address)]?.(heap, address) ?? base;
  adoption = { heap, slot };
  try {
    // A class without a constructor of its own is constructed for real, which makes its private members too. Else only
    // the library's constructor runs, with the prototype of the class that is wanted: the user's has run once already,
    // in the thread that made the object, with arguments that are not here.
    const constructed = isLibraryClass(wanted) || makingOf(wanted).ownConstructor ? base : wanted;
    const object = Reflect.construct(constructed as unknown as new () => SharedObject, [], wanted as never);
    wrappers.set(address, new WeakRef(object));
    return object;
  } finally {
    // Not taken up: a constructor in between has thrown.
    if (adoption !== undefined) letGo(slot);
    adoption = undefined;
  }
}

/** The wrapper if this isolate has one; counts nothing. */
export function wrapperAt(address: number): SharedObject | undefined {
  return wrappers.get(address)?.deref();
}

type Making = { /** It or a class it extends, up to ours, has one. */ ownConstructor: boolean; privates: boolean };
const makings = new WeakMap<object, Making>();

/** How a user's class is made, from its text. A word in a comment may say too much: then it is handled as before. */
function makingOf(cls: object): Making {
  let making = makings.get(cls);
  if (!making) {
    making = { ownConstructor: false, privates: false };
    for (let at: unknown = cls; typeof at === 'function' && !kinds.has(at); at = Object.getPrototypeOf(at)) {
      const text = Function.prototype.toString.call(at);
      making.ownConstructor ||= /\bconstructor\s*\(/.test(text);
      making.privates ||= /[\s;{]#[\p{ID_Start}$_]/u.test(text);
    }
    makings.set(cls, making);
  }
  return making;
}

/** Whether a user's class has private members. */
export function hasPrivates(cls: object): boolean {
  return makingOf(cls).privates;
}

/** Whether instances of a user's class would arrive without their private members (see `wrap`). */
export function losesPrivates(cls: object): boolean {
  const making = makingOf(cls);
  return making.ownConstructor && making.privates;
}

/* Holdings. A slot is the index of a word in the heap: the entry that holds the address. */

let entries = 0;
const free: number[] = [];
const collector = new FinalizationRegistry<number>((slot) => {
  const address = threadHeap.i32[slot];
  if (wrappers.get(address)?.deref() === undefined) wrappers.delete(address);
  dropOrLinger(slot);
});

/** Whether a thread holds a record of one kind, alone or with others: a lock that it must not die with unheard. */
type Held = (heap: Heap, address: number, ident: number) => boolean;
const heldTests: (Held | undefined)[] = [];

/** For kinds that several may hold; of those with one holder `defineHolder` says enough. */
export function defineHeld(kind: Kind, held: Held): void {
  heldTests[kind] = held;
}

/**
 * Locks that this thread holds and has no wrapper of any more. They stay in the holdings, so that they are abandoned
 * when it dies, as long as somebody else can wait for them. Tempting and wrong: to give them back with their wrapper.
 */
let lingering: number[] = [];
let sweepAt = 64;

function mustLinger(slot: number): boolean {
  // Who could wait for the main thread's locks dies with it.
  if (isMainThread) return false;
  const address = threadHeap.i32[slot];
  const { ident } = threadHeap;
  return isHeldBy(threadHeap, address, ident) && threadHeap.load(address + BLOCK.COUNT) > 1;
}

function isHeldBy(heap: Heap, address: number, ident: number): boolean {
  return heldTests[heap.kind(address)]?.(heap, address, ident) ?? holderOf(heap, address) === ident;
}

/** The locks that a thread holds now, of all that its isolate knows. */
export function heldBy(heap: Heap, descriptor: number, ident: number): Set<number> {
  const held = new Set<number>();
  const { i32 } = heap;
  // Not by the generator: this is on the way of every thread's end.
  for (let chunk = heap.load(descriptor + ISOLATE.HOLDINGS); chunk !== 0; chunk = i32[chunk + HOLDINGS.NEXT]) {
    const end = chunk + HOLDINGS.ENTRIES + HOLDINGS.PER_CHUNK;
    for (let at = chunk + HOLDINGS.ENTRIES; at < end; at++) {
      if (i32[at] !== 0 && isHeldBy(heap, i32[at], ident)) held.add(i32[at]);
    }
  }
  return held;
}

function dropOrLinger(slot: number): void {
  if (!mustLinger(slot)) {
    letGo(slot);
    return;
  }
  lingering.push(slot);
  if (lingering.length < sweepAt) return;
  sweepLingering();
  sweepAt = Math.max(64, lingering.length * 2);
}

/** Gives back those that this thread no longer holds. */
export function sweepLingering(): void {
  if (lingering.length === 0) return;
  const slots = lingering;
  lingering = [];
  for (const slot of slots) {
    if (mustLinger(slot)) lingering.push(slot);
    else letGo(slot);
  }
}

/** The count in this entry of the holdings is given back when `object` is collected. For wrappers, and for views. */
export function hold(object: object, slot: number): void {
  collector.register(object, slot, object);
}

/** Gives a count that `hold` looks after back at once. */
export function unhold(object: object, slot: number): void {
  collector.unregister(object);
  letGo(slot);
}

/**
 * Writes a count of a record, which the caller has taken, into the holdings of this isolate: the reaper gives it back
 * should the thread die. The entry; give the count back with `letGo`.
 */
export function note(address: number): number {
  if (free.length === 0) grow();
  const slot = free.pop()!;
  threadHeap.i32[slot] = address;
  return slot;
}

/** As `note`, with a count that it takes: somebody else keeps the record meanwhile. */
export function noteCounting(address: number): number {
  const slot = note(0);
  threadHeap.retainInto(address, slot);
  return slot;
}

/**
 * The entry of a new record, which is a blob without a destructor until the caller, having filled it, gives it its kind:
 * so of a thread that dies meanwhile nothing is left.
 */
export function noteNew(kind: Kind, words: number, purpose = kindNames[kind]): number {
  const slot = note(0);
  try {
    threadHeap.i32[slot] = threadHeap.allocate(KIND.BLOB, words, purpose);
    return slot;
  } catch (error) {
    free.push(slot);
    throw error;
  }
}

/** An entry in which nothing stands any more. */
export function vacate(slot: number): void {
  free.push(slot);
}

/** The count in an entry becomes the caller's, who writes it down elsewhere before it calls anything. */
export function takeNoted(slot: number): number {
  const { i32 } = threadHeap;
  free.push(slot);
  const address = i32[slot];
  i32[slot] = 0;
  return address;
}

/** Gives the count in an entry back, if one stands there. */
export function letGo(slot: number): void {
  if (threadHeap.i32[slot] !== 0) threadHeap.releaseFrom(slot);
  free.push(slot);
}

/** How many entries of the holdings are in use. */
export function countNoted(): number {
  return entries - free.length;
}

function grow(): void {
  const heap = threadHeap;
  const chunk = heap.allocate(KIND.HOLDINGS, HOLDINGS.WORDS - HOLDINGS.NEXT);
  heap.i32.fill(0, chunk + HOLDINGS.NEXT, chunk + HOLDINGS.WORDS);
  heap.i32[chunk + HOLDINGS.NEXT] = heap.i32[heap.descriptor + ISOLATE.HOLDINGS];
  heap.store(heap.descriptor + ISOLATE.HOLDINGS, chunk);
  entries += HOLDINGS.PER_CHUNK;
  for (let entry = HOLDINGS.PER_CHUNK - 1; entry >= 0; entry--) free.push(chunk + HOLDINGS.ENTRIES + entry);
}

/** Every address in an isolate's holdings. */
export function* holdingsOf(heap: Heap, descriptor: number): Generator<number> {
  for (let chunk = heap.load(descriptor + ISOLATE.HOLDINGS); chunk; chunk = heap.i32[chunk + HOLDINGS.NEXT]) {
    for (let entry = 0; entry < HOLDINGS.PER_CHUNK; entry++) {
      const address = heap.i32[chunk + HOLDINGS.ENTRIES + entry];
      if (address !== 0) yield address;
    }
  }
}
