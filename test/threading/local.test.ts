/** What each thread has for itself. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { inspect } from 'node:util';
import { heap } from '../../src/memory/index.ts';
import { Queue } from '../../src/queue/index.ts';
import { Atomic, i32, ref, Shared } from '../../src/shared/index.ts';
import { Event, Lock, Thread, ThreadLocal } from '../../src/threading/index.ts';
import { check, rounds } from '../support/check.ts';
import { until } from '../support/threads.ts';

const made = new Atomic(i32);

class Request extends ThreadLocal {
  user = 'nobody';
  steps: string[] = [];
  declare readonly app: string;
  declare readonly number: number;

  constructor(app: string, counter: Atomic<number>, lock: Lock) {
    super(app, counter, lock);
    this.app = app;
    this.number = counter.add(1);
    this.steps.push(`made with ${lock.locked()}`);
  }

  step(name: string): number {
    return this.steps.push(name);
  }

  get last(): string | undefined {
    return this.steps.at(-1);
  }
}

class Plain extends ThreadLocal {
  hits = 0;
}

/** A module's own: each isolate has another one, and each thread its own value all the same. */
const ofModule = new ThreadLocal(() => ['fresh']);
const plainOfModule = new Plain();

describe('ThreadLocal', () => {
  check('each thread begins with what the function makes, and changes its own', async () => {
    let calls = 0;
    const local = new ThreadLocal(() => {
      calls++;
      return { n: 1 };
    });
    assert.equal(local.has(), false);
    assert.equal(local.value, local.value);
    assert.equal(calls, 1);
    local.value.n = 7;
    assert.equal(local.has(), true);
    const count = new ThreadLocal(() => 10);
    count.value = 99;
    const change = (given: ThreadLocal<number>): [boolean, number, number, boolean, number] => {
      const before = given.has();
      const first = given.value;
      given.value++;
      const second = given.value;
      const deleted = given.delete();
      return [before, first, second, deleted, given.value];
    };
    for (let round = 0; round < 3; round++) {
      const thread = new Thread({ target: change, args: [count] }).start();
      assert.deepEqual(await thread.result(), [false, 10, 11, true, 10]);
    }
    assert.equal(count.value, 99);
    assert.equal(local.value.n, 7);
  });

  check('without a function the value is undefined until it is set', async () => {
    const local = new ThreadLocal<string | undefined>();
    assert.equal(local.value, undefined);
    local.value = 'main';
    const thread = new Thread({
      target: (given: ThreadLocal<string | undefined>) => given.value,
      args: [local],
    }).start();
    assert.equal(await thread.result(), undefined);
    assert.equal(local.value, 'main');
  });

  check('the same local however it comes: as argument, captured, through a queue, in a shared field', async () => {
    class Box extends Shared({ local: ref(ThreadLocal) }) {}
    const local = new ThreadLocal(() => 0);
    const request = new Request('shop', made, new Lock());
    const box = new Box({ local: local as never });
    const queue = new Queue<unknown>();
    queue.putSync(local);
    queue.putSync(request);
    const compare = (a: ThreadLocal<number>, b: Request, from: Queue<unknown>, field: Box): boolean[] => [
      a === local,
      b === request,
      from.getSync() === a,
      from.getSync() === b,
      (field.local as unknown) === a,
    ];
    const thread = new Thread({ target: compare, args: [local, request, queue, box] }).start();
    assert.deepEqual(await thread.result(), [true, true, true, true, true]);
    queue.putSync(request);
    assert.equal(queue.getSync(), request);
    assert.equal(box.local, local);
  });

  check('the constructor of a subclass runs once in each thread that uses it, with the same arguments', async () => {
    const [counter, lock] = [new Atomic(i32), new Lock()];
    using _guard = lock.acquireSync();
    const request = new Request('shop', counter, lock);
    request.user = 'main';
    request.step('paid');
    const use = (given: Request): unknown[] => {
      const before = given.user;
      given.user = 'Ada';
      given.step('looked');
      return [before, given.user, given.app, given.number, [...given.steps], given.last, given instanceof ThreadLocal];
    };
    const pass = (given: Request): string => typeof given.step;
    const thread = () => new Thread({ target: use, args: [request] }).start();
    const used = (number: number) => ['nobody', 'Ada', 'shop', number, ['made with true', 'looked'], 'looked', true];
    assert.deepEqual(await thread().result(), used(1));
    // Arrives, and its attributes are not asked for.
    assert.equal(await new Thread({ target: pass, args: [request] }).start().result(), 'function');
    assert.deepEqual(await thread().result(), used(2));
    assert.equal(counter.load(), 3);
    assert.deepEqual([request.user, request.number, request.last], ['main', 0, 'paid']);
  });

  check('attributes come, go and are listed in one thread only', async () => {
    const plain = new Plain() as Plain & Record<string, unknown>;
    plain.extra = 1;
    assert.deepEqual({ ...plain }, { hits: 0, extra: 1 });
    const list = (given: Plain & Record<string, unknown>): unknown[] => {
      const before = Object.keys(given);
      const had = 'extra' in given;
      given.other = 2;
      Reflect.deleteProperty(given, 'hits');
      return [before, had, Object.entries(given)];
    };
    const thread = new Thread({ target: list, args: [plain] }).start();
    assert.deepEqual(await thread.result(), [['hits'], false, [['other', 2]]]);
    assert.equal('other' in plain, false);
    assert.equal(delete plain.extra, true);
    assert.deepEqual(Object.keys(plain), ['hits']);
  });

  check('nothing is left for the next thread of a parked isolate, also of a module’s own locals', async () => {
    const touch = (): unknown[] => {
      const seen = [...ofModule.value, plainOfModule.hits];
      ofModule.value.push('used');
      plainOfModule.hits = 5;
      (plainOfModule as unknown as { extra: number }).extra = 1;
      return [...seen, Object.keys(plainOfModule).length];
    };
    const tids = new Set<number>();
    for (let round = 0; round < 6; round++) {
      const thread = new Thread({ target: touch }).start();
      assert.deepEqual(await thread.result(), ['fresh', 0, 2]);
      tids.add(thread.nativeId!);
    }
    assert.ok(tids.size < 6, 'no isolate was reused');
  });

  check('what a thread had is dropped when it ends', async () => {
    const keep = (local: ThreadLocal<object | undefined>, store: object): void => {
      local.value = { big: new Uint8Array(1000) };
      (globalThis as { seen?: WeakRef<object> }).seen = new WeakRef(local.value);
      assert.ok(store);
    };
    const look = async (): Promise<boolean> => {
      const { setFlagsFromString } = await import('node:v8');
      setFlagsFromString('--expose-gc');
      const { runInNewContext } = await import('node:vm');
      const { seen } = globalThis as { seen?: WeakRef<object> };
      if (!seen) return true;
      for (let turn = 0; turn < 20 && seen.deref() !== undefined; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
        (runInNewContext('gc') as () => void)();
      }
      return seen.deref() === undefined;
    };
    const local = new ThreadLocal<object | undefined>();
    await new Thread({ target: keep, args: [local, {}] }).start().join();
    assert.equal(await new Thread({ target: look }).start().result(), true);
  });

  check('what the function or the constructor throws is thrown at the use, which may be tried again', async () => {
    const gate = new Event();
    const local = new ThreadLocal(() => {
      if (!gate.isSet()) throw new RangeError('not yet');
      return 'now';
    });
    class Late extends ThreadLocal {
      state = 'made';
      constructor(open: Event, first: boolean) {
        super(open, false);
        if (!first && !open.isSet()) throw new RangeError('not yet');
      }
    }
    const late = new Late(gate, true);
    const use = (a: ThreadLocal<string>, b: Late, open: Event): string[] => {
      const seen: string[] = [];
      for (let round = 0; round < 2; round++) {
        for (const read of [() => a.value, () => b.state]) {
          try {
            seen.push(read());
          } catch (error) {
            seen.push((error as Error).message);
          }
        }
        open.set();
      }
      return seen;
    };
    const thread = new Thread({ target: use, args: [local, late, gate] }).start();
    assert.deepEqual(await thread.result(), ['not yet', 'not yet', 'now', 'made']);
  });

  check('text form, disposal, and what can’t be frozen', () => {
    const [local, plain] = [new ThreadLocal(() => 0), new Plain()];
    assert.match(String(local), /^<ThreadLocal #[0-9a-f]+>$/);
    assert.match(String(plain), /^<Plain #[0-9a-f]+>$/);
    assert.match(inspect(plain), /^<Plain #[0-9a-f]+>$/);
    assert.throws(() => Object.freeze(plain), TypeError);
    for (const object of [local, plain]) {
      object[Symbol.dispose]();
      assert.throws(() => (object as ThreadLocal).value, {
        name: 'DisposedError',
        message: /^This (?:ThreadLocal|Plain) was disposed in this thread/,
      });
    }
    assert.throws(() => plain.hits, { name: 'DisposedError' });
    assert.throws(() => (plain.hits = 1), { name: 'DisposedError' });
  });

  check('what can’t cross is no matter until it does', () => {
    const local = new ThreadLocal(() => 0);
    local.value = 3;
    class Socketed extends ThreadLocal {
      promise: Promise<void>;
      constructor(promise: Promise<void>) {
        super(promise);
        this.promise = promise;
      }
    }
    const odd = new Socketed(Promise.resolve());
    assert.ok(odd.promise);
    assert.throws(() => new Thread({ target: (given: unknown) => given, args: [odd] }).start(), {
      name: 'CloneError',
      message:
        /^<Socketed #[0-9a-f]+> can't go to another thread: args\[0\] can't be copied to another thread: a Promise belongs to this thread alone; await it first\.$/,
    });
  });

  check('misuse', () => {
    class Forgetful extends ThreadLocal {
      constructor(name: string) {
        super();
        assert.ok(name);
      }
    }
    class Secretive extends ThreadLocal {
      #secret = 1;
      tell(): number {
        return this.#secret;
      }
    }
    assert.throws(() => new ThreadLocal(5), {
      name: 'TypeError',
      message:
        "new ThreadLocal(5): give a function that makes each thread's value, new ThreadLocal(() => …), or nothing.",
    });
    assert.throws(() => new Forgetful('a'), {
      name: 'TypeError',
      message:
        'class Forgetful: its constructor takes 1 arguments and hands 0 to super(…). Hand all of them on: each thread calls it again with them.',
    });
    assert.throws(() => new Secretive(), {
      name: 'TypeError',
      message:
        "class Secretive has private members (#…), which can't be made anew for each thread: write `private` instead of #.",
    });
  });

  check('many threads at once, each with its own', async () => {
    const [counter, lock] = [new Atomic(i32), new Lock()];
    const request = new Request('shop', counter, lock);
    const work = (given: Request, who: number, turns: number): boolean => {
      given.user = `user ${who}`;
      for (let turn = 0; turn < turns; turn++) {
        given.step(String(turn));
        if (given.user !== `user ${who}` || given.last !== String(turn)) return false;
      }
      return given.steps.length === turns + 1;
    };
    const turns = rounds(2_000, 100_000);
    const threads = Array.from({ length: 6 }, (_, who) =>
      new Thread({ target: work, args: [request, who, turns] }).start(),
    );
    for (const thread of threads) assert.equal(await thread.result(), true);
    assert.equal(counter.load(), 7);
  });

  check('records are given back: thousands made, sent, dropped', async () => {
    const count = rounds(300, 20_000);
    const use = (given: ThreadLocal<number>): number => given.value++;
    const once = (): void => {
      const local = new ThreadLocal(() => 1);
      const thread = new Thread({ target: use, args: [local] }).start();
      thread.joinSync();
      thread[Symbol.dispose]();
      local[Symbol.dispose]();
    };
    for (let warm = 0; warm < 300; warm++) once();
    await until(() => true);
    const used = heap.usedBytes();
    for (let round = 0; round < count; round++) once();
    assert.ok(heap.usedBytes() - used <= 2 ** 20, `the heap grew by ${heap.usedBytes() - used} bytes`);
  });
});
