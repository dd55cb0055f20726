/**
 * A daemon thread. To be seen: the process ends with main, so the thread's last line never appears.
 *
 *   node examples/02-daemon.ts          NAP=200 node examples/02-daemon.ts (milliseconds)
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
  const thread = new Thread({ target: work, args: [1], daemon: true });
  log('Main    : before running the thread');
  thread.start();
  log('Main    : not waiting for the thread');
  // Main has something else to do, for a tenth of the thread's time.
  sleepSync(NAP / 10);
  log('Main    : all done');
}
