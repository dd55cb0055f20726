/** Medians, and runs of programs. */
import { spawn } from 'node:child_process';

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of several runs, which follow each other. */
export async function medianOf(runs: number, run: () => number | Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let index = 0; index < runs; index++) values.push(await run());
  return median(values);
}

/** Medians of two ways of doing the same, run in turn so that the machine's moods hit both. */
export async function beside(
  runs: number,
  one: () => Promise<number>,
  other: () => Promise<number>,
): Promise<[number, number]> {
  const values: [number[], number[]] = [[], []];
  for (let index = 0; index < runs; index++) {
    values[0].push(await one());
    values[1].push(await other());
  }
  return [median(values[0]), median(values[1])];
}

export type Run = { code: number | null; stdout: string; stderr: string; milliseconds: number };

/** Runs a program of Node to its end. `feed` writes its standard input; then its output goes nowhere. */
export async function program(args: string[], feed?: (stdin: NodeJS.WritableStream) => Promise<void>): Promise<Run> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { stdio: [feed ? 'pipe' : 'ignore', feed ? 'ignore' : 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  // A program that ends early says why on stderr.
  child.stdin?.on('error', () => {});
  await feed?.(child.stdin!);
  const code = await ended;
  return { code, stdout, stderr, milliseconds: performance.now() - started };
}
