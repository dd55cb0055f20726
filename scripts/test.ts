/**
 * `npm test`: everything that CI runs. Style, types, the tests on the development Node and on the oldest supported one;
 * the runners' closing lines again at the end. Arguments go to `node --test` (files, --test-name-pattern …), and then
 * only the tests run, on the development Node. `--stress`: thousands of rounds.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = `${root}node_modules/`;
const chosen = process.argv.slice(2).filter((argument) => argument !== '--stress');
// Thousands of rounds instead of a few.
if (process.argv.includes('--stress')) process.env.TELAIO_STRESS = '1';
// Tests start some thousand isolates, each of which would compile the same modules again: half of the time of a run.
process.env.NODE_COMPILE_CACHE ??= `${modules}.cache/compile`;
const closing: string[] = [];
let failed = false;

if (chosen.length > 0) {
  await testOn('this Node', process.execPath, chosen);
} else {
  step('style', process.execPath, [`${modules}@biomejs/biome/bin/biome`, 'check', '--error-on-warnings', '.']);
  step('types', process.execPath, [`${modules}typescript/bin/tsc`, '--noEmit', '-p', 'tsconfig.json']);
  const files = globSync('test/**/*.test.ts', { cwd: root }).sort();
  await testOn(process.version, process.execPath, files);
  await testOn('Node 24', `${modules}node24/bin/node`, files);
}
console.log(closing.join('\n'));
process.exitCode = failed ? 1 : 0;

function step(name: string, command: string, args: string[]): void {
  const started = performance.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed = true;
  closing.push(
    `${name}: ${status === 0 ? 'well' : 'FAILED'} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
}

async function testOn(name: string, node: string, args: string[]): Promise<void> {
  const started = performance.now();
  console.log(`\n— tests on ${name}`);
  const runner = spawn(node, ['--test', '--test-concurrency=2', '--test-reporter=spec', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(runner, 'close');
  const counts: string[] = [];
  for await (const line of createInterface(runner.stdout)) {
    console.log(line);
    if (/^ℹ (tests|pass|fail|cancelled|skipped) /.test(line)) counts.push(line);
  }
  const [status] = await ended;
  if (status !== 0) failed = true;
  closing.push(`— tests on ${name}, ${((performance.now() - started) / 1000).toFixed(0)} s`, ...counts);
}
