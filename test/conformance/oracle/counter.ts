import { i32, Value } from '../../../src/shared/index.ts';
import { Lock, Thread } from '../../../src/threading/index.ts';
import { say } from './say.ts';

export function work(lock: Lock, total: Value<number>, times: number): void {
  for (let time = 0; time < times; time++) {
    using _guard = lock.acquireSync();
    total.value += 1;
  }
}

if (import.meta.main) {
  const lock = new Lock();
  const total = new Value(i32, 0);
  const threads = [0, 1, 2, 3].map((n) => new Thread({ target: work, args: [lock, total, 500 * (n + 1)] }));
  for (const thread of threads) thread.start();
  for (const thread of threads) thread.joinSync();
  say('total', total.value, lock.locked());
}
