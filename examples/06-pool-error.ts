/**
 * A pool whose function throws, and nobody reads the results. Python says nothing. To be seen here: the other calls run
 * to their end, and then the end of the block throws that error, with the file and line of the `throw`. The process ends
 * with exit code 1 and without main's last line.
 *
 *   node examples/06-pool-error.ts
 */
import { ThreadPoolExecutor } from 'telaio/futures';
import { log } from './log.ts';

function work(name: number): void {
  log(`Thread ${name}: starting`);
  if (name === 1) throw new RangeError(`Thread ${name} has nothing to work on`);
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
