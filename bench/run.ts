/**
 * `npm run bench`: measures, prints a table, writes docs/benchmarks.md. About ten minutes on two cores; with `--own`, the
 * rows without the peers' table in four, and nothing is written.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { contention } from './contention.ts';
import { growth } from './many-objects.ts';
import { flatMemory, mapJob } from './map-job.ts';
import { peers } from './peers/run.ts';
import { pools } from './pool.ts';
import { primitives } from './primitives.ts';
import { queues } from './queue.ts';
import { sharedFigures } from './shared.ts';
import { threadFigures } from './threads.ts';

type Row = { what: string; measured: string; goal: string; met: boolean };
const rows: Row[] = [];
const row = (what: string, measured: string, goal: string, met: boolean): void => {
  rows.push({ what, measured, goal, met });
  console.log(`${met ? '✓' : '✗'} ${what}: ${measured} (goal: ${goal})`);
};

const { lock, tryLock } = await primitives();
row('Lock: acquireSync and release, uncontended', `${lock.toFixed(3)} µs`, 'at most 0.06 µs', lock <= 0.06);
row('Lock: tryAcquire and release, uncontended', `${tryLock.toFixed(3)} µs`, 'at most 0.06 µs', tryLock <= 0.06);

const { own, python } = await contention();
const turns = (rate: number): string => (rate / 1e6).toFixed(1);
row(
  'Lock: turns a second of two threads that want it all the time',
  `${turns(own.turns)} million${python === undefined ? '' : ` (CPython: ${turns(python.turns)})`}`,
  "at least CPython's",
  python === undefined || own.turns >= python.turns,
);
row(
  'the same: share of the thread that got fewer',
  `${(own.share * 100).toFixed(0)} %`,
  'at least 30 %',
  own.share >= 0.3,
);

const queue = await queues();
row('Queue(1000), integers, one to one', `${queue.integers.toFixed(2)} M/s`, 'at least 4.5 M/s', queue.integers >= 4.5);
row(
  'Queue(1000), objects {id, name, value}',
  `${queue.objects.toFixed(2)} M/s`,
  'at least 1.5 M/s',
  queue.objects >= 1.5,
);
row('Queue(10), integers, one to one', `${queue.tenSlots.toFixed(2)} M/s`, 'at least 1 M/s', queue.tenSlots >= 1);
row(
  'Queue(1000), integers, two to two',
  `${queue.twoToTwo.toFixed(2)} M/s: ${(queue.twoToTwoPart * 100).toFixed(0)} %`,
  'at least half of one to one',
  queue.twoToTwoPart >= 0.5,
);

const thread = await threadFigures();
row(
  'Thread: start and join, isolate parked',
  `${thread.own.toFixed(0)} µs${thread.python === undefined ? '' : ` (CPython: ${thread.python.toFixed(0)} µs)`}`,
  "at most CPython's",
  thread.python === undefined || thread.own <= thread.python,
);
row(
  'the same beside a bare new Worker to its end',
  `${(thread.worker / 1000).toFixed(1)} ms: ${Math.round(thread.worker / thread.own)} times`,
  'at least 50 times',
  thread.worker >= 50 * thread.own,
);

const shared = await sharedFigures();
row(
  'SharedMap: get of a number, one thread',
  `${shared.oneReader.toFixed(2)} M/s`,
  'at least 1 M/s',
  shared.oneReader >= 1,
);
row(
  'the same, two threads together',
  `${shared.twoReaders.toFixed(2)} M/s`,
  'more than one thread',
  shared.twoReaders > shared.oneReader,
);

const more = await growth();
row(
  'cost with a million live objects beside ten: lock, queue, thread',
  `${more.lock.toFixed(2)}, ${more.queue.toFixed(2)}, ${more.thread.toFixed(2)} times`,
  'at most 1.2 times',
  Math.max(more.lock, more.queue, more.thread) <= 1.2,
);

const { inFlight, oneByOne } = await pools();
const [fast, peer] = inFlight;
row(
  'empty tasks, 1,000 in flight, 2 workers, beside piscina',
  `${Math.round(fast / 1000)} against ${Math.round(peer / 1000)} thousand/s: ${(fast / peer).toFixed(1)} times`,
  'at least 5 times',
  fast / peer >= 5,
);
const [ownTime, peerTime] = oneByOne.map((rate) => 1e6 / rate);
row('empty task, one after another', `${ownTime.toFixed(0)} µs against ${peerTime.toFixed(0)} µs`, 'none yet', true);

const job = await mapJob();
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;
const slower = (time: number, than: number): string => `${((time / than - 1) * 100).toFixed(1)} % slower`;
row(
  'main job, 2 workers, beside the same job as a plain loop',
  `${(job.single / 1000).toFixed(2)} s → ${(job.twoWorkers / 1000).toFixed(2)} s: ${job.gain.toFixed(2)} times`,
  'at least 1.8 times',
  job.gain >= 1.8,
);
row(
  'the same beside the calls of its function alone, without reading and storing',
  `${seconds(job.calls)} → ${seconds(job.twoWorkers)}: ${job.callsGain.toFixed(2)} times`,
  'none',
  true,
);
row(
  'the same by two bare workers, the records parsed and halved beforehand, no sink',
  `${(job.halves / 1000).toFixed(2)} s: ${(job.calls / job.halves).toFixed(2)} times those calls`,
  'what the machine gives',
  true,
);
row(
  'main job, 1 worker, beside that loop, and beside the calls alone',
  `${seconds(job.oneWorker)}: ${slower(job.oneWorker, job.single)}; ${slower(job.oneWorker, job.calls)}`,
  'at most 10 %, either way',
  job.oneWorker <= job.calls * 1.1,
);

const flat = await flatMemory();
row(
  '10 million lines through an identity, --queue 1000',
  `${flat.megabytes.toFixed(0)} MB resident at most, ${flat.seconds.toFixed(1)} s`,
  'under 300 MB',
  flat.megabytes < 300,
);

if (process.argv.includes('--own')) process.exit(rows.every(({ met }) => met) ? 0 : 1);

const besidePeers = await peers();
for (const { what, measured, goal, met } of besidePeers.figures) {
  console.log(`${met ? '✓' : '✗'} ${what}: ${measured} (goal: ${goal})`);
}
console.log(`\n${besidePeers.markdown}`);

const piscina = JSON.parse(
  readFileSync(fileURLToPath(new URL('../node_modules/piscina/package.json', import.meta.url)), 'utf8'),
);
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const text = `# Benchmarks

Written by \`npm run bench\`: medians, and where a peer stands beside, both in turn in the same run. Nothing here is a
test; a busy machine shows worse figures.

${new Date().toISOString().slice(0, 10)}, commit ${commit}, Node ${process.version}, piscina ${piscina.version}, ${availableParallelism()} cores (${cpus()[0].model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB.

| what | measured | goal | met |
| --- | --- | --- | --- |
${rows.map(({ what, measured, goal, met }) => `| ${what} | ${measured} | ${goal} | ${met ? 'yes' : '**no**'} |`).join('\n')}

The main job: the nearest of 3,376 airports for each of ${job.records.toLocaleString('en-US')} ZIP codes, mean distance ${job.mean} km. Its
times leave start-up out: for \`telaio map\` the time of the same command over one record is subtracted, the plain loop
(bench/nearest-single.ts) is timed from the first read to the last row stored.

${besidePeers.markdown}`;
writeFileSync(fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url)), text);
process.exitCode = [...rows, ...besidePeers.figures].every(({ met }) => met) ? 0 : 1;
