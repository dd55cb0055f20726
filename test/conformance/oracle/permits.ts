import { i32, Value } from '../../../src/shared/index.ts';
import { Semaphore, Thread } from '../../../src/threading/index.ts';
import { say } from './say.ts';

export function work(permits: Semaphore, inside: Value<number>, most: Value<number>): void {
  for (let time = 0; time < 50; time++) {
    using _permit = permits.acquireSync();
    const now = inside.addSync(1);
    most.updateSync((before) => Math.max(before, now));
    inside.addSync(-1);
  }
}

if (import.meta.main) {
  const permits = new Semaphore(3);
  const [inside, most] = [new Value(i32, 0), new Value(i32, 0)];
  const threads = Array.from({ length: 6 }, () => new Thread({ target: work, args: [permits, inside, most] }).start());
  for (const thread of threads) thread.joinSync();
  say(inside.value, most.value <= 3);
  say(Array.from({ length: 5 }, () => permits.tryAcquire() !== undefined));
  say(permits.acquireSync({ timeout: 10 }) !== undefined);
  permits.release(2);
  say(Array.from({ length: 3 }, () => permits.acquireSync({ timeout: 10 }) !== undefined));
}
