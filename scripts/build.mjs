// Builds dist/ from src/. Runs on any Node, so that `npm install` can call it; skipped when dist/ is newer than all sources.
//
// Every thread loads the library anew, and a hundred small files take it twice as long as ten. So what is imported by its name
// keeps its place, and the rest is put together in pieces/.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const next = `${root}dist.${process.pid}`;
const stamp = `${root}dist/.built`;
const inputs = [
  ...readdirSync(`${root}src`, { recursive: true }).map((name) => `${root}src/${name}`),
  `${root}tsconfig.json`,
  `${root}tsconfig.build.json`,
  `${root}package.json`,
  fileURLToPath(import.meta.url),
];
const newest = Math.max(...inputs.map((file) => statSync(file).mtimeMs));

/** Stands for `require` until all is put together. */
const REQUIRE = 'telaioRequire';
/** What is imported by its name: by users, by the command, by workers, and by the benchmarks. */
const ENTRIES = [
  'index',
  'threading/index',
  'queue/index',
  'shared/index',
  'futures/index',
  'functions/register',
  'errors',
  'memory/index',
  'threading/bootstrap/nursery',
  'threading/bootstrap/isolate',
  'threading/bootstrap/node-test',
  'futures/worker',
  'futures/sent-executor',
];

const OPTIONS = {
  write: false,
  outdir: next,
  bundle: true,
  platform: 'node',
  target: 'esnext',
  packages: 'external',
  external: ['./nursery.cjs'],
  // Not the names: they are in stacks.
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: 'warning',
};

if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest || process.argv.includes('--force')) {
  try {
    const { status } = spawnSync(
      process.execPath,
      [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`, '--outDir', next],
      { stdio: 'inherit', cwd: root },
    );
    if (status !== 0) throw new Error('the types are wrong');
    await putTogether();
    chmodSync(`${next}/cli/main.js`, 0o755);
    writeFileSync(`${next}/.built`, '');
  } catch (error) {
    rmSync(next, { recursive: true, force: true });
    console.error(`build: ${error.message}`);
    process.exit(1);
  }
  // Last, and quick: programs that run from dist/ meanwhile find one or the other.
  rmSync(`${root}dist`, { recursive: true, force: true });
  renameSync(next, `${root}dist`);
}

/** In place of what the compiler made of them; the command is run as that made it, and so are all types. */
async function putTogether() {
  for (const name of readdirSync(next, { recursive: true })) {
    if (/\.js(?:\.map)?$/.test(name) && !/^cli[\\/]/.test(name)) rmSync(`${next}/${name}`);
  }
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: ENTRIES.map((name) => `${root}src/${name}.ts`),
    outbase: `${root}src`,
    // By this the library knows its own files: src/functions/own.ts.
    chunkNames: 'pieces/telaio-[hash]',
    splitting: true,
    format: 'esm',
    // Bundlers of programs are to find it as it was written: it names what is wanted late, and at once.
    define: { require: REQUIRE },
  });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, withNames(text).replaceAll(REQUIRE, 'require'));
  }
  // Whole, for programs that are packed into a file: no worker of theirs can begin with a file of ours.
  const [nursery] = (
    await build({
      ...OPTIONS,
      entryPoints: [`${root}src/threading/bootstrap/nursery.ts`],
      format: 'cjs',
      logOverride: { 'empty-import-meta': 'silent' },
    })
  ).outputFiles;
  writeFileSync(`${next}/pieces/nursery.cjs`, `module.exports=${JSON.stringify(withNames(nursery.text))};\n`);
}

/** Classes are called in texts what they are called in the sources, whatever bundlers and minifiers make of them. */
function withNames(text) {
  const heads = /(?:\b([A-Z]\w*)=class(?: \w+)?|\bclass ([A-Z]\w*))(?: extends [\w$.]+)?\{/g;
  return text.replace(
    heads,
    (head, held, name = held) => `${head}static{Object.defineProperty(this,"name",{value:"${name}",configurable:!0})}`,
  );
}
