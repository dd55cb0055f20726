/**
 * The race of program 7 under a lock: held with `using`, then with `acquire` and `release`. To be seen: the result is 2,
 * every time; and a throw inside the block releases the lock.
 *
 *   node examples/08-lock.ts          NAP=10 node examples/08-lock.ts (milliseconds)
 */
import { ThreadPoolExecutor } from 'telaio/futures';
import { i32, Shared } from 'telaio/shared';
import { Lock, sleepSync } from 'telaio/threading';
import { log } from './log.ts';

const NAP = Number(process.env.NAP ?? 100);

class FakeDatabase extends Shared({ value: i32, lock: Lock }) {
  update(name: number): void {
    log(`Thread ${name}: starting update`);
    {
      using _guard = this.lock.acquireSync();
      this.addOne(name);
    }
    log(`Thread ${name}: after release`);
  }

  updateByHand(name: number): void {
    log(`Thread ${name}: starting update`);
    this.lock.acquireSync();
    try {
      this.addOne(name);
    } finally {
      this.lock.release();
    }
    log(`Thread ${name}: after release`);
  }

  fail(): void {
    using _guard = this.lock.acquireSync();
    throw new Error('thrown while the lock is held');
  }

  private addOne(name: number): void {
    log(`Thread ${name}: has the lock`);
    const copy = this.value;
    sleepSync(NAP);
    this.value = copy + 1;
    log(`Thread ${name}: about to release the lock`);
  }
}

if (import.meta.main) {
  for (const method of ['update', 'updateByHand'] as const) {
    const database = new FakeDatabase();
    {
      await using executor = new ThreadPoolExecutor({ maxWorkers: 2 });
      for (let index = 0; index < 2; index++) executor.submit(() => database[method](index));
    }
    log(`Main    : ${method}: the value is ${database.value}`);

    try {
      await using executor = new ThreadPoolExecutor({ maxWorkers: 1 });
      executor.submit(() => database.fail());
    } catch (error) {
      log(`Main    : ${(error as Error).message}; locked now: ${database.lock.locked()}`);
    }
  }
}
