/** Private members of shared classes: made in each thread, or refused, never a bare TypeError of the engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloneError, i32, Queue, Shared, Thread } from '../../src/index.ts';

class Tallied extends Queue<number> {
  #taken = 0;
  take(): number {
    this.#count();
    return this.getSync() + this.#taken;
  }
  #count(): void {
    this.#taken++;
  }
}

class Account extends Shared({ balance: i32 }) {
  #add(amount: number): void {
    this.balance += amount;
  }
  deposit(amount: number): void {
    this.#add(amount);
  }
}

class Fussy extends Queue<number> {
  #limit: number;
  constructor(limit: number) {
    super(limit);
    this.#limit = limit;
  }
  limit(): number {
    return this.#limit;
  }
}

const take = (queue: Tallied): [string, number] => [queue.constructor.name, queue.take()];
const deposit = (account: Account): void => account.deposit(5);

test('private members of a class without a constructor are made in each thread', { timeout: 30_000 }, async () => {
  const queue = new Tallied();
  queue.putSync(10);
  queue.putSync(20);
  assert.deepEqual(await new Thread({ target: take, args: [queue] }).start().result(), ['Tallied', 11]);
  assert.equal(queue.take(), 21, 'each thread counts its own');
  const account = new Account({ balance: 1 });
  await new Thread({ target: deposit, args: [account] }).start().result();
  assert.equal(account.balance, 6);
});

test('with a constructor they are refused when the object is sent', { timeout: 30_000 }, () => {
  const thread = new Thread({ target: (queue: Fussy) => queue.limit(), args: [new Fussy(3)] });
  assert.throws(
    () => thread.start(),
    (error: Error) => {
      assert.ok(error instanceof CloneError);
      assert.match(error.message, /args\[0\].*Fussy has private members.*constructor.*private/);
      return true;
    },
  );
});

class Secretive extends Thread<[], number> {
  #secret = 3;
  protected override run(): number {
    return this.#secret;
  }
}

test('a Thread with private members is refused when it starts', { timeout: 30_000 }, () => {
  assert.throws(() => new Secretive().start(), {
    name: 'CloneError',
    message: /^Secretive can't be sent to its thread: it has private members.*Write `private`/,
  });
});
