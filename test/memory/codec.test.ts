/** The value codec against structuredClone, which it agrees with except where its header says otherwise. */
import assert from 'node:assert/strict';
import { types } from 'node:util';
import fc from 'fast-check';
import { heap, loadValue, storeValue } from '../../src/memory/index.ts';
import { Lock } from '../../src/sync/index.ts';
import { check, rounds } from '../support/check.ts';

function copy<T>(value: T): T {
  const message = storeValue(value);
  try {
    return loadValue(heap, message) as T;
  } finally {
    heap.release(message);
  }
}

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withUnicodeString: true,
  maxDepth: 4,
});

check(
  'any value comes out as structuredClone makes it',
  () => {
    fc.assert(
      fc.property(anything, (value) => {
        const copied = copy(value);
        assert.deepStrictEqual(copied, structuredClone(value));
      }),
      { numRuns: rounds(3000, 200_000) },
    );
  },
  { timeout: 40_000 },
);

check('strings of every kind and length', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  );
  fc.assert(
    fc.property(text, fc.nat(300), (part, times) => {
      for (const value of [part, part.repeat(times), `${part}${'x'.repeat(times * 20)}`])
        assert.equal(copy(value), value);
    }),
    { numRuns: rounds(300, 10_000) },
  );
  for (const length of [0, 1, 24, 25, 62, 63, 64, 65, 2047, 2048, 2049, 4096, 100_000]) {
    for (const unit of ['a', 'é', '語', '\ud800']) assert.equal(copy(unit.repeat(length)), unit.repeat(length));
  }
});

check('numbers bit for bit', () => {
  fc.assert(
    fc.property(fc.oneof(fc.double(), fc.integer(), fc.integer({ min: -200, max: 200 })), (value) => {
      assert.ok(Object.is(copy(value), value));
    }),
    { numRuns: rounds(2000, 100_000) },
  );
  for (const value of [0, -0, 127, 128, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, Number.NaN, Infinity]) {
    assert.ok(Object.is(copy(value), value), String(value));
  }
  for (const value of [0n, -1n, 2n ** 64n, -(2n ** 64n), 10n ** 5000n]) assert.equal(copy(value), value);
});

check('identity and cycles inside one value are kept', () => {
  type Node = { next?: Node; all: Set<unknown>; by: Map<unknown, unknown>; list: unknown[] };
  const node: Node = { all: new Set(), by: new Map(), list: [] };
  node.next = node;
  node.all.add(node).add(node.all);
  node.by.set(node, node.by).set('x', node.list);
  node.list.push(node.list, node, node.by);
  const copied = copy(node);
  assert.equal(copied.next, copied);
  assert.ok(copied.all.has(copied) && copied.all.has(copied.all));
  assert.equal(copied.by.get(copied), copied.by);
  assert.equal(copied.by.get('x'), copied.list);
  assert.equal(copied.list[0], copied.list);
  const twice = { a: new Date(5), b: /x/g, c: new Error('e') };
  const pair = copy([twice.a, twice.a, twice.b, twice.b, twice.c, twice.c]);
  assert.ok(pair[0] === pair[1] && pair[2] === pair[3] && pair[4] === pair[5]);
});

check('random graphs with shared parts keep their shape', () => {
  const graph = fc.record({
    count: fc.integer({ min: 1, max: 40 }),
    edges: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(3)), { maxLength: 120 }),
  });
  fc.assert(
    fc.property(graph, ({ count, edges }) => {
      const nodes: Record<string, unknown>[] = Array.from({ length: count }, (_, id) => ({
        id,
        links: [],
        map: new Map(),
        set: new Set(),
      }));
      for (const [from, to, how] of edges) {
        const [a, b] = [nodes[from % count], nodes[to % count]];
        if (how === 0) (a.links as unknown[]).push(b);
        else if (how === 1) (a.map as Map<unknown, unknown>).set(b, a);
        else if (how === 2) (a.set as Set<unknown>).add(b);
        else a[`to${to}`] = b.links;
      }
      assert.deepStrictEqual(copy(nodes), structuredClone(nodes));
    }),
    { numRuns: rounds(200, 5000) },
  );
});

check('sparse arrays: holes stay holes, also at the end', () => {
  const sparse = [1, , undefined, , 4, , ,];
  const copied = copy(sparse);
  assert.equal(copied.length, sparse.length);
  assert.deepEqual(Object.keys(copied), Object.keys(sparse));
  assert.deepStrictEqual(copied, sparse);
  const empty: unknown[] = [];
  empty.length = 1000;
  assert.deepStrictEqual(copy(empty), empty);
});

