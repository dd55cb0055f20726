/** The order in which each kind gives its items, against a plain model: random operations, checked after each. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Full, RuntimeError, ShutDown } from '../../src/errors.ts';
import { LifoQueue, PriorityQueue, Queue } from '../../src/queue/index.ts';
import { check, rounds } from '../support/check.ts';
import { threadsOf } from '../support/threads.ts';

const start = threadsOf(new URL('./fixtures/roles.ts', import.meta.url));

type Entry = { item: unknown; priority: number };
/** Which of the model's items is next. */
type Next = (entries: Entry[]) => number;

const firstOfAll: Next = () => 0;
const lastOfAll: Next = (entries) => entries.length - 1;
const lowest: Next = (entries) => {
  let best = 0;
  for (let index = 1; index < entries.length; index++)
    if (entries[index].priority < entries[best].priority) best = index;
  return best;
};

const item = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.string({ maxLength: 40 }),
  fc.record({ id: fc.integer(), text: fc.string({ maxLength: 5 }) }),
  fc.constant('long'.repeat(400)),
);
const priority = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true }),
  fc.constantFrom(Infinity, -Infinity, 0),
);
const entry = fc.record({ item, priority });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ call: fc.constant('put' as const), entry }) },
  { weight: 5, arbitrary: fc.record({ call: fc.constant('get' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ call: fc.constant('putMany' as const), entries: fc.array(entry, { maxLength: 100 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ call: fc.constant('getMany' as const), most: fc.integer({ min: 1, max: 80 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ call: fc.constant('bound' as const), maxSize: fc.integer({ min: -1, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('done' as const) }) },
);
const ending = fc.constantFrom('none' as const, 'shutdown' as const, 'immediate' as const);

class Model {
  entries: Entry[] = [];
  maxSize = 0;
  unfinished = 0;
  readonly #next: Next;

  constructor(next: Next) {
    this.#next = next;
  }

  full(): boolean {
    return this.maxSize > 0 && this.entries.length >= this.maxSize;
  }

  put(entry: Entry): boolean {
    if (this.full()) return false;
    this.entries.push(entry);
    this.unfinished++;
    return true;
  }

  get(): unknown {
    return this.entries.splice(this.#next(this.entries), 1)[0].item;
  }
}

for (const [Kind, next] of [
  [Queue, firstOfAll],
  [LifoQueue, lastOfAll],
  [PriorityQueue, lowest],
] as const) {
  check(`${Kind.name}: any operations in any order do as the model does`, () => {
    const options = ({ priority }: Entry): { priority: number } => ({ priority });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), ending, (steps, end) => {
        using queue = new Kind<unknown>() as PriorityQueue<unknown>;
        const model = new Model(next);
        for (const each of steps) {
          if (each.call === 'put') {
            assert.equal(queue.tryPut(each.entry.item, options(each.entry)), model.put(each.entry));
          } else if (each.call === 'get') {
            if (model.entries.length === 0) assert.equal(queue.tryGet(), undefined);
            else assert.deepEqual(queue.getSync(), model.get());
          } else if (each.call === 'putMany') {
            const fitting = each.entries.filter((candidate) => model.put(candidate)).length;
            let given = 0;
            const priorityOf = (): number => each.entries[given++].priority;
            const put = (): void =>
              queue.putManySync(
                each.entries.map((candidate) => candidate.item),
                Kind === PriorityQueue ? { timeout: 0, priority: priorityOf } : { timeout: 0 },
              );
            if (fitting === each.entries.length) put();
            else assert.throws(put, (error: Full) => error instanceof Full && error.placed === fitting);
          } else if (each.call === 'getMany') {
            const expected: unknown[] = [];
            while (expected.length < each.most && model.entries.length > 0) expected.push(model.get());
            assert.deepEqual(queue.tryGetMany(each.most), expected);
          } else if (each.call === 'bound') {
            queue.maxSize = each.maxSize;
            model.maxSize = Math.max(0, each.maxSize);
          } else if (model.unfinished > 0) {
            queue.taskDone();
            model.unfinished--;
          } else {
            assert.throws(() => queue.taskDone(), RuntimeError);
          }
          assert.equal(queue.qsize(), model.entries.length);
          assert.equal(queue.empty(), model.entries.length === 0);
          assert.equal(queue.full(), model.full());
          assert.equal(queue.statistics().unfinished, model.unfinished);
        }
        if (end === 'none') return;
        queue.shutdown({ immediate: end === 'immediate' });
        if (end === 'immediate') {
          model.unfinished -= Math.min(model.unfinished, model.entries.length);
          model.entries = [];
        }
        assert.throws(() => queue.tryPut(1), ShutDown);
        while (model.entries.length > 0) assert.deepEqual(queue.getSync(), model.get());
        assert.throws(() => queue.getSync(), ShutDown);
        assert.equal(queue.statistics().unfinished, model.unfinished);
      }),
      { numRuns: rounds(150, 10_000) },
    );
  });
}

check('PriorityQueue: equals come in the order they were put in, however many', () => {
  const queue = new PriorityQueue<number>();
  const count = rounds(5_000, 100_000);
  for (let index = 0; index < count; index++) queue.putSync(index, { priority: index % 7 });
  let last = [-1, -1];
  for (let index = 0; index < count; index++) {
    const got = queue.getSync();
    const key = [got % 7, got];
    assert.ok(key[0] > last[0] || (key[0] === last[0] && key[1] > last[1]), `${got} after ${last[1]}`);
    last = key;
  }
});

check('PriorityQueue: numbers without a priority are their own, as in Python; all else has 0', () => {
  const queue = new PriorityQueue<number | string>();
  for (const each of [3, -0.5, 'text', 2 ** 40, -1, Infinity]) queue.putSync(each);
  queue.putSync(7, { priority: -10 });
  assert.deepEqual(queue.getManySync(9), [7, -1, -0.5, 'text', 3, 2 ** 40, Infinity]);
});

check('PriorityQueue: what is no priority is refused by name', async () => {
  const queue = new PriorityQueue<unknown>();
  for (const bad of [Number.NaN, '1', null, 1n, {}] as never[]) {
    const refused = {
      name: 'RangeError',
      message: /^priority is .*: give a number, the lowest comes first, as in put\(/,
    };
    assert.throws(() => queue.putSync('x', { priority: bad }), refused);
    assert.throws(() => queue.tryPut('x', { priority: bad }), refused);
    await assert.rejects(queue.put('x', { priority: bad }), refused);
    await assert.rejects(queue.putMany(['x'], { priority: () => bad }), refused);
  }
  assert.throws(() => queue.putSync(Number.NaN), /^RangeError: The item, and so its priority, is NaN: give a number/);
  queue.putSync(Number.NaN, { priority: 1 });
  assert.deepEqual(queue.getSync(), Number.NaN);
  assert.equal(queue.empty(), true);
});

check('100,000 items: putting and taking does not get slow', () => {
  for (const queue of [new PriorityQueue<number>(), new LifoQueue<number>(), new Queue<number>()]) {
    const time = (): number => {
      const started = performance.now();
      for (let round = 0; round < 5000; round++) {
        queue.putSync(Math.random());
        queue.getSync();
      }
      return performance.now() - started;
    };
    for (let warm = 0; warm < 3; warm++) time();
    const small = Math.min(time(), time(), time());
    for (let count = 0; count < 100_000; count++) queue.putSync(Math.random());
    const large = Math.min(time(), time(), time());
    // log2(100,000) is 17; a list that is searched or shifted would take thousands of times as long.
    assert.ok(
      large < Math.max(small, 1) * 60,
      `${small.toFixed(2)} ms with none in, ${large.toFixed(2)} ms with 100,000`,
    );
    if (!(queue instanceof PriorityQueue)) continue;
    let last = -1;
    for (const each of queue.getManySync(100_000)) {
      assert.ok(each >= last);
      last = each;
    }
  }
});

check('PriorityQueue: what several threads put in comes out in order', async () => {
  const queue = new PriorityQueue<unknown>();
  const count = rounds(2_000, 50_000);
  await using threads = new AsyncDisposableStack();
  const makers = [1, 2, 3].map((each) => threads.use(start('putRanked', queue, each, count)));
  for (const maker of makers) await maker.result();
  const seen = new Map<number, number>();
  let last = -Infinity;
  for (const got of queue.getManySync(count * 3) as { producer: number; priority: number; number: number }[]) {
    assert.ok(got.priority >= last);
    last = got.priority;
    const key = got.producer * 100 + got.priority;
    assert.ok(got.number > (seen.get(key) ?? -1), 'equals of one producer in its order');
    seen.set(key, got.number);
  }
  assert.equal(queue.empty(), true);
});
