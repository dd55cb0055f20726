/** The documentation, run: every whole program in it against the built package, by the package's own name. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Block, blocksOf, Home, root, skeleton } from './blocks.ts';

const DOCUMENTS = ['README.md', 'docs/guide.md'];
const TRANSLATIONS: Record<string, string> = { 'README.md': 'docs/it/README.md', 'docs/guide.md': 'docs/it/guide.md' };
const OTHERS = ['CHANGELOG.md', 'CONTRIBUTING.md', 'docs/design.md', 'docs/memory-model.md', 'docs/dependencies.md'];
const ALL = [...DOCUMENTS, ...Object.values(TRANSLATIONS), ...OTHERS, 'docs/differences.md'];
const LIMIT_MS = 30_000;
/** What stands for the folder in which the blocks of a document run. */
const FOLDER = '/home/ada';

type Result = { code: number | null; output: string };

/** Runs a command of bash in the home; stdout and stderr in one, since a terminal shows them so. */
function bash(home: Home, command: string): Result {
  const path = [join(home.path, 'node_modules', '.bin'), dirname(process.execPath), process.env.PATH].join(delimiter);
  const { status, stdout } = spawnSync('bash', ['-c', `exec 2>&1; npx() { "$@"; }; ${command}`], {
    cwd: home.path,
    env: { ...process.env, PATH: path, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
    encoding: 'utf8',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  return { code: status, output: stdout.replaceAll(realpathSync(home.path), FOLDER) };
}

for (const document of DOCUMENTS) {
  const blocks = blocksOf(document);

  test(`${document}: what is marked runs`, { timeout: 300_000 }, async (context) => {
    assert.ok(existsSync(join(root, 'dist', 'index.js')), 'dist/ is missing: npm run build');
    using home = new Home();
    let last: Result | undefined;
    for (const [index, block] of blocks.entries()) {
      const title = `${document}:${block.line} ${block.language} ${block.mark}`;
      const file = /^file=(\S+)$/.exec(block.mark)?.[1];
      if (file !== undefined) home.write(file, block.code);
      else if (isProgram(block)) {
        await context.test(title, { timeout: LIMIT_MS + 5000 }, () => {
          const name = `program-${index}.ts`;
          home.write(name, block.code);
          last = bash(home, `node ${name}`);
          assert.equal(last.code, 0, last.output);
        });
      } else if (block.language === 'sh' && block.mark === 'run') {
        await context.test(title, { timeout: LIMIT_MS + 5000 }, () => {
          last = bash(home, `set -e\n${block.code}`);
          assert.equal(last.code, 0, last.output);
        });
      } else if (block.mark === 'output') {
        await context.test(title, () => assert.equal(last?.output.trimEnd(), block.code.trimEnd()));
      } else assert.equal(block.mark, '', `${title}: an unknown mark`);
    }
  });

  test(`${document}: whole programs have the types that they claim`, { timeout: 60_000 }, () => {
    using home = new Home();
    const names = blocks.flatMap((block, index) => {
      const name = /^file=(\S+\.ts)$/.exec(block.mark)?.[1] ?? (isProgram(block) ? `program-${index}.ts` : undefined);
      if (name !== undefined) home.write(name, block.code);
      return name === undefined ? [] : [name];
    });
    assert.ok(names.length > 0);
    const options = ['--noEmit', '--strict', '--erasableSyntaxOnly', '--allowImportingTsExtensions'];
    const targets = ['--target', 'esnext', '--module', 'nodenext', '--types', 'node'];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...options, ...targets, ...names], {
      cwd: home.path,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
  });

  test(`${TRANSLATIONS[document]} has the same code blocks`, () => {
    const translated = blocksOf(TRANSLATIONS[document]);
    const kind = ({ language, mark }: Block): string => `${language} ${mark}`.trim();
    assert.deepEqual(translated.map(kind), blocks.map(kind));
    for (const [index, block] of blocks.entries()) {
      if (block.language === 'text') continue;
      assert.equal(
        skeleton(translated[index]),
        skeleton(block),
        `${TRANSLATIONS[document]}:${translated[index].line} and ${document}:${block.line}`,
      );
    }
  });
}

test('links between the documents lead somewhere', () => {
  for (const document of ALL) {
    const text = readFileSync(join(root, document), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path, anchor] = target.split('#');
      const file = path === '' ? document : join(dirname(document), path);
      assert.ok(existsSync(join(root, file)), `${document} links to ${target}`);
      if (anchor) assert.ok(anchorsOf(file).includes(anchor), `${document} links to ${target}: no such heading`);
    }
  }
});

function isProgram({ language, mark }: Block): boolean {
  return language === 'ts' && mark === 'program';
}

/** The anchors that a reader of Markdown on the web gets for the headings. */
function anchorsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
