import { Event, Thread } from '../../../src/threading/index.ts';
import { say } from './say.ts';

const names = 'abcdefgh';

export function link(number: number, own: Event, next: Event): void {
  const came = own.waitSync({ timeout: 30_000 });
  say(names[number], came, next.isSet());
  next.set();
}

if (import.meta.main) {
  const events = Array.from({ length: names.length + 1 }, () => new Event());
  const threads = [...names]
    .map((_, n) => new Thread({ target: link, args: [n, events[n], events[n + 1]] }))
    .toReversed();
  for (const thread of threads) thread.start();
  events[0].set();
  say('last', events.at(-1)!.waitSync({ timeout: 30_000 }));
  for (const thread of threads) thread.joinSync();
  events[0].clear();
  say(
    events.map((event) => event.isSet()),
    events[0].waitSync({ timeout: 10 }),
  );
}
