/**
 * One pool in a process of its own, so that no pool disturbs another: prints a line of JSON for each row.
 * Usage: node bench/peers/child.ts pool setting workers full|quick row…
 */
import { gc, MEASURES } from './measures.ts';
import type { Adapter } from './pools/pool.ts';
import { FULL, type Line, QUICK, type RowId } from './rows.ts';

const [name, setting, count, size, ...rows] = process.argv.slice(2);
const say = (line: Line): void => console.log(JSON.stringify(line));
const workers = Number(count);

const started = performance.now();
const { adapter } = (await import(`./pools/${name}.ts`)) as { adapter: Adapter };
const pool = await adapter.open(workers, Number(setting));
await pool.empty(1);
const start = performance.now() - started;
say({ settings: adapter.settings });

for (const row of rows as RowId[]) {
  gc();
  try {
    if (row === 'start') say({ row, value: start });
    else {
      const sizes = size === 'quick' ? QUICK : FULL;
      for (const measured of await MEASURES[row]!({ pool, adapter, sizes, workers })) {
        say({
          ...measured,
          note: [measured.note, adapter.notes?.[measured.row]].filter(Boolean).join('; ') || undefined,
        });
      }
    }
  } catch (error) {
    say({ row, error: String((error as Error)?.message ?? error) });
  }
}
// Not every pool ends without its workers' being told so, and some do not say when they have ended.
void pool.close();
setTimeout(() => process.exit(), 100);
