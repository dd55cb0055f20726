// Runs a script of this project on the Node that the project brings (the npm package `node`), whatever Node the machine
// has; installs and builds first where that is missing. Usage: node scripts/with-node.mjs script.ts [arguments…]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = `${root}node_modules/.bin`;
const node = `${root}node_modules/node/bin/node${process.platform === 'win32' ? '.exe' : ''}`;
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };

/** npm writes this file at the end of an installation. */
const installed = `${root}node_modules/.package-lock.json`;
if (
  !existsSync(node) ||
  !existsSync(installed) ||
  statSync(installed).mtimeMs < statSync(`${root}package-lock.json`).mtimeMs - 1000
) {
  console.error('telaio: installing what the project needs (once) …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts=false'], {
    shell: process.platform === 'win32',
  });
  if (!existsSync(node)) {
    // An npm that does not run the package's install step leaves the binary in the package for this platform.
    run(process.execPath, ['installArchSpecificPackage'], { cwd: `${root}node_modules/node` });
  }
}
run(process.execPath, [`${root}scripts/build.mjs`]);

const [script, ...args] = process.argv.slice(2);
const child = spawn(node, [`${root}${script}`, ...args], { stdio: 'inherit', env });
// A Ctrl-C in the terminal reaches both; the script decides what it means.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
child.on('exit', (code, signal) => {
  if (signal) process.kill(process.pid, 'SIGKILL');
  process.exitCode = code ?? 1;
});

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], cwd: root, env, ...options });
  if (status === 0) return;
  console.error(`telaio: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
  process.exit(status ?? 1);
}
