/** What CPython promises of `threading.local`, a test a promise. A subclass has attributes; the plain one has `value`. */
import assert from 'node:assert/strict';
import { BLOCK, heap, KIND } from '../../src/memory/index.ts';
import { Atomic, i32 } from '../../src/shared/index.ts';
import {
  Barrier,
  currentThread,
  Event,
  mainThread,
  Semaphore,
  Thread,
  ThreadLocal,
} from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { collected } from '../support/collected.ts';

class Empty extends ThreadLocal {
  declare x?: number;
}

/** Its constructor goes on when all the threads are in theirs; the main thread's doesn't wait for anybody. */
class Slow extends ThreadLocal {
  x = -1;

  constructor(inside: Barrier) {
    super(inside);
    if (currentThread() !== mainThread()) inside.waitSync();
  }
}

check(
  'what threads stored in one local is collected once they have ended (BaseLocalTest.test_local_refs) [adapted]',
  async () => {
    const store = (local: ThreadLocal<object | undefined>, Kept: { refs?: WeakRef<object>[] }): void => {
      assert.ok(Kept);
      local.value = { text: 'x'.repeat(100) };
      ((globalThis as { refs?: WeakRef<object>[] }).refs ??= []).push(new WeakRef(local.value));
    };
    const left = async (): Promise<number> => {
      const refs = (globalThis as { refs?: WeakRef<object>[] }).refs ?? [];
      const live = (): number => refs.filter((ref) => ref.deref() !== undefined).length;
      await collected(() => live() <= 1, 10);
      return live();
    };
    for (const count of [20, 50, 100]) {
      const local = new ThreadLocal<object | undefined>();
      for (let index = 0; index < count; index++) new Thread({ target: store, args: [local, {}] }).start().joinSync();
      // In the isolate that they had, one after the other.
      assert.ok((await new Thread({ target: left }).start().result()) <= 1);
    }
  },
);

check(
  'a slow constructor and the first write in each of ten threads do not race (BaseLocalTest.test_derived)',
  async () => {
    const [inside, written] = [new Barrier(10), new Barrier(10)];
    const local = new Slow(inside);
    const write = (given: Slow, n: number, all: Barrier): number => {
      given.x = n;
      all.waitSync();
      return given.x;
    };
    const threads = Array.from({ length: 10 }, (_, n) =>
      new Thread({ target: write, args: [local, n, written] }).start(),
    );
    for (const [n, thread] of threads.entries()) assert.equal(await thread.result(), n);
    assert.equal(local.x, -1);
  },
  { timeout: 60_000 },
);

check(
  'a subclass may take arguments; the plain one takes only its function (BaseLocalTest.test_arguments) [adapted]',
  async () => {
    class WithArguments extends ThreadLocal {
      sum: number;
      constructor(a: number, b = 10) {
        super(a, b);
        this.sum = a + b;
      }
    }
    assert.equal(new WithArguments(1).sum, 11);
    const local = new WithArguments(1, 2);
    const thread = new Thread({ target: (given: WithArguments) => given.sum, args: [local] }).start();
    assert.equal(await thread.result(), 3);
    for (const given of [[1], ['a', 1], [{}], [null], [() => 0, 1]])
      assert.throws(() => new ThreadLocal(...given), TypeError);
  },
);

/** Sets `x` in one thread while another, which lives all the time, has none. */
async function apart(local: Empty): Promise<void> {
  const [set, seen] = [new Event(), new Event()];
  const first = (given: Empty, isSet: Event, wasSeen: Event): (number | boolean | undefined)[] => {
    given.x = 1;
    isSet.set();
    wasSeen.waitSync();
    const before = given.x;
    delete given.x;
    return [before, 'x' in given, given.x];
  };
  const second = (given: Empty, isSet: Event, wasSeen: Event): unknown[] => {
    isSet.waitSync();
    const had = ['x' in given && given.x !== undefined, given.x];
    wasSeen.set();
    return had;
  };
  const threads = [
    new Thread({ target: first, args: [local, set, seen] }).start(),
    new Thread({ target: second, args: [local, set, seen] }).start(),
  ] as const;
  assert.deepEqual(await threads[1].result(), [false, undefined]);
  assert.deepEqual(await threads[0].result(), [1, false, undefined]);
}

