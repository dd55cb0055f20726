/**
 * `npm run stress`: rounds of everything that can go wrong, chosen at random, for ten minutes. It prints its seed; with
 * `--seed` the same rounds come in the same order (how the threads interleave is the machine's choice). A round that
 * hangs prints who waits for whom; a heap or a process that keeps growing is a failure too.
 *
 *   npm run stress -- --minutes 1 --seed 7 --only queues
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { heap } from '../src/memory/index.ts';
import { setExceptHook } from '../src/threading/index.ts';
import { grown } from '../test/support/census.ts';
import { whoWaits } from '../test/support/isolates.ts';
import { bytes, type Look, look } from './look.ts';
import { Random } from './random.ts';
import type { Scenario } from './scenario.ts';
import { executorsUnderLoad } from './scenarios/executors.ts';
import { locks } from './scenarios/locks.ts';
import { queues } from './scenarios/queues.ts';
import { shared } from './scenarios/shared.ts';
import { sharedKilled } from './scenarios/shared-killed.ts';
import { threads } from './scenarios/threads.ts';

/** A round takes tens of milliseconds; one that takes this long hangs. */
const ROUND_MS = 60_000;
/** How often the heap is looked at. */
const LOOK_MS = 5_000;
/**
 * What may be more at the end than after the first quarter. Of what is held: the garbage of parked isolates, and what dead
 * threads could not help leaving. Of the heap in use: pages that blocks of one size have taken stay theirs, and each isolate
 * keeps some free ones, so the greatest need so far counts.
 */
const HELD_GROWTH = 2 ** 20;
const HEAP_GROWTH = 4 * 2 ** 20;
const RESIDENT_GROWTH = 200 * 2 ** 20;

type TimedLook = Look & { at: number };

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      only: { type: 'string', default: '' },
    },
  });
  const scenarios = [...executorsUnderLoad, ...locks, ...queues, ...shared, ...sharedKilled, ...threads].filter(
    ({ name }) => name.includes(values.only),
  );
  if (scenarios.length === 0) throw new Error(`--only ${values.only}: no scenario has that in its name.`);
  const wheel = scenarios.flatMap((scenario) => new Array<Scenario>(scenario.weight).fill(scenario));
  const milliseconds = Number(values.minutes) * 60_000;
  const random = new Random(Number(values.seed));
  console.log(`stress: ${values.minutes} minutes, seed ${values.seed}, Node ${process.version}`);
  // Threads that are made to fail are no news.
  setExceptHook(() => {});

  const rounds = new Map<string, number>(scenarios.map(({ name }) => [name, 0]));
  const started = performance.now();
  const looks: TimedLook[] = [];
  const lookNow = async (): Promise<void> => {
    looks.push({ ...(await look()), at: performance.now() - started });
  };
  let number = 0;
  while (performance.now() - started < milliseconds) {
    const scenario = random.pick(wheel);
    // Every round has a generator of its own: how much one draws does not change the next.
    const own = new Random(random.integer(0, 2 ** 31));
    number++;
    await inTime(scenario, own, number);
    rounds.set(scenario.name, rounds.get(scenario.name)! + 1);
    if (performance.now() - started > looks.length * LOOK_MS) await lookNow();
  }
  await lookNow();

  for (const [name, count] of rounds) console.log(`${String(count).padStart(8)}  ${name}`);
  const quarter = looks.find(({ at }) => at >= milliseconds / 4) ?? looks[0];
  const last = looks[looks.length - 1];
  console.log(`${String(number).padStart(8)}  rounds, nothing lost, no hang`);
  for (const { balance } of scenarios) if (balance) console.log(balance());
  for (const [name, what] of [
    ['held', 'heldBytes'],
    ['heap', 'heapBytes'],
    ['resident', 'resident'],
  ] as const) {
    console.log(`${name.padEnd(9)} ${bytes(quarter[what])} after a quarter, ${bytes(last[what])} at the end`);
  }
  const more = JSON.stringify(grown(quarter.held, last.held));
  if (last.heldBytes > quarter.heldBytes + HELD_GROWTH) fail(`more and more is held: ${more}`);
  if (last.heapBytes > quarter.heapBytes + HEAP_GROWTH) fail('the shared heap has grown');
  if (last.resident > quarter.resident + RESIDENT_GROWTH) fail('the process has grown');

  function fail(what: string): void {
    console.error(`stress: ${what} (seed ${values.seed})`);
    process.exitCode = 1;
  }

  async function inTime(scenario: Scenario, own: Random, round: number): Promise<void> {
    const place = `round ${round}, ${scenario.name}, seed ${values.seed}`;
    const timer = setTimeout(() => {
      console.error(`stress: ${place}: not done in ${ROUND_MS} ms. Who waits for whom:\n${whoWaits(heap)}`);
      process.exit(1);
    }, ROUND_MS);
    try {
      await scenario.run(own);
    } catch (error) {
      throw new Error(`stress: ${place}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

if (import.meta.main) await main();
