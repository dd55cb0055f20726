/**
 * What every thread has for itself, as Python's `threading.local`.
 *
 *     const depth = new ThreadLocal(() => 0);       depth.value, each thread's own, 0 at first
 *     class Request extends ThreadLocal {           fields, each thread's own; the constructor runs once in each
 *       user = '';                                  thread that uses it, with the arguments given at first
 *       constructor(app: string) {
 *         super(app);                               (handed on to super, so that they are known)
 *       }
 *     }
 *
 * An isolate runs one thread at a time, so what a thread has is kept in the isolate, in two tables that are replaced
 * when the thread ends: the next one in a parked isolate finds nothing. The record in the heap is only the identity, and
 * what it takes to make the value in another thread: class and arguments, written when the local first goes there.
 *
 * An instance of a subclass is a proxy over an empty object. What is read and written goes to the thread's own table of
 * attributes, made at the first use by the constructor, whose `this` the proxy is.
 */
import { CloneError } from '../errors.ts';
import {
  AT,
  addressOf,
  defineKind,
  HEAP,
  KIND,
  LOCAL,
  loadValue,
  PUBLISH,
  SharedObject,
  storeValue,
} from '../memory/index.ts';
import { atThreadEnd } from './runner.ts';

const FACTS: unique symbol = Symbol('telaio.facts');

// biome-ignore lint/suspicious/noExplicitAny: any constructor arguments
type Subclass = new (...args: any[]) => ThreadLocal;
type Making = { cls: Subclass | undefined; args: unknown[] };
/** What an isolate knows of a local: the same for all its threads. */
type Facts = Making & {
  /** The wrapper, and what the user holds: the proxy over it, or the same. */
  raw: ThreadLocal;
  local: ThreadLocal;
  disposed: boolean;
};

/** What the thread that runs here has: values, and attributes of subclasses. */
let values = new WeakMap<Facts, unknown>();
let attributes = new WeakMap<Facts, object>();
atThreadEnd(() => {
  values = new WeakMap();
  attributes = new WeakMap();
});

/** The local whose constructor is called once more, for this thread. */
let building: Facts | undefined;

export class ThreadLocal<T = unknown> extends SharedObject {
  /** @internal */ declare readonly [FACTS]: Facts;

  /**
   * `initial` makes a thread's value when it is first read there; without it that is undefined. A subclass hands its own
   * arguments to `super(…)` instead: they go to the constructor in each thread, shared objects as themselves.
   */
  constructor(initial?: () => T);
  constructor(...args: unknown[]);
  // biome-ignore lint/correctness/noUnreachableSuper: called once more for a thread, it gives what there is already
  constructor(...args: unknown[]) {
    if (building !== undefined && building.cls === new.target) {
      const { local } = building;
      building = undefined;
      // biome-ignore lint/correctness/noConstructorReturn: the fields below belong to what the user holds already
      return local as never;
    }
    const adopting = SharedObject.adopting();
    if (!adopting) check(new.target as never, args);
    super(KIND.LOCAL, LOCAL.WORDS - 2, (heap, at) => {
      heap.i32[at + LOCAL.MAKING] = 0;
    });
    const making: Making = adopting
      ? (loadValue(this[HEAP], this[HEAP].i32[this[AT] + LOCAL.MAKING]) as Making)
      : { cls: (new.target as unknown) === ThreadLocal ? undefined : (new.target as never), args };
    const facts: Facts = { ...making, raw: this, local: this, disposed: false };
    Object.defineProperty(this, FACTS, { value: facts, configurable: true });
    if (making.cls === undefined) return;
    Object.setPrototypeOf(this, making.cls.prototype);
    facts.local = new Proxy(this as ThreadLocal, new Attributes(facts));
    // Its constructor is running for this thread now.
    if (!adopting) attributes.set(facts, Object.create(making.cls.prototype));
    // biome-ignore lint/correctness/noConstructorReturn: the subclass's fields go through the proxy
    return facts.local as never;
  }

  /** This thread's value. Throws what `initial` throws, which is then called again at the next reading. */
  get value(): T {
    const facts = this[FACTS];
    if (values.has(facts)) return values.get(facts) as T;
    const [initial] = facts.args;
    const value = typeof initial === 'function' ? initial() : undefined;
    values.set(facts, value);
    return value as T;
  }

  set value(value: T) {
    values.set(this[FACTS], value);
  }

  /** Whether this thread has a value by now. */
  has(): boolean {
    return values.has(this[FACTS]);
  }

  /** Drops this thread's value: the next reading makes it anew. Whether there was one. */
  delete(): boolean {
    return values.delete(this[FACTS]);
  }

  override toString(): string {
    return `<${this[FACTS].cls?.name ?? 'ThreadLocal'} #${this[AT].toString(16)}>`;
  }

