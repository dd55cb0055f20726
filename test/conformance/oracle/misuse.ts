import { Condition, currentThread, Event, Lock, RLock, Semaphore, Thread } from '../../../src/threading/index.ts';
import { refused, say } from './say.ts';

if (import.meta.main) {
  const started = new Thread().start();
  started.joinSync();
  const condition = new Condition();
  const event = new Event();
  say(
    'release a free lock',
    refused(() => new Lock().release()),
  );
  say(
    'release a free rlock',
    refused(() => new RLock().release()),
  );
  say(
    'notify without the lock',
    refused(() => condition.notify()),
  );
  say(
    'wait without the lock',
    refused(() => condition.waitSync({ timeout: 0 })),
  );
  say(
    'a negative semaphore',
    refused(() => new Semaphore(-1)),
  );
  say(
    'release no permits',
    refused(() => new Semaphore(1).release(0)),
  );
  say(
    'start twice',
    refused(() => started.start()),
  );
  say(
    'join before start',
    refused(() => new Thread().joinSync()),
  );
  say(
    'join oneself',
    refused(() => currentThread().joinSync()),
  );
  say(
    'daemon after start',
    refused(() => (started.daemon = true)),
  );
  say(
    'set an event twice',
    refused(() => [event.set(), event.set()]),
  );
}
