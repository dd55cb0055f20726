/** Runs an example as a program, on the Node that runs the tests, and reads what it has logged. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type Outcome = {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Texts of the log lines, in the order in which they were written. */
  log: string[];
  ms: number;
};

export type RunOptions = {
  args?: string[];
  env?: Record<string, string>;
  /** Milliseconds; then the program is killed, and the test fails with what it has written so far. */
  deadline?: number;
};

const LOG_LINE = /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d: (.+)$/;

export const fileOf = (name: string): string => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

export async function run(name: string, { args = [], env = {}, deadline = 30_000 }: RunOptions = {}): Promise<Outcome> {
  const started = performance.now();
  const child = spawn(process.execPath, [fileOf(name), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      texts[stream] += text;
    });
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, deadline);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  clearTimeout(timer);
  const ms = performance.now() - started;
  assert.ok(!late, `${name} had not ended after ${deadline} ms; it had written:\n${texts.stdout}\n${texts.stderr}`);
  const log = texts.stderr.split('\n').flatMap((line) => LOG_LINE.exec(line)?.[1] ?? []);
  return { code, ...texts, log, ms };
}

/** It ended well, and wrote log lines only: whole ones. */
export function assertOnlyLog({ code, stdout, stderr, log }: Outcome): void {
  assert.equal(code, 0, stderr);
  assert.equal(stdout, '');
  assert.equal(stderr.split('\n').length - 1, log.length, `there are lines that are no log lines:\n${stderr}`);
  assert.ok(stderr.endsWith('\n'));
}

/** All of these lines are there, once each, in this order; others may stand between them. */
export function assertInOrder(log: string[], ...lines: string[]): void {
  const places = lines.map((line) => {
    assert.equal(log.filter((other) => other === line).length, 1, `"${line}" should be there once:\n${log.join('\n')}`);
    return log.indexOf(line);
  });
  const sorted = places.toSorted((a, b) => a - b);
  assert.deepEqual(places, sorted, `not in order: ${lines.join(' | ')}\n${log.join('\n')}`);
}
