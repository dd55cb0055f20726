/**
 * A thread. To be seen: main's last line comes before the thread's last line, and the process waits for the thread.
 *
 *   node examples/01-thread.ts          NAP=200 node examples/01-thread.ts (milliseconds)
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
  log('Main    : before creating the thread');
  const thread = new Thread({ target: work, args: [1] });
  log('Main    : before running the thread');
  thread.start();
  log('Main    : waiting for the thread to finish');
  // No join: main has nothing more to do, and the process stays for the thread all the same.
  log('Main    : all done');
}