  override [Symbol.dispose](): void {
    const facts = this[FACTS];
    facts.disposed = true;
    values.delete(facts);
    attributes.delete(facts);
    // The table of wrappers knows the proxy, and what is disposed is behind it.
    addressOf(facts.raw);
    super[Symbol.dispose].call(facts.raw);
  }

  /** @internal It is about to go to another thread for the first time. */
  override [PUBLISH](): void {
    const { cls, args, disposed } = this[FACTS];
    const word = this[AT] + LOCAL.MAKING;
    if (disposed || this[HEAP].i32[word] !== 0) return;
    try {
      this[HEAP].store(word, storeValue({ cls, args }));
    } catch (cause) {
      if (!(cause instanceof CloneError)) throw cause;
      throw new CloneError(
        `${this.toString()} can't go to another thread: ${cause.message.replace(/^value\./, '')}`,
        undefined,
        { cause },
      );
    }
  }
}

function check(cls: typeof ThreadLocal, args: unknown[]): void {
  if (cls === ThreadLocal) {
    const [initial] = args;
    if (args.length > 1 || (initial !== undefined && typeof initial !== 'function')) {
      const given = args.map((arg) => (typeof arg === 'object' ? JSON.stringify(arg) : String(arg))).join(', ');
      throw new TypeError(
        `new ThreadLocal(${given}): give a function that makes each thread's value, new ThreadLocal(() => …), or nothing.`,
      );
    }
    return;
  }
  if (cls.length > args.length) {
    throw new TypeError(
      `class ${cls.name}: its constructor takes ${cls.length} arguments and hands ${args.length} to super(…). ` +
        'Hand all of them on: each thread calls it again with them.',
    );
  }
  for (let at: object = cls; at !== ThreadLocal; at = Object.getPrototypeOf(at)) {
    const code = Function.prototype.toString.call(at).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    if (/\.#[\p{ID_Start}$_]/u.test(code)) {
      throw new TypeError(
        `class ${cls.name} has private members (#…), which can't be made anew for each thread: write \`private\` instead of #.`,
      );
    }
  }
}

/** This thread's attributes of an instance of a subclass; at the first use its constructor makes them. */
function attributesOf(facts: Facts): object {
  let own = attributes.get(facts);
  if (own === undefined) {
    own = Object.create(facts.cls!.prototype) as object;
    // First: what the constructor assigns goes there.
    attributes.set(facts, own);
    const outer = building;
    building = facts;
    try {
      Reflect.construct(facts.cls!, facts.args);
    } catch (error) {
      attributes.delete(facts);
      throw error;
    } finally {
      building = outer;
    }
  }
  return own;
}

/** Methods and accessors are every thread's: looking them up is no use of the attributes. */
function isShared(object: object, key: PropertyKey): boolean {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const property = Object.getOwnPropertyDescriptor(at, key);
    if (property) return property.get !== undefined || typeof property.value === 'function';
  }
  return false;
}

class Attributes implements ProxyHandler<ThreadLocal> {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  #own(): object {
    return this.#facts.disposed ? this.#facts.raw : attributesOf(this.#facts);
  }

  get(raw: ThreadLocal, key: PropertyKey, receiver: unknown): unknown {
    const facts = this.#facts;
    if (facts.disposed || (typeof key === 'symbol' && Object.hasOwn(raw, key))) return Reflect.get(raw, key);
    // By this the codec knows that it crosses by reference alone.
    if (key === 'constructor') return ThreadLocal;
    if (!attributes.has(facts) && isShared(raw, key)) return Reflect.get(raw, key, receiver);
    return Reflect.get(attributesOf(facts), key, receiver);
  }

  set(raw: ThreadLocal, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    if (this.#facts.disposed || (typeof key === 'symbol' && Object.hasOwn(raw, key)))
      return Reflect.set(raw, key, value);
    return Reflect.set(this.#own(), key, value, receiver);
  }

  has(_raw: ThreadLocal, key: PropertyKey): boolean {
    return Reflect.has(this.#own(), key);
  }

  deleteProperty(_raw: ThreadLocal, key: PropertyKey): boolean {
    return Reflect.deleteProperty(this.#own(), key);
  }

  ownKeys(): (string | symbol)[] {
    return Reflect.ownKeys(this.#own()).filter(
      (key) => typeof key === 'string' || !Object.hasOwn(this.#facts.raw, key),
    );
  }

  getOwnPropertyDescriptor(_raw: ThreadLocal, key: PropertyKey): PropertyDescriptor | undefined {
    return Reflect.getOwnPropertyDescriptor(this.#own(), key);
  }

  defineProperty(_raw: ThreadLocal, key: PropertyKey, property: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#own(), key, property);
  }

  preventExtensions(): boolean {
    return false;
  }
}

defineKind(KIND.LOCAL, ThreadLocal);
