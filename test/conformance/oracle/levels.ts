import { RLock, Thread } from '../../../src/threading/index.ts';
import { say } from './say.ts';

export function factorial(lock: RLock, n: number): number {
  using _guard = lock.acquireSync();
  return n < 2 ? 1 : n * factorial(lock, n - 1);
}

export function attempt(lock: RLock): boolean {
  using guard = lock.tryAcquire();
  return guard !== undefined;
}

if (import.meta.main) {
  const lock = new RLock();
  const byAnother = (): Promise<boolean> => new Thread({ target: attempt, args: [lock] }).start().result();
  say(factorial(lock, 10));
  say(await byAnother());
  lock.acquireSync();
  lock.acquireSync();
  say(await byAnother());
  lock.release();
  say(await byAnother());
  lock.release();
  say(await byAnother());
  try {
    lock.release();
  } catch (error) {
    say((error as Error).name);
  }
}
