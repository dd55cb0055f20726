/**
 * The main job, `telaio map` against the same loop in one thread, and a long stream through an identity function. Run by
 * itself: node bench/map-job.ts
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, program } from './measure.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const cli = file('../dist/cli/main.js');
const job = file('../examples/nearest-airport.ts');
const zipCodes = fileURLToPath(new URL('../data/zipcodes.csv', import.meta.resolve('vega-datasets')));

export type MapFigures = {
  /** Milliseconds of the same job as a plain loop, start-up apart: records read, function called, results stored. */
  single: number;
  /** Of that, the calls of the function alone. */
  calls: number;
  oneWorker: number;
  twoWorkers: number;
  /** Two bare workers with half of the records each, no sink: what this machine can give. */
  halves: number;
  /** `single / twoWorkers` and `calls / twoWorkers`, medians of the rounds. */
  gain: number;
  callsGain: number;
  records: number;
  mean: string;
};

/** The whole job less the same job over one record: what start-up costs is in both. */
async function mapTime(workers: number, folder: string): Promise<number> {
  const one = join(folder, 'one.csv');
  writeFileSync(one, readFileSync(zipCodes, 'utf8').split('\n').slice(0, 2).join('\n'));
  const run = async (input: string): Promise<number> => {
    const table = join(folder, 'map.sqlite');
    const { code, stderr, milliseconds } = await program([
      cli,
      'map',
      job,
      input,
      '--to',
      `sqlite:${table}#nearest`,
      '--workers',
      String(workers),
      '--no-progress',
    ]);
    if (code !== 0) throw new Error(stderr);
    // What one run leaves to be written to the disk is nothing that the next should wait for at its end.
    rmSync(table);
    return milliseconds;
  };
  const whole = await run(zipCodes);
  return whole - (await run(one));
}

export async function mapJob(runs = 9): Promise<MapFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'telaio-bench-'));
  const times = {
    single: [] as number[],
    calls: [] as number[],
    one: [] as number[],
    two: [] as number[],
    halves: [] as number[],
  };
  let printed = '';
  try {
    for (let index = 0; index < runs; index++) {
      const table = join(folder, 'single.sqlite');
      const single = await program([file('./nearest-single.ts'), table]);
      rmSync(table);
      if (single.code !== 0) throw new Error(single.stderr);
      printed = single.stdout;
      times.single.push(Number(/job\s+(\d+)\s*ms/.exec(single.stdout)![1]));
      times.calls.push(Number(/calls alone\s+(\d+)\s*ms/.exec(single.stdout)![1]));
      times.one.push(await mapTime(1, folder));
      times.two.push(await mapTime(2, folder));
      const halves = await program([file('./nearest-halves.ts')]);
      times.halves.push(Number(/([\d.]+)\s*ms/.exec(halves.stdout)![1]));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    single: median(times.single),
    calls: median(times.calls),
    oneWorker: median(times.one),
    twoWorkers: median(times.two),
    halves: median(times.halves),
    gain: median(times.single.map((single, index) => single / times.two[index])),
    callsGain: median(times.calls.map((calls, index) => calls / times.two[index])),
    records: Number(/records\s+([\d,]+)/.exec(printed)?.[1].replaceAll(',', '') ?? Number.NaN),
    mean: /mean distance\s+([\d.]+)/.exec(printed)?.[1] ?? '',
  };
}

/** Megabytes resident at most, and seconds, while so many lines go through an identity function. */
export async function flatMemory(lines = 10_000_000): Promise<{ megabytes: number; seconds: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'telaio-bench-'));
  const identity = join(folder, 'identity.mjs');
  writeFileSync(identity, 'export default (line) => line;\n');
  const probe = join(folder, 'probe.mjs');
  // Prints, at the end, the most that the kernel has seen resident (kilobytes there).
  writeFileSync(
    probe,
    "process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS + ' KB\\n'));\n",
  );
  try {
    const { code, stderr, milliseconds } = await program(
      ['--import', probe, cli, 'map', identity, '--queue', '1000', '--workers', '2', '--no-progress'],
      async (stdin) => {
        const block = 'a line of text as logs have it, number and all\n'.repeat(10_000);
        for (let sent = 0; sent < lines; sent += 10_000) {
          if (!stdin.write(block)) await new Promise((resolve) => stdin.once('drain', resolve));
        }
        stdin.end();
      },
    );
    if (code !== 0) throw new Error(stderr);
    const peaks = [...stderr.matchAll(/peak (\d+) KB/g)].map((match) => Number(match[1]));
    return { megabytes: Math.max(...peaks) / 1024, seconds: milliseconds / 1000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) console.log(await mapJob(), await flatMemory());
