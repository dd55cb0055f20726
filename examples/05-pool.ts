/**
 * A pool of three threads. To be seen: nobody reads the results, and yet all three calls have ended when the block is
 * left.
 *
 *   node examples/05-pool.ts          NAP=200 node examples/05-pool.ts (milliseconds)
 */
import { ThreadPoolExecutor } from 'telaio/futures';
import { sleepSync } from 'telaio/threading';
import { log } from './log.ts';

const NAP = Number(process.env.NAP ?? 2000);

function work(name: number): void {
  log(`Thread ${name}: starting`);
  sleepSync(NAP);
  log(`Thread ${name}: finishing`);
}

if (import.meta.main) {
  log('Main    : before the block');
  {
    await using executor = new ThreadPoolExecutor({ maxWorkers: 3 });
    executor.map(work, [0, 1, 2]);
  }
  log('Main    : after the block');
}
