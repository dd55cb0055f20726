/**
 * A race. Two threads read the same number, wait, and write it back plus one. To be seen: the result is 1, one of the
 * two updates was lost.
 *
 *   node examples/07-race.ts          NAP=500 node examples/07-race.ts (milliseconds)
 */
import { ThreadPoolExecutor } from 'telaio/futures';
import { i32, Shared } from 'telaio/shared';
import { Event, sleep, sleepSync } from 'telaio/threading';
import { log } from './log.ts';

const NAP = Number(process.env.NAP ?? 100);

class FakeDatabase extends Shared({ value: i32, start: Event }) {
  update(name: number): void {
    this.start.waitSync();
    log(`Thread ${name}: starting update`);
    const copy = this.value;
    sleepSync(NAP);
    this.value = copy + 1;
    log(`Thread ${name}: finishing update`);
  }
}

if (import.meta.main) {
  const database = new FakeDatabase();
  log(`Main    : the value is ${database.value} before the updates`);
  {
    await using executor = new ThreadPoolExecutor({ maxWorkers: 2 });
    for (let index = 0; index < 2; index++) executor.submit(() => database.update(index));
    // A race is fair when both are at the line: a thread takes a moment to come up.
    while (database.start.statistics().waiting < 2) await sleep(1);
    database.start.set();
  }
  log(`Main    : the value is ${database.value} after two updates`);
}
