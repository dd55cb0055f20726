/** Runs a fixture as a program of its own, as a user would, and tells what came of it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type Ran = {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  lines: string[];
  ms: number;
};
export type RunOptions = {
  args?: string[];
  nodeArgs?: string[];
  env?: Record<string, string>;
  timeout?: number;
  /** A shell command that reads the program's standard output, as in `node … | head -1`; its own output is `stdout`. */
  into?: string;
};

const MOST_AT_ONCE = 2;
let running = 0;
const waiting: (() => void)[] = [];

/** At most two programs run at the same time; one that takes longer than `timeout` is killed and fails the test. */
export async function run(fixture: URL, options: RunOptions = {}): Promise<Ran> {
  if (running >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    return await runNow(fixture, options);
  } finally {
    running--;
    waiting.shift()?.();
  }
}

function runNow(fixture: URL, options: RunOptions): Promise<Ran> {
  const { args = [], nodeArgs = [], env, timeout = 45_000, into } = options;
  const words = [process.execPath, ...nodeArgs, fileURLToPath(fixture), ...args];
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const [command, ...rest] = into === undefined ? words : ['sh', '-c', `${quoted} | ${into}`];
  // What this runner was started with is no business of the program's.
  const { NODE_OPTIONS: _options, NODE_TEST_CONTEXT: _context, ...inherited } = process.env;
  const start = performance.now();
  const child = spawn(command, rest, { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${words.join(' ')} did not end in ${timeout} ms.\nstdout:\n${stdout}\nstderr:\n${stderr}`));
    }, timeout);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const lines = stdout.split('\n').slice(0, -1);
      resolve({ code, signal, stdout, stderr, lines, ms: performance.now() - start });
    });
  });
}
