import { i32, Value } from '../../../src/shared/index.ts';
import { Condition, Thread } from '../../../src/threading/index.ts';
import { say } from './say.ts';

export function player(condition: Condition, turn: Value<number>, number: number, text: string): void {
  for (let stroke = 0; stroke < 5; stroke++) {
    using _guard = condition.acquireSync();
    condition.waitForSync(() => turn.value % 2 === number);
    say(text, stroke);
    turn.value += 1;
    condition.notifyAll();
  }
}

if (import.meta.main) {
  const condition = new Condition();
  const turn = new Value(i32, 0);
  const threads = ['ping', 'pong'].map((text, n) => new Thread({ target: player, args: [condition, turn, n, text] }));
  for (const thread of threads.toReversed()) thread.start();
  for (const thread of threads) thread.joinSync();
  say(turn.value);
}
