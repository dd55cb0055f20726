/** The table of pools, the rows in which telaio is not first, and the goals: as Markdown. */
import { type Best, bestOf, type Cells, type Pool } from './gather.ts';
import { reasons } from './reasons.ts';
import { ROWS, type Row, type RowId } from './rows.ts';

/** Who comes as near as this to the first is first as well: two runs differ by more. */
const AS_GOOD = 1.02;
/** Longer notes stand below the table. */
const SHORT = 24;

export type Figure = { what: string; measured: string; goal: string; met: boolean };
type Place = { pool: Pool; best: Best };
type Ranked = { row: Row; all: Map<Pool, Best | { error: string }>; first: Place | undefined; firsts: Set<Pool> };

export type Report = { figures: Figure[]; markdown: string };

const rankOf = (row: Row, value: number): number => row.rank?.(value) ?? value;

/** By how much the second is worse than the first; below 1 if it is better. */
const worse = (row: Row, first: number, second: number): number =>
  row.better === 'more' ? rankOf(row, first) / rankOf(row, second) : rankOf(row, second) / rankOf(row, first);

function ranked(row: Row, pools: readonly Pool[], cells: Cells): Ranked {
  const own = cells.get(row.id)!;
  const source = row.with === undefined ? own : cells.get(row.with)!;
  const all = new Map(pools.map((pool) => [pool, bestOf(row, own.get(pool) ?? source.get(pool))] as const));
  let first: Place | undefined;
  for (const [pool, best] of all) {
    if ('error' in best || best.aside) continue;
    if (!first || worse(row, first.best.value, best.value) < 1) first = { pool, best };
  }
  const firsts = new Set<Pool>();
  for (const [pool, best] of all) {
    if (first && !('error' in best) && !best.aside && worse(row, first.best.value, best.value) <= AS_GOOD) {
      firsts.add(pool);
    }
  }
  return { row, all, first, firsts };
}

export function report(pools: readonly Pool[], cells: Cells): Report {
  const rows = new Map(ROWS.map((row) => [row.id, ranked(row, pools, cells)] as const));
  const telaio = pools[0];
  const behind = [...rows.values()].filter(({ firsts }) => !firsts.has(telaio)).map((row) => behindLine(row, telaio));
  const figures = goals(rows, pools);
  figures.push({
    what: 'first in every row, or a reason',
    measured: `first in ${rows.size - behind.length} of ${rows.size} rows`,
    goal: 'a reason for each of the others',
    met: behind.every(({ reason }) => reason !== undefined),
  });
  const versions = pools.map(({ name, version }) => `${name} ${version}`).join(', ');
  const markdown = `## Beside the peers

Two workers each, every pool in a process of its own, in turns; medians of the rounds. ${versions}. The first of each row is
bold, and who comes within ${Math.round((AS_GOOD - 1) * 100)} % of it. Of pools with several configurations the best of the row counts, a letter says which.
What would take too long is cut down, and then says to how much. What stands in italics does not compete.

${table(rows, pools)}

- In the two rows of \`map\`: telaio's \`map\` in both, and CPython's; of the pools that have none, \`Promise.all\` over the
  items, then over chunks of 10,000 numbers that the caller makes and puts together again (poolifier: its \`mapExecute\`;
  CPython's processes: \`chunksize=10_000\`).
- Memory of a waiting task: the JavaScript heap after a collection, and the shared heap of telaio; "resident" where tasks wait
  outside the JavaScript heap, or in CPython. Memory of a worker: the difference between five and one, by four.
- A real task is a loop, calibrated in the same process, that takes so long there in one thread.

| goal | measured | | met |
| --- | --- | --- | --- |
${figures.map(({ what, measured, goal, met }) => `| ${what} | ${measured} | ${goal} | ${met ? 'yes' : '**no**'} |`).join('\n')}

### Where telaio is not first

${behind.map(({ text }) => text).join('\n') || 'Nowhere.'}
`;
  return { figures, markdown };
}

function behindLine({ row, all, first }: Ranked, telaio: Pool): { text: string; reason: string | undefined } {
  const own = all.get(telaio)!;
  const reason = first && (reasons[row.id]?.[first.pool.name.replace(/ .*/, '')] ?? overlap(row, own, first));
  const figure = 'error' in own ? own.error : row.write(own.value);
  const before = first ? `${row.write(first.best.value)} of ${first.pool.name}` : 'nobody';
  return { text: `- **${row.title}**: ${figure} behind ${before}. ${reason ?? '*no reason written*'}`, reason };
}

/** Where a round of ours was better than one of the first's, another run may well have another order. */
function overlap(row: Row, own: Best | { error: string }, { best }: Place): string | undefined {
  if ('error' in own) return undefined;
  const [ours, theirs] = [own.values, best.values].map((values) => values.toSorted((a, b) => worse(row, b, a) - 1));
  if (worse(row, theirs.at(-1)!, ours[0]) > 1) return undefined;
  const range = (values: number[]): string => `${row.write(values[0])} to ${row.write(values.at(-1)!)}`;
  return `By chance, it seems: the rounds overlap, ${range(ours)} here and ${range(theirs)} there.`;
}

