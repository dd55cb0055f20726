/** From a script as V8 knows it to the module that the user wrote, with its syntax and positions in the user's own file. */
import { createRequire, findSourceMap } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { FunctionError } from '../errors.ts';
import type { Origin } from './analyse.ts';

import { ownUrl } from './own.ts';
import { fileOf, shownName } from './reference.ts';
import type { Script } from './script.ts';
import { parseScript } from './syntax.ts';
import { REBUILT } from './text.ts';

/** Syntax trees are large, several times their text: only the scripts that were used last keep theirs. */
const origins = new Map<string, Origin>();
const KEPT = 2;
/** What Node calls the module of `node --input-type=module -e` and of standard input. */
const IN_MEMORY = /\/(?:\[|%5B)(?:eval|stdin)\d*(?:\]|%5D)$/;

export function originOf(script: Script, fn: { name: string; text: string }): Origin {
  const origin = origins.get(script.id) ?? parse(script, fn);
  origins.delete(script.id);
  if (origins.size >= KEPT) origins.delete(origins.keys().next().value!);
  origins.set(script.id, origin);
  return origin;
}

/**
 * URL of the module that a script belongs to; `undefined` where no other thread could load it. A script's own word
 * (`sourceURL`, a `filename` of `node:vm`) is not enough: Node must have loaded it as a module.
 */
export function moduleOf(script: Script): string | undefined {
  // The inspector gives URLs for paths, too, on most platforms.
  const url = isPath(script.url) ? pathToFileURL(script.url).href : script.url;
  if (!url.startsWith('file:') || IN_MEMORY.test(url)) return undefined;
  if (script.isModule || rebuiltFormat(script) !== undefined) return url;
  return fileOf(url) in createRequire(ownUrl).cache ? url : undefined;
}

/** The 1-based place in the user's own file of a 0-based one in the script. */
export function mappedPlace(script: Script, line: number, column: number): { line: number; column: number } {
  try {
    const path = pathOf(script.url);
    const entry = (findSourceMap(script.url) ?? findSourceMap(path))?.findEntry(line, column);
    if (entry !== undefined && 'originalLine' in entry && Number.isInteger(entry.originalLine)) {
      // In a file that was made of others (a bundle) it is in one of those, but the script's own name stands beside it.
      if (pathOf(entry.originalSource) === path)
        return { line: entry.originalLine + 1, column: entry.originalColumn + 1 };
    }
  } catch {
    // No map, or a broken one: the place in the script is the best there is.
  }
  return { line: line + 1, column: column + 1 };
}

const pathOf = (place: string): string => (place.startsWith('file:') ? fileURLToPath(place) : place);

const isPath = (url: string): boolean => url.startsWith('/') || /^[A-Za-z]:[\\/]/.test(url);

/** The format of the module that a text was rebuilt from, `undefined` for any other script. */
const rebuiltFormat = ({ source }: Script): string | undefined => REBUILT.exec(source)?.[1];

function parse(script: Script, fn: { name: string; text: string }): Origin {
  const module = moduleOf(script);
  const rebuilt = rebuiltFormat(script);
  try {
    // What was rebuilt from a module is a script now, though strict like the module.
    const syntax = parseScript(script.source, script.isModule);
    const format = script.isModule || rebuilt === 'module' ? 'module' : 'commonjs';
    return {
      syntax,
      format,
      module,
      rebuilt: rebuilt !== undefined,
      place: (line, column) => mappedPlace(script, line, column),
    };
  } catch (cause) {
    throw new FunctionError(
      `Function ${shownName(fn.name)} (${fileOf(module ?? (script.url || undefined))}) can't run in another thread: ` +
        `its script could not be analysed (${(cause as Error).message}). Move it to a module with plain syntax.`,
      undefined,
      { cause },
    );
  }
}
