/** Runs each pool in processes of its own, in turns, and puts together what they print. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { median } from '../measure.ts';
import { FULL, type Line, type Measured, QUICK, ROWS, type Row, type RowId } from './rows.ts';

const WORKERS = 2;
/** Two processes with so many workers: the difference in memory is that of the workers between. */
const FEW = 1;
const MANY = 5;
const STARTS = 3;
/** Milliseconds in which a process must print something; one that doesn't hangs. */
const PATIENCE = 40_000;

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export type Pool = {
  name: string;
  version: string;
  /** The names of its configurations, as it told them. */
  settings: string[];
  command: string;
  args: (setting: number, workers: number) => string[];
};

function poolOfNode(name: string): Pool {
  const manifest = name === 'telaio' ? '../../package.json' : `../../node_modules/${name}/package.json`;
  const { version } = JSON.parse(readFileSync(path(manifest), 'utf8'));
  const args = (setting: number, workers: number): string[] => [path('child.ts'), name, `${setting}`, `${workers}`];
  return { name, version, settings: [], command: process.execPath, args };
}

function poolOfPython(kind: string, name: string): Pool {
  // Without leaving compiled files behind.
  const args = (_setting: number, workers: number): string[] => ['-B', path('cpython.py'), kind, `${workers}`];
  return { name, version: '', settings: [], command: 'python3', args };
}

export function pools(): Pool[] {
  const found = ['telaio', 'piscina', 'tinypool', 'workerpool', 'poolifier', 'multithreading'].map(poolOfNode);
  const { status, stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 14))']);
  if (status === 0) {
    const other = `${stdout}`.trim() === 'True' ? 'interpreters' : 'processes';
    found.push(poolOfPython('threads', 'CPython threads'), poolOfPython('others', `CPython ${other}`));
  }
  return found;
}

/** What one pool gave in one row: of each of its configurations the values of all rounds, or why there is none. */
export type Cell = Map<number, { values: number[]; note?: string; aside?: boolean; error?: string }>;
export type Cells = Map<RowId, Map<Pool, Cell>>;

class Gathering {
  readonly cells: Cells = new Map(ROWS.map(({ id }) => [id, new Map()]));
  readonly #quick: boolean;

  constructor(quick: boolean) {
    this.#quick = quick;
  }

  async round(pool: Pool): Promise<void> {
    const rows = ROWS.filter((row) => !row.alone && row.with === undefined);
    await this.#keep(pool, 0, rows);
    const tuned = rows.filter((row) => row.tuned);
    const settings = this.#quick ? Math.min(2, pool.settings.length) : pool.settings.length;
    for (let setting = 1; setting < settings; setting++) await this.#keep(pool, setting, tuned);
    const rowOf = (id: RowId): Row[] => ROWS.filter((row) => row.id === id);
    for (let time = 0; time < (this.#quick ? 1 : STARTS); time++) await this.#keep(pool, 0, rowOf('start'));
    const [few] = await this.#run(pool, 0, FEW, rowOf('memory'));
    const [many] = await this.#run(pool, 0, MANY, rowOf('memory'));
    const both = 'value' in few && 'value' in many;
    this.#put(pool, 0, both ? { ...few, value: (many.value - few.value) / (MANY - FEW) } : 'error' in few ? few : many);
  }

  async #keep(pool: Pool, setting: number, rows: Row[]): Promise<void> {
    for (const line of await this.#run(pool, setting, WORKERS, rows)) this.#put(pool, setting, line);
  }

  #put(pool: Pool, setting: number, line: Measured | { row: RowId; error: string }): void {
    const cells = this.cells.get(line.row)!;
    let cell = cells.get(pool);
    if (!cell) cells.set(pool, (cell = new Map()));
    let entry = cell.get(setting);
    if (!entry) cell.set(setting, (entry = { values: [] }));
    if ('error' in line) entry.error = line.error;
    else {
      entry.values.push(line.value);
      entry.note = line.note;
      entry.aside ||= line.aside;
    }
  }

  /** One process, to its end. Rows of which nothing came have an error. */
  async #run(
    pool: Pool,
    setting: number,
    workers: number,
    rows: Row[],
  ): Promise<(Measured | { row: RowId; error: string })[]> {
    const args = [...pool.args(setting, workers), this.#quick ? 'quick' : 'full', ...rows.map(({ id }) => id)];
    const child = spawn(pool.command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let hung = false;
    const give = (): void => {
      hung = true;
      child.kill('SIGKILL');
    };
    let patience = setTimeout(give, PATIENCE);
    const measured: (Measured | { row: RowId; error: string })[] = [];
    createInterface({ input: child.stdout }).on('line', (text) => {
      clearTimeout(patience);
      patience = setTimeout(give, PATIENCE);
      // Pools may print, too.
      if (!/^\{"(row|settings)":/.test(text)) return;
      const line = JSON.parse(text) as Line;
      if ('row' in line) measured.push(line);
      else {
        pool.settings = line.settings;
        pool.version ||= line.version ?? '';
      }
    });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      complaint += text;
    });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearTimeout(patience);
    const why = hung ? 'it hung' : (complaint.match(/^\w*Error\b.*$/m)?.[0] ?? `its process ended with ${code}`);
    for (const { id } of rows) if (!measured.some(({ row }) => row === id)) measured.push({ row: id, error: why });
    return measured;
  }
}

/** All rows of all pools. `tell` hears how far it is. */
export async function gather(quick: boolean, tell: (text: string) => void): Promise<{ pools: Pool[]; cells: Cells }> {
  const gathering = new Gathering(quick);
  const found = pools();
  const { rounds } = quick ? QUICK : FULL;
  for (let round = 0; round < rounds; round++) {
    for (const pool of found) {
      tell(`round ${round + 1} of ${rounds}: ${pool.name}`);
      await gathering.round(pool);
    }
  }
  return { pools: found, cells: gathering.cells };
}

/** `values`: of each round. */
export type Best = { value: number; values: readonly number[]; setting: number; note?: string; aside?: boolean };

/** The median of a pool's best configuration in that row; or why there is none. */
export function bestOf(row: Row, cell: Cell | undefined): Best | { error: string } {
  let best: Best | undefined;
  let error = 'not measured';
  for (const [setting, entry] of cell ?? []) {
    if (entry.values.length === 0) {
      error = entry.error ?? error;
      continue;
    }
    const value = median(entry.values);
    if (best && (row.better === 'more' ? value <= best.value : value >= best.value)) continue;
    best = { value, values: entry.values, setting, note: entry.note, aside: entry.aside };
  }
  return best ?? { error };
}
