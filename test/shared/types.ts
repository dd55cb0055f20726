/** Checked by the compiler alone: what is inferred, exactly, and what must not compile. */
import { Queue } from '../../src/queue/index.ts';
import {
  Atomic,
  any,
  array,
  atomic,
  bool,
  f32,
  f64,
  field,
  i32,
  i64,
  ref,
  Shared,
  SharedArray,
  SharedList,
  SharedMap,
  text,
  u8,
  u64,
  Value,
} from '../../src/shared/index.ts';
import { Event, Lock } from '../../src/sync/index.ts';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

class Named extends Shared({ id: i32 }) {
  constructor(label: string) {
    super({ id: label.length });
  }
}

/** A class that refers to itself says the type of the field in its body: in its own base it is not known yet. */
// biome-ignore lint/suspicious/noExplicitAny: the class's own type, which would be circular
class Link extends Shared({ id: i32, next: ref((): any => Link) }) {
  declare next: Link | null;
}

class Everything extends Shared({
  value: i32,
  flag: bool,
  big: i64,
  name: text(10),
  loose: any,
  tight: any<{ id: number }>(),
  samples: array(f64, 8),
  bytes: array(u8, 8),
  longs: array(u64, 8),
  lock: Lock,
  queue: field(() => new Queue<string>(3)),
  inner: Shared({ x: f64 }),
  event: ref(Event),
  named: ref(Named),
}) {
  double(): number {
    return this.value * 2;
  }
}

export function check(object: Everything): void {
  same<typeof object.value, number>(true);
  same<typeof object.flag, boolean>(true);
  same<typeof object.big, bigint>(true);
  same<typeof object.name, string>(true);
  same<typeof object.loose, unknown>(true);
  same<typeof object.tight, { id: number }>(true);
  same<typeof object.samples, Float64Array>(true);
  same<typeof object.bytes, Uint8Array>(true);
  same<typeof object.longs, BigUint64Array>(true);
  same<typeof object.lock, Lock>(true);
  same<typeof object.queue, Queue<string>>(true);
  same<typeof object.inner.x, number>(true);
  same<typeof object.event, Event | null>(true);
  same<typeof object.named, Named | null>(true);
  object.value = object.double();
  object.samples[0] = 1;
  object.event = new Event();
  object.event = null;
  object.loose = 'anything';
  object.tight = { id: 1 };
  // @ts-expect-error a number, no string
  object.value = '5';
  // @ts-expect-error a bigint, no number
  object.big = 5;
  // @ts-expect-error made with the object
  object.lock = new Lock();
  // @ts-expect-error a view into the object
  object.samples = new Float64Array(8);
  // @ts-expect-error another class
  object.event = new Lock();
  // @ts-expect-error undefined is not null
  object.event = undefined;
  // @ts-expect-error not what any<…>() says
  object.tight = { name: 'x' };
  // @ts-expect-error no such field
  object.other = 1;
}

export function make(): void {
  new Everything();
  new Everything({ value: 1, big: 1n, samples: [1, 2], longs: [1n], event: null, lock: new Lock() });
  // @ts-expect-error a number, no string
  new Everything({ value: '1' });
  // @ts-expect-error no such field
  new Everything({ volume: 1 });
  // @ts-expect-error elements are bigints
  new Everything({ longs: [1] });
  // @ts-expect-error no field type
  Shared({ value: 'i32' });
  // @ts-expect-error not shared
  Shared({ map: Map });
  // @ts-expect-error needs an argument: field(() => new Named('x'))
  Shared({ named: Named });
  // @ts-expect-error elements are numbers
  array(bool, 3);
  // @ts-expect-error not shared
  ref(Map);
}

export async function values(): Promise<void> {
  const counter = new Value(i32, 0);
  same<typeof counter, Value<number>>(true);
  same<Awaited<ReturnType<typeof counter.add>>, number>(true);
  counter.addSync(1);
  const large = new Value(i64);
  await large.add(1n);
  const list = new Value(any<number[]>(), []);
  same<typeof list.value, number[]>(true);
  const event = new Value(ref(Event));
  same<typeof event.value, Event | null>(true);
  // @ts-expect-error a bigint
  large.addSync(1);
  // @ts-expect-error lists can't be added to
  list.addSync(1);
  // @ts-expect-error the type says number
  new Value(i32, 'x');
  // @ts-expect-error not assignable
  new Value(array(i32, 3));
  // @ts-expect-error not assignable
  new Value(Lock);
}

export function follow(link: Link): void {
  same<typeof link.next, Link | null>(true);
  link.next = link.next?.next ?? null;
  // @ts-expect-error another class
  link.next = new Event();
}

class Counters extends Shared({
  hits: atomic(i32),
  large: atomic(u64),
  flag: atomic(bool),
  names: field(() => new SharedMap<string, number>()),
  loose: SharedMap,
  log: field(() => new SharedList<string>()),
}) {}

export function checkCollections(counters: Counters): void {
  same<typeof counters.hits, Atomic<number>>(true);
  same<typeof counters.large, Atomic<bigint>>(true);
  same<typeof counters.flag, Atomic<boolean>>(true);
  same<typeof counters.names, SharedMap<string, number>>(true);
  same<typeof counters.log, SharedList<string>>(true);
  counters.loose.set(Symbol.for('any key'), [1]);
  new Counters({ hits: 5, large: 5n, flag: true });
  // @ts-expect-error made with the object
  counters.hits = new Atomic(i32);
  // @ts-expect-error a bigint
  new Counters({ large: 5 });

  same<ReturnType<Atomic<bigint>['add']>, bigint>(true);
  const flag = new Atomic(bool, true);
  same<typeof flag, Atomic<boolean>>(true);
  same<ReturnType<typeof flag.load>, boolean>(true);
  // @ts-expect-error there is nothing to add to a flag
  flag.add(1);
  // @ts-expect-error of another type
  new Atomic(i64, 1);

  const numbers = new SharedArray(f32, 4);
  same<typeof numbers.array, Float32Array>(true);
  same<ReturnType<typeof numbers.get>, number>(true);
  const longs = new SharedArray(i64, [1n]);
  same<ReturnType<typeof longs.get>, bigint>(true);
  same<typeof longs.array, BigInt64Array>(true);
  // @ts-expect-error no numbers
  new SharedArray(text(3), 5);
  // @ts-expect-error bigints
  new SharedArray(u64, [1]);

  const map = new SharedMap<string, { id: number }>([['a', { id: 1 }]]);
  same<typeof map, SharedMap<string, { id: number }>>(true);
  same<ReturnType<typeof map.get>, { id: number } | undefined>(true);
  map.update('a', (value) => ({ id: (value?.id ?? 0) + 1 }));
  // @ts-expect-error another value
  map.set('a', 5);
  // @ts-expect-error keys are primitives
  new SharedMap<object, number>();
  const list = new SharedList([1, 2]);
  same<ReturnType<typeof list.pop>, number | undefined>(true);
  for (const item of list) same<typeof item, number>(true);
  // @ts-expect-error another item
  list.push('x');
}
