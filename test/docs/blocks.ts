/**
 * The code blocks of the documentation. What stands behind a fence's language says what the block is:
 *
 *     ```ts program      a whole program: runs, ends with exit code 0
 *     ```ts file=NAME    a file that a later block needs
 *     ```ts              a fragment, for reading only
 *     ```sh run          commands for bash; `telaio` is the built package's program
 *     ```text output     what the block before it prints, stdout and stderr as a terminal shows them
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export type Block = { language: string; mark: string; code: string; line: number };

export function blocksOf(path: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  for (const [index, line] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
    const fence = /^```(\S*)\s*(.*)$/.exec(line);
    if (fence && open === undefined) open = { language: fence[1], mark: fence[2], code: '', line: index + 1 };
    else if (open !== undefined && line === '```') {
      blocks.push(open);
      open = undefined;
    } else if (open !== undefined) open.code += `${line}\n`;
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the block is never closed`);
  return blocks;
}

/** A folder in which the package is installed, as a user has it. */
export class Home implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'telaio-docs-'));

  constructor() {
    const modules = join(this.path, 'node_modules');
    mkdirSync(join(modules, '.bin'), { recursive: true });
    symlinkSync(root, join(modules, 'telaio'));
    symlinkSync(join(root, 'node_modules', '@types'), join(modules, '@types'));
    symlinkSync(join(root, 'dist', 'cli', 'main.js'), join(modules, '.bin', 'telaio'));
    this.write('package.json', '{ "type": "module" }\n');
  }

  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Code without what a translation may change: comments, the contents of strings, spacing. */
export function skeleton({ language, code }: Block): string {
  if (language !== 'ts') return code.replace(/(^|\s)#.*$/gm, '').replace(/\s+/g, ' ');
  return code
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*$|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/gm, (part) =>
      part.startsWith('/') ? '' : part[0],
    )
    .replace(/\s+/g, ' ');
}
