/**
 * join, on a normal thread and on a daemon. To be seen: main's line comes after the thread's last line, and there is no
 * difference between the two any more. `joinSync` blocks main; the threads' lines appear all the same.
 *
 *   node examples/03-join.ts          NAP=200 node examples/03-join.ts (milliseconds)
 */
import { sleepSync, Thread } from 'telaio/threading';
import { log } from './log.ts';

const NAP = Number(process.env.NAP ?? 2000);

function work(name: string): void {
  log(`Thread ${name}: starting`);
  sleepSync(NAP);
  log(`Thread ${name}: finishing`);
}

if (import.meta.main) {
  for (const daemon of [false, true]) {
    const name = daemon ? 'daemon' : 'normal';
    log(`Main    : before running the ${name} thread`);
    const thread = new Thread({ target: work, args: [name], daemon });
    thread.start();
    log(`Main    : waiting for the ${name} thread to finish`);
    thread.joinSync();
    log(`Main    : the ${name} thread has finished`);
  }
  log('Main    : all done');
}
