/** One value in shared memory with its own lock, as Python's `multiprocessing.Value`. */
import { AT, BLOCK, checkFunction, defineKind, HEAP, KIND, SharedObject, STRUCT } from '../memory/index.ts';
import { RLock } from '../sync/index.ts';
import { typeOf } from './declared.ts';
import { Definition, dropFields } from './definition.ts';
import { type Field, type FieldType, shown } from './field-type.ts';
import { Ref } from './held.ts';
import { Scalar } from './scalars.ts';
import { definitionAt } from './struct.ts';
import { Text } from './text.ts';

type Addend<T> = T extends number ? number : T extends bigint ? bigint : never;

export class Value<T> extends SharedObject {
  readonly #value: Field;
  readonly #lockField: Field;
  #lock: RLock | undefined;

  /**
   * A value of a field type that can be assigned, `new Value(i32, 0)`: numbers, `bool`, `text`, `ref`, `any`. What is
   * left out starts as 0, '', false, null or undefined.
   */
  constructor(type: FieldType<T, T, 'value'>, initial?: T) {
    const definition = SharedObject.adopting() ? undefined : definitionFor(type);
    const { prototype } = new.target;
    super(KIND.VALUE, (definition?.words ?? BLOCK.PAYLOAD) - BLOCK.PAYLOAD, (heap, at) =>
      definition!.fill(heap, at, KIND.VALUE, { value: initial }, prototype),
    );
    const { fields } = definition ?? definitionAt(this[HEAP], this[HEAP].i32[this[AT] + STRUCT.TYPE]);
    [this.#value, this.#lockField] = fields as [Field, Field];
  }

  /**
   * The value. Read and written whole, but `value.value += 1` is a read and a write: use `add`, `update`, or hold the
   * lock. Throws `TypeError` and `RangeError` as fields of a shared class do.
   */
  get value(): T {
    return this.#value.type.load(this[HEAP], this[AT], this.#value);
  }

  set value(value: T) {
    this.#value.type.store(this[HEAP], this[AT], this.#value, value, this);
  }

  /** The lock made with it, which `add` and `update` take, and `value` does not: Python's `get_lock()`. */
  getLock(): RLock {
    return (this.#lock ??= this.#lockField.type.load(this[HEAP], this[AT], this.#lockField) as RLock);
  }

  /**
   * Replaces the value by `fn` of it, under the lock: no other `add` or `update` comes between. `fn` must not be
   * asynchronous. Resolves with the new value; rejects with what `fn` throws, and the value stays.
   */
  async update(fn: (value: T) => T): Promise<T> {
    checkFunction(fn, 'update', this, 'that makes the new value of the old one');
    return await this.getLock().run(() => this.#replace(fn));
  }

  /** The same, blocking this thread while it waits for the lock. */
  updateSync(fn: (value: T) => T): T {
    checkFunction(fn, 'updateSync', this, 'that makes the new value of the old one');
    using _guard = this.getLock().acquireSync();
    return this.#replace(fn);
  }

  /** The same if the lock is free now; undefined when it isn't. Never waits. */
  tryUpdate(fn: (value: T) => T): T | undefined {
    checkFunction(fn, 'tryUpdate', this, 'that makes the new value of the old one');
    using guard = this.getLock().tryAcquire();
    return guard ? this.#replace(fn) : undefined;
  }

  /** Adds to a number, under the lock; resolves with the sum. A sum out of range: `RangeError`, and the value stays. */
  async add(n: Addend<T>): Promise<T> {
    return await this.update(this.#adder(n));
  }

  /** The same, blocking this thread while it waits for the lock. */
  addSync(n: Addend<T>): T {
    return this.updateSync(this.#adder(n));
  }

  /** The same if the lock is free now; undefined when it isn't. Never waits. */
  tryAdd(n: Addend<T>): T | undefined {
    return this.tryUpdate(this.#adder(n));
  }

  override toString(): string {
    const { type } = this.#value;
    let text = `<${this.constructor.name} #${this[AT].toString(16)} ${type.name}`;
    if (type instanceof Scalar) text += ` ${this.value}`;
    else if (type instanceof Text) text += ` ${JSON.stringify(this.value)}`;
    return `${text}>`;
  }

  #replace(fn: (value: T) => T): T {
    const next = fn(this.value);
    this.value = next;
    return next;
  }

  #adder(n: Addend<T>): (value: T) => T {
    const kind = typeof n;
    if (kind !== 'number' && kind !== 'bigint') {
      throw new TypeError(`${this.toString()} can't add ${shown(n)}: give a number.`);
    }
    return (value) => {
      if (typeof value !== kind) throw new TypeError(`${this.toString()} can't add ${shown(n)} to ${shown(value)}.`);
      return ((value as number) + (n as number)) as T;
    };
  }
}

function definitionFor(type: unknown): Definition {
  const found = typeOf(type, 'value');
  if (found.fixed) {
    throw new TypeError(
      `Value(${found.name}): a Value holds what can be assigned. Take the class itself, or Shared({ … }) for several things.`,
    );
  }
  return new Definition([
    // Whoever reads it knows no declaration.
    ['value', found instanceof Ref ? found.portable() : found],
    ['lock', typeOf(RLock, 'lock')],
  ]);
}

defineKind(KIND.VALUE, Value, dropFields);
