/** Runs the command line for a test, in this process or as a program, in a folder of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { BackendFactory } from '../../src/cli/backend.ts';
import { main } from '../../src/cli/main.ts';
import { inlineBackend } from './inline-backend.ts';

export type Outcome = { code: number | null; stdout: string; stderr: string };

/** A folder for one test, removed with all that is in it. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'telaio-cli-'));

  /** Writes a file and gives its full path. */
  file(name: string, content: string | Uint8Array = ''): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  /** Full path of a file that need not exist. */
  at(name: string): string {
    return join(this.path, name);
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** `telaio …argv` in this process. */
export async function telaio(
  argv: string[],
  { stdin = '', backend = inlineBackend }: { stdin?: string | Uint8Array | Readable; backend?: BackendFactory } = {},
): Promise<Outcome> {
  const stdout = new Collector();
  const stderr = new Collector();
  const input = stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)], { objectMode: false });
  const code = await main(argv, { stdin: input, stdout, stderr, backend });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

let modules = 0;

/** Maps one line a value through a function given as source, `record` being its argument. */
export async function mapTo(
  folder: Folder,
  to: string,
  source: string,
  records: unknown[],
  ...options: string[]
): Promise<Outcome> {
  // A name of its own: Node imports a file once.
  const target = folder.file(`target${modules++}.ts`, `export default (record: any) => ${source}`);
  const stdin = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  return await telaio(['map', target, '--from', 'ndjson', '--to', to, ...options], { stdin });
}

export function rowsOf(path: string, sql: string): Record<string, unknown>[] {
  using db = new DatabaseSync(path);
  return db
    .prepare(sql)
    .all()
    .map((row) => ({ ...row }));
}

export class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export const PROGRAM = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export type Running = { child: ChildProcess; ended: Promise<Outcome> };

/** `telaio …argv` as a program. */
export function start(argv: string[], { cwd, program = PROGRAM }: { cwd?: string; program?: string } = {}): Running {
  const child = spawn(process.execPath, [program, ...argv], { cwd });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, ...texts }));
  });
  return { child, ended };
}

/** A Ctrl-C, and another as soon as the first has arrived: two that are pending at the same time are one. */
export async function interruptTwice({ child }: Running): Promise<void> {
  child.kill('SIGINT');
  while (isPending(child.pid!, constants.signals.SIGINT)) await new Promise(setImmediate);
  child.kill('SIGINT');
}

/** Whether the kernel still keeps a signal for a process; only Linux tells. */
function isPending(pid: number, signal: number): boolean {
  if (process.platform !== 'linux') return false;
  const [, pending] =
    /^ShdPnd:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? assert.fail('no ShdPnd');
  return (BigInt(`0x${pending}`) & (1n << BigInt(signal - 1))) !== 0n;
}

/** A shell command in which `telaio` is the program. */
export function shell(command: string, cwd: string): Promise<Outcome> {
  const program = `"${process.execPath}" "${PROGRAM}"`;
  const child = spawn('bash', ['-c', `telaio() { ${program} "$@"; }; ${command}`], { cwd });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  child.stdin.end();
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, ...texts }));
  });
}