function table(rows: ReadonlyMap<RowId, Ranked>, pools: readonly Pool[]): string {
  const notes: string[] = [];
  const noted = (note: string): string => {
    if (!notes.includes(note)) notes.push(note);
    return `[${notes.indexOf(note) + 1}]`;
  };
  const letter = (setting: number): string => String.fromCharCode(65 + setting);
  const cell = ({ row, all, firsts }: Ranked, pool: Pool): string => {
    const best = all.get(pool)!;
    if ('error' in best) return `– ${noted(best.error)}`;
    const value = row.write(best.value);
    const figure = firsts.has(pool) ? `**${value}**` : best.aside ? `*${value}*` : value;
    const which = pool.settings.length > 1 && row.tuned ? ` ${letter(best.setting)}` : '';
    const parts = (best.note ?? '').split('; ').filter(Boolean);
    const short = parts.filter((part) => part.length <= SHORT).join('; ');
    const long = parts
      .filter((part) => part.length > SHORT)
      .map(noted)
      .join(' ');
    return `${figure}${which}${short && ` (${short})`}${long && ` ${long}`}`;
  };
  const lines = [...rows.values()].map(
    (row) => `| ${row.row.title} | ${pools.map((pool) => cell(row, pool)).join(' | ')} |`,
  );
  const settings = pools
    .filter((pool) => pool.settings.length > 1)
    .map((pool) => `- ${pool.name}: ${pool.settings.map((name, index) => `${letter(index)}: ${name}`).join('; ')}.`);
  return [
    `| | ${pools.map(({ name }) => name).join(' | ')} |`,
    `| --- | ${pools.map(() => '---').join(' | ')} |`,
    ...lines,
    '',
    ...settings,
    ...notes.map((note, index) => `- [${index + 1}] ${note}.`),
  ].join('\n');
}

function goals(rows: ReadonlyMap<RowId, Ranked>, pools: readonly Pool[]): Figure[] {
  const [telaio] = pools;
  const piscina = pools.find(({ name }) => name === 'piscina')!;
  const value = (id: RowId, pool: Pool): number => {
    const best = rows.get(id)!.all.get(pool)!;
    return 'error' in best ? Number.NaN : best.value;
  };
  const written = (id: RowId, pool = telaio): string => rows.get(id)!.row.write(value(id, pool));
  const ratio = (id: RowId): number => value(id, telaio) / value(id, piscina);
  const besidePiscina = (id: RowId): string =>
    `${written(id)} against ${written(id, piscina)}: ${ratio(id).toFixed(2)} times`;
  const megabyte = (id: RowId, what: string): Figure => {
    const others = [...rows.get(id)!.all].filter(
      ([pool, best]) => pool !== telaio && !('error' in best) && !best.aside,
    );
    const fastest = Math.min(...others.map(([, best]) => (best as Best).value));
    const measured = `${written(id)} against ${rows.get(id)!.row.write(fastest)}`;
    return { what, measured, goal: 'no slower than the fastest peer', met: value(id, telaio) <= fastest };
  };
  const queued = rows.get('queued')!.all.get(telaio)!;
  const cut = 'note' in queued && queued.note ? ` (${queued.note})` : '';
  return [
    {
      what: 'empty tasks, 1,000 in flight, beside the best of piscina',
      measured: besidePiscina('flight-1000'),
      goal: 'at least 8 times',
      met: ratio('flight-1000') >= 8,
    },
    {
      what: 'empty task, one after another, beside the best of piscina',
      measured: besidePiscina('one-by-one'),
      goal: 'at most 0.7 times',
      met: ratio('one-by-one') <= 0.7,
    },
    {
      what: '`map` over a million numbers',
      measured: written('map-items'),
      goal: 'at least 2 M/s',
      met: value('map-items', telaio) >= 2e6,
    },
    {
      what: 'tasks of 1 ms, beside one thread',
      measured: written('cpu-1'),
      goal: 'at least 1.95 ×',
      met: value('cpu-1', telaio) >= 1.95,
    },
    megabyte('copy-1MB', '1 MB there and back, copied'),
    megabyte('move-1MB', '1 MB there and back, transferred'),
    {
      what: 'a task with a million waiting, beside that with a thousand',
      measured: `${written('queued-growth')}${cut}`,
      goal: 'at most 1.3 ×',
      met: value('queued-growth', telaio) <= 1.3 && cut === '',
    },
    {
      what: 'memory of a waiting task',
      measured: `${written('queued-bytes')}${cut}`,
      goal: 'under 200 B',
      met: value('queued-bytes', telaio) < 200 && cut === '',
    },
  ];
}
