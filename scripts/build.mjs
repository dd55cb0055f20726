// Builds dist/ from src/. Runs on any Node, so that `npm install` can call it; skipped when dist/ is newer than all sources.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const next = `${root}dist.${process.pid}`;
const stamp = `${root}dist/.built`;
const inputs = [
  ...readdirSync(`${root}src`, { recursive: true }).map((name) => `${root}src/${name}`),
  `${root}tsconfig.json`,
  `${root}tsconfig.build.json`,
  `${root}package.json`,
];
const newest = Math.max(...inputs.map((file) => statSync(file).mtimeMs));

if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest || process.argv.includes('--force')) {
  const { status } = spawnSync(
    process.execPath,
    [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`, '--outDir', next],
    {
      stdio: 'inherit',
      cwd: root,
    },
  );
  if (status !== 0) {
    rmSync(next, { recursive: true, force: true });
    process.exit(status ?? 1);
  }
  chmodSync(`${next}/cli/main.js`, 0o755);
  writeFileSync(`${next}/.built`, '');
  // Last, and quick: programs that run from dist/ meanwhile find one or the other.
  rmSync(`${root}dist`, { recursive: true, force: true });
  renameSync(next, `${root}dist`);
}
