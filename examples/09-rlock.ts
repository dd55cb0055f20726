/**
 * A method that holds the lock calls another one that takes it again. To be seen: with an `RLock` it ends; with a `Lock`
 * the thread stops, and the program can say who waits for whom: the thread for itself.
 *
 *   node examples/09-rlock.ts          PATIENCE=100 node examples/09-rlock.ts (milliseconds)
 */
import { i32, Shared } from 'telaio/shared';
import { currentThread, enumerate, Lock, RLock, Thread } from 'telaio/threading';
import { log } from './log.ts';

const PATIENCE = Number(process.env.PATIENCE ?? 1000);

/** Waits for the lock, but says who has it when that takes too long. */
function take(lock: Lock | RLock): Disposable {
  const guard = lock.acquireSync({ timeout: PATIENCE });
  if (guard) return guard;
  const { holder } = lock.statistics();
  const owner = enumerate().find((thread) => thread.ident === holder);
  throw new Error(`${currentThread().name} waits for a ${lock.constructor.name} that ${owner?.name} holds`);
}

class Account extends Shared({ balance: i32, rlock: RLock, lock: Lock }) {
  deposit(amount: number, kind: 'rlock' | 'lock'): void {
    using _guard = take(this[kind]);
    this.balance += amount;
  }

  depositTwice(amount: number, kind: 'rlock' | 'lock'): void {
    using _guard = take(this[kind]);
    this.deposit(amount, kind);
    this.deposit(amount, kind);
  }
}

function depositor(account: Account, kind: 'rlock' | 'lock'): void {
  try {
    account.depositTwice(10, kind);
  } catch (error) {
    log(`${currentThread().name}: stopped: ${(error as Error).message}`);
  }
}

if (import.meta.main) {
  for (const kind of ['rlock', 'lock'] as const) {
    const account = new Account();
    await new Thread({ target: depositor, args: [account, kind], name: `Depositor (${kind})` }).start().join();
    log(`Main    : the balance is ${account.balance}`);
  }
}
