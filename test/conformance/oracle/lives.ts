import { activeCount, currentThread, Event, enumerate, mainThread, Thread } from '../../../src/threading/index.ts';
import { say } from './say.ts';

export function task(gate: Event, _number: number): void {
  gate.waitSync();
}

const text = (thread: Thread<never>): string => String(thread).replaceAll(/\d{3,}/g, 'N');

if (import.meta.main) {
  const gate = new Event();
  const made = new Thread({ target: task, args: [gate, 1], name: 'weaver', daemon: true });
  const thread = made as unknown as Thread<never>;
  say(thread.name, thread.daemon, thread.ident, thread.isAlive(), text(thread));
  thread.start();
  say(thread.ident !== undefined, thread.isAlive(), activeCount(), text(thread));
  say(enumerate().map((each) => each.name));
  thread.joinSync({ timeout: 10 });
  say(thread.isAlive());
  gate.set();
  thread.joinSync();
  say(thread.isAlive(), activeCount(), thread.ident !== undefined, text(thread));
  say(currentThread().name, mainThread() === currentThread());
  say(new Thread({ target: task }).name.split(' ')[1]);
}