check('dates, regular expressions, boxes, maps and sets', () => {
  for (const value of [
    new Date(0),
    new Date(Number.NaN),
    /a(?<b>é)\//giu,
    new Map<unknown, unknown>([
      [['a'], new Map([[undefined, null]])],
      [Number.NaN, [1, 2]],
    ]),
    new Set<unknown>([undefined, [new Set([1])], -0]),
    Object(1),
    Object('x'),
    Object(false),
    Object(5n),
  ]) {
    assert.deepStrictEqual(copy(value), structuredClone(value));
  }
  const pattern = /x/g;
  pattern.lastIndex = 5;
  assert.equal(copy(pattern).lastIndex, 0);
});

check('typed arrays, buffers and views; views of one buffer still share it', () => {
  const classes = [
    Uint8Array,
    Int8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ];
  for (const cls of classes) {
    for (const length of [0, 1, 100, 3000]) {
      const array = new cls(length);
      if (length > 0) array[length >> 1] = (cls.name.startsWith('Big') ? 5n : 5) as never;
      assert.deepStrictEqual(copy(array), array);
    }
  }
  const { buffer } = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  const views = copy({
    whole: new Uint8Array(buffer),
    part: new Uint16Array(buffer, 2, 2),
    data: new DataView(buffer, 1, 3),
    buffer,
  });
  assert.equal(views.whole.buffer, views.buffer);
  assert.equal(views.part.buffer, views.buffer);
  views.whole[2] = 9;
  assert.equal(views.part[0], 9 + 256 * 4);
  assert.equal(views.data.getUint8(1), 9);
  // A pooled Buffer brings only its own bytes.
  const pooled = Buffer.from('hello');
  const arrived = copy(pooled);
  assert.equal(Buffer.from(arrived).toString(), 'hello');
  assert.equal(arrived.buffer.byteLength, 5);
  assert.equal(Buffer.compare(copy(Buffer.alloc(10_000, 7)), Buffer.alloc(10_000, 7)), 0);
});

check('plain objects: __proto__ as a key, no prototype, instances of classes, getters', () => {
  const odd = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "a b": 2, "": 3}');
  const copied = copy(odd);
  assert.deepStrictEqual(copied, odd);
  assert.equal(Object.getPrototypeOf(copied), Object.prototype);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  const bare = Object.assign(Object.create(null), { x: 1 });
  assert.equal(Object.getPrototypeOf(copy(bare)), null);
  class Point {
    x = 1;
    #hidden = 2;
    sum(): number {
      return this.x + this.#hidden;
    }
  }
  assert.deepStrictEqual(copy(new Point()), { x: 1 });
  assert.deepStrictEqual(
    copy({
      get now() {
        return 5;
      },
    }),
    { now: 5 },
  );
  const symbols = { [Symbol('own')]: 1, y: 2 };
  assert.deepStrictEqual(copy(symbols), { y: 2 });
});

check("a user's class that is called like one of the platform's is copied like any other", () => {
  for (const name of [
    'Request',
    'Server',
    'File',
    'Worker',
    'Socket',
    'Blob',
    'KeyObject',
    'AbortSignal',
    'DatabaseSync',
  ]) {
    const cls = {
      [name]: class {
        url = 'x';
      },
    }[name];
    assert.deepStrictEqual(copy(new cls()), { url: 'x' }, name);
  }
});

check('registered symbols keep their identity', () => {
  const value = { s: Symbol.for('telaio.test'), list: [Symbol.for(''), Symbol.for('é'.repeat(100))] };
  const copied = copy(value);
  assert.equal(copied.s, Symbol.for('telaio.test'));
  assert.deepStrictEqual(copied.list, value.list);
});

check('errors are whole: class, name, message, stack, code, own properties, cause', () => {
  for (const cls of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]) {
    const error = Object.assign(new cls('message', { cause: { why: [1] } }), { code: 'E_X', extra: new Map([[1, 2]]) });
    const copied = copy(error);
    assert.ok(copied instanceof cls && types.isNativeError(copied));
    assert.equal(copied.stack, error.stack);
    assert.deepStrictEqual(copied, error);
    assert.equal(Object.keys(copied).includes('cause'), false);
  }
  class Mine extends RangeError {
    override name = 'Mine';
    readonly limit = 3;
  }
  const mine = copy(new Mine('of mine'));
  assert.equal(mine.name, 'Mine');
  assert.equal(mine.message, 'of mine');
  assert.equal(mine.limit, 3);
  assert.ok(mine instanceof Error);
  const self = new Error('self');
  self.cause = self;
  const copied = copy(self);
  assert.equal(copied.cause, copied);
  const empty = copy(new Error());
  assert.equal(empty.message, '');
});

