/**
 * ThreadPoolExecutor beside other pools. Part of `npm run bench`, where it takes about five minutes; by itself, after a
 * build: node bench/peers/run.ts [--quick]. With --quick one round of small measurements, to see that all of it works.
 */
import { gather } from './gather.ts';
import { type Report, report } from './table.ts';

export async function peers(quick = false): Promise<Report> {
  const started = performance.now();
  const { pools, cells } = await gather(quick, (text) => console.error(`  peers, ${text}`));
  console.error(`  peers: ${Math.round((performance.now() - started) / 1000)} s`);
  return report(pools, cells);
}

if (import.meta.main) {
  const { markdown } = await peers(process.argv.includes('--quick'));
  console.log(markdown);
}
