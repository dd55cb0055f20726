/**
 * Many threads from a list. To be seen: they are started in order and joined in order, and they end in any order.
 *
 *   node examples/04-many-threads.ts          NAP=200 node examples/04-many-threads.ts (milliseconds)
 */
import { sleepSync, Thread } from 'telaio/threading';
import { log } from './log.ts';

const NAP = Number(process.env.NAP ?? 2000);

function work(name: number): void {
  log(`Thread ${name}: starting`);
  sleepSync(NAP);
  log(`Thread ${name}: finishing`);
}

if (import.meta.main) {
  const threads: Thread[] = [];
  for (let index = 0; index < 3; index++) {
    log(`Main    : create and start thread ${index}`);
    const thread = new Thread({ target: work, args: [index] });
    threads.push(thread);
    thread.start();
  }
  for (const [index, thread] of threads.entries()) {
    log(`Main    : before joining thread ${index}`);
    await thread.join();
    log(`Main    : thread ${index} done`);
  }
}