check('AggregateError, DOMException, errors in errors', () => {
  const aggregate = new AggregateError([new TypeError('one'), 'two', new AggregateError([], 'three')], 'all');
  const copied = copy(aggregate);
  assert.ok(copied instanceof AggregateError);
  assert.deepStrictEqual(copied, aggregate);
  assert.ok(copied.errors[0] instanceof TypeError);
  for (const exception of [
    new DOMException('gone', 'AbortError'),
    new DOMException('late', { name: 'TimeoutError', cause: 5 }),
  ]) {
    const arrived = copy(exception);
    assert.ok(arrived instanceof DOMException);
    assert.equal(arrived.name, exception.name);
    assert.equal(arrived.message, exception.message);
    assert.equal(arrived.code, exception.code);
    assert.equal(arrived.stack, exception.stack);
    assert.equal((arrived as { cause?: unknown }).cause, (exception as { cause?: unknown }).cause);
  }
  const signal = AbortSignal.abort();
  assert.equal(copy({ reason: signal.reason }).reason.name, 'AbortError');
});

check('an error always crosses: what of it cannot be copied arrives as text', () => {
  const lock = new Lock();
  const bare = Object.assign(Object.create(null), { f: Promise.resolve() });
  const error = Object.assign(new Error('x'), {
    good: { a: 1 },
    bad: Symbol('s'),
    deep: { lock, p: Promise.resolve() },
    bare,
    after: lock,
  });
  Object.defineProperty(error, 'thrower', {
    enumerable: true,
    get: () => {
      throw new Error('getter');
    },
  });
  const copied = copy(error) as unknown as Record<string, unknown>;
  assert.deepStrictEqual(copied.good, { a: 1 });
  assert.equal(copied.bad, 'Symbol(s)');
  assert.equal(copied.deep, '[object Object]');
  assert.equal(typeof copied.bare, 'string');
  assert.equal(typeof copied.thrower, 'string');
  assert.equal(copied.after, lock);
});

check('what cannot be copied is refused, with the path to it and the mend', () => {
  const cases: [unknown, RegExp][] = [
    [Symbol('mine'), /^value can't be copied to another thread: Symbol\(mine\) .*; use Symbol\.for\(\)/],
    [{ a: [1, { b: Symbol() }] }, /^value\.a\[1\]\.b can't be copied/],
    [{ 'two words': { p: Promise.resolve() } }, /^value\["two words"\]\.p .*await it first/],
    [[new WeakMap()], /^value\[0\] .*WeakMap/],
    [new WeakSet(), /^value .*WeakSet/],
    [{ ref: new WeakRef({}) }, /^value\.ref .*WeakRef/],
    [new Map([['k', (function* () {})()]]), /^value\[1\] /],
    [new SharedArrayBuffer(8), /SharedArray/],
    // As structured clone does, not as an empty object.
    ...[
      new URL('http://a/b'),
      new URLSearchParams('a=1'),
      new Headers({ a: 'b' }),
      new FormData(),
      new TextDecoder(),
    ].map((value): [unknown, RegExp] => [
      { value },
      new RegExp(`^value\\.value .* an? ${value.constructor.name} belongs`),
    ]),
    [[1][Symbol.iterator](), /an Array Iterator belongs to this thread alone/],
    [new Map().entries(), /a Map Iterator belongs/],
    [new Intl.NumberFormat('it'), /a NumberFormat belongs/],
    [new MessageChannel().port1, /^value .*MessagePort/],
    [{ s: new AbortController().signal }, /^value\.s .*AbortSignal/],
    [Lock, /the class Lock is this library's own; import it/],
    [{ lock: [Lock] }, /^value\.lock\[0\] /],
  ];
  for (const [value, message] of cases)
    assert.throws(() => copy(value), { name: 'CloneError', code: 'TELAIO_CLONE', message });
  // After each refusal the next value is none the worse.
  assert.deepStrictEqual(copy({ ok: [1] }), { ok: [1] });
});

check('a detached buffer is refused like anything else that cannot be copied', () => {
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  assert.throws(() => copy({ buffer }), { name: 'CloneError', message: /^value\.buffer .*detached/ });
  assert.throws(() => copy([view]), { name: 'CloneError', message: /^value\[0\] .*detached/ });
});

check('a getter that throws, or that encodes itself, harms nothing', () => {
  const lock = new Lock();
  assert.throws(
    () =>
      copy({
        lock,
        get bad() {
          throw new TypeError('mine');
        },
      }),
    { name: 'TypeError', message: 'mine' },
  );
  const inner = {
    get other() {
      return copy({ lock, x: [1, 2] });
    },
  };
  assert.deepStrictEqual(copy({ inner, lock }), { inner: { other: { lock, x: [1, 2] } }, lock });
});

check('very deep values: copied, or refused with an error; never a crash', () => {
  let deep: unknown[] = [];
  for (let level = 0; level < 500; level++) deep = [deep];
  assert.deepStrictEqual(copy(deep), deep);
  for (let level = 0; level < 200_000; level++) deep = [deep];
  assert.throws(() => copy(deep), RangeError);
  assert.deepStrictEqual(copy([1]), [1]);
});