check('a value set in one thread is not there in another that lives (BaseLocalTest.test_threading_local)', async () => {
  const local = new ThreadLocal<number | undefined>();
  const [set, seen] = [new Event(), new Semaphore(0)];
  const setter = (given: ThreadLocal<number | undefined>, isSet: Event, wasSeen: Semaphore): unknown[] => {
    given.value = 1;
    isSet.set();
    wasSeen.acquireSync();
    return [given.value, given.delete(), given.has(), given.value];
  };
  const getter = (given: ThreadLocal<number | undefined>, isSet: Event, wasSeen: Semaphore): unknown[] => {
    isSet.waitSync();
    const had = [given.has(), given.value];
    wasSeen.release();
    return had;
  };
  const one = new Thread({ target: setter, args: [local, set, seen] }).start();
  const other = new Thread({ target: getter, args: [local, set, seen] }).start();
  assert.deepEqual(await other.result(), [false, undefined]);
  assert.deepEqual(await one.result(), [1, true, false, undefined]);
});

check('and the same of an attribute of an empty subclass (BaseLocalTest.test_threading_local_subclass)', async () => {
  await apart(new Empty());
});

check(
  'the attributes of the calling thread can be listed, for a subclass (BaseLocalTest.test_dict_attribute_subclass) [adapted]',
  async () => {
    const local = new Empty();
    local.x = 5;
    assert.deepEqual({ ...local }, { x: 5 });
    const list = (given: Empty): [string, unknown][] => {
      const before = Object.entries(given);
      given.x = 7;
      return [...before, ...Object.entries(given)] as [string, unknown][];
    };
    assert.deepEqual(await new Thread({ target: list, args: [local] }).start().result(), [['x', 7]]);
    assert.deepEqual(Object.entries(local), [['x', 5]]);
    // A copy: what is done to it changes nothing.
    const copy = { ...local };
    copy.x = 8;
    assert.equal(local.x, 5);
  },
);

check(
  'a local that refers back to its owner is collected (BaseLocalTest.test_cycle_collection) [adapted]',
  async () => {
    class Owner {
      local: ThreadLocal<Owner> = new ThreadLocal<Owner>();
      attributes = new Empty() as Empty & { owner?: Owner };
      constructor() {
        this.local.value = this;
        this.attributes.owner = this;
      }
    }
    let address = 0;
    const ref = ((): WeakRef<Owner> => {
      const owner = new Owner();
      address = Number.parseInt(/#([0-9a-f]+)/.exec(String(owner.local))![1], 16);
      return new WeakRef(owner);
    })();
    assert.equal(await collected(() => ref.deref() === undefined), true);
    // The record in the heap goes with it.
    const gone = (): boolean => heap.kind(address) !== KIND.LOCAL || heap.i32[address + BLOCK.COUNT] === 0;
    assert.equal(await collected(gone), true);
  },
);

check(
  'the documented example: its constructor once a thread, attributes apart, methods in common ((doctest).DocTestSuite__threading_local) [adapted]',
  async () => {
    class Numbers extends ThreadLocal {
      declare number: number;
      declare initialised: boolean;
      constructor(counter: Atomic<number>, n: number) {
        super(counter, n);
        if (this.initialised) throw new Error('made twice in one thread');
        this.initialised = true;
        this.number = n;
        counter.add(1);
      }
      squared(): number {
        return this.number ** 2;
      }
    }
    // A default that stands on the class is everybody's, until a thread assigns its own.
    const counter = new Atomic(i32);
    const numbers = new Numbers(counter, 3);
    assert.equal(numbers.number, 3);
    numbers.number = 4;
    const use = (given: Numbers): unknown[] => {
      const before = [given.number, given.squared()];
      given.number = 10;
      return [...before, given.squared(), given.squared === Object.getPrototypeOf(given).squared];
    };
    for (let round = 1; round <= 3; round++) {
      assert.deepEqual(await new Thread({ target: use, args: [numbers] }).start().result(), [3, 9, 100, true]);
      assert.equal(counter.load(), round + 1);
    }
    assert.equal(numbers.squared(), 16);
  },
);
