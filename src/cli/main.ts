#!/usr/bin/env node
/**
 * The program `telaio`. This file is in the language of old Node versions and imports nothing of the kind that they can't
 * parse, so that they get a sentence instead of a syntax error.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Surroundings } from './program.ts';

export type { Summary, Surroundings } from './program.ts';

const OLDEST = 24;

/**
 * Runs `telaio` with the arguments that follow its name and gives the exit code. Never throws: what goes wrong is told on
 * `stderr`.
 */
export async function main(argv: string[], given: Partial<Surroundings> = {}): Promise<number> {
  const program = await import('./program.ts');
  return await program.main(argv, given);
}

/** Not `import.meta.main`, which old versions lack. */
function isProgram(): boolean {
  try {
    return realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url));
  } catch (_) {
    return false;
  }
}

async function runProgram(): Promise<void> {
  const version = process.versions.node;
  if (Number(version.split('.')[0]) < OLDEST) {
    process.stderr.write(`telaio: this is Node ${version}; telaio needs Node ${OLDEST} or newer\n`);
    process.exitCode = 2;
    return;
  }
  const code = await main(process.argv.slice(2), { endsProcess: true });
  // What a module left open, or a read that can't be called back, must not keep a run that has ended.
  process.stderr.write('', () => process.exit(code));
}

if (isProgram()) await runProgram();
