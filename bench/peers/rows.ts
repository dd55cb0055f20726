/** The rows of the table: what is measured, in which unit, and how it is written. */

export type RowId =
  | 'one-by-one'
  | 'flight-1'
  | 'flight-10'
  | 'flight-100'
  | 'flight-1000'
  | 'flight-10000'
  | 'copy-10B'
  | 'copy-1KB'
  | 'copy-1MB'
  | 'copy-1MB-data'
  | 'move-1MB'
  | 'cpu-0.1'
  | 'cpu-1'
  | 'cpu-10'
  | 'map-items'
  | 'map-chunks'
  | 'queued'
  | 'queued-growth'
  | 'queued-bytes'
  | 'start'
  | 'memory';

export type Row = {
  id: RowId;
  title: string;
  better: 'more' | 'less';
  write: (value: number) => string;
  /** Configurations of a pool other than its plainest are tried too. */
  tuned?: true;
  /** Comes out of the measurement of that row. */
  with?: RowId;
  /** What counts for the order, if not the value itself. */
  rank?: (value: number) => number;
  /** In processes of its own, which do nothing else. */
  alone?: true;
};

const round = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(value >= 10 ? 3 : 2);
const microseconds = (value: number): string => `${round(value)} µs`;
const thousands = (value: number): string => `${round(value / 1000)} k/s`;
const itemsOf = (value: number): string => (value >= 1e6 ? `${round(value / 1e6)} M/s` : thousands(value));
const times = (value: number): string => `${value.toFixed(2)} ×`;

const inFlight = (id: RowId, title: string): Row => ({ id, title, better: 'more', write: thousands, tuned: true });

export const ROWS: readonly Row[] = [
  {
    id: 'one-by-one',
    title: 'empty task, one after another: half take no longer than',
    better: 'less',
    write: microseconds,
    tuned: true,
  },
  inFlight('flight-1', 'empty tasks, 1 in flight'),
  inFlight('flight-10', 'empty tasks, 10 in flight'),
  inFlight('flight-100', 'empty tasks, 100 in flight'),
  inFlight('flight-1000', 'empty tasks, 1,000 in flight'),
  inFlight('flight-10000', 'empty tasks, 10,000 in flight'),
  { id: 'copy-10B', title: '10 B there and back, copied', better: 'less', write: microseconds, tuned: true },
  { id: 'copy-1KB', title: '1 KB there and back, copied', better: 'less', write: microseconds, tuned: true },
  { id: 'copy-1MB', title: '1 MB there and back, copied', better: 'less', write: microseconds, tuned: true },
  {
    id: 'copy-1MB-data',
    title: 'the same in a program with 40 MB of objects',
    better: 'less',
    write: microseconds,
    tuned: true,
  },
  { id: 'move-1MB', title: '1 MB there and back, transferred', better: 'less', write: microseconds, tuned: true },
  { id: 'cpu-0.1', title: 'tasks of 0.1 ms, beside one thread', better: 'more', write: times, tuned: true },
  { id: 'cpu-1', title: 'tasks of 1 ms, beside one thread', better: 'more', write: times },
  { id: 'cpu-10', title: 'tasks of 10 ms, beside one thread', better: 'more', write: times },
  { id: 'map-items', title: '`map` over a million numbers, the caller names items', better: 'more', write: itemsOf },
  { id: 'map-chunks', title: 'the same, the caller makes chunks where need be', better: 'more', write: itemsOf },
  {
    id: 'queued',
    title: 'a task, submitted and done, with a million waiting',
    better: 'less',
    write: microseconds,
  },
  {
    id: 'queued-growth',
    title: 'the same beside that with a thousand waiting',
    better: 'less',
    write: times,
    with: 'queued',
    // Better than not growing is not better.
    rank: (value) => Math.max(1, value),
  },
  {
    id: 'queued-bytes',
    title: 'memory of a waiting task',
    better: 'less',
    write: (value) => (value > 0 ? `${round(value)} B` : 'none seen'),
    with: 'queued',
  },
  {
    id: 'start',
    title: 'start-up: from the import to the first result',
    better: 'less',
    write: (value) => `${value.toFixed(1)} ms`,
    alone: true,
  },
  {
    id: 'memory',
    title: 'resident memory of one more worker',
    better: 'less',
    write: (value) => (value < 2 ** 17 ? 'under 0.1 MB' : `${(value / 2 ** 20).toFixed(1)} MB`),
    rank: (value) => Math.max(2 ** 17, value),
    alone: true,
  },
];

export type Sizes = {
  rounds: number;
  /** Milliseconds of a measurement, and of the warming-up before it. */
  time: number;
  warm: number;
  /** A measurement that would take longer is cut down. */
  longest: number;
  numbers: number;
  waiting: number;
};

export const FULL: Sizes = {
  rounds: 3,
  time: 300,
  warm: 300,
  longest: 1200,
  numbers: 1_000_000,
  waiting: 1_000_000,
};
export const QUICK: Sizes = { rounds: 1, time: 30, warm: 15, longest: 300, numbers: 50_000, waiting: 10_000 };

/** What a measurement gave; a note says what else the reader must know. `aside`: it is shown, and does not compete. */
export type Measured = { row: RowId; value: number; note?: string; aside?: true };

/** A line that a process of one pool prints. */
export type Line = Measured | { row: RowId; error: string } | { settings: string[]; version?: string };
