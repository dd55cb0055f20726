/**
 * The script that a function is part of: its URL and its text as V8 compiled it (types stripped, loaders applied).
 *
 * Where the script is on the stack, as that of an inline function nearly always is, `util.getCallSites` tells its URL,
 * and its file the text. Otherwise the debugger domain is asked. The first time that takes 20 ms, or 60 ms where Node
 * strips types, since V8 hashes every script there is, Node's compiler included; later times take 4 ms.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { getCallSites } from 'node:util';
import { type Location, withDebugger } from './inspect.ts';

export type Script = {
  id: string;
  /** URL, or a path for CommonJS; what `sourceURL` says for evaluated text; empty for plain `eval`. */
  url: string;
  isModule: boolean;
  source: string;
};

/** All scripts that the debugger told of; their text is read for the very one that is asked for. */
const seen = new Map<string, Omit<Script, 'source'>>();
/** Scripts in use, the latest last: texts are large. */
const scripts = new Map<string, Script>();
const KEPT = 16;
const DEEPEST = 100;

/** The script at a location; `text` is the function's own, by which a file is recognised as what V8 compiled. */
export function scriptOf(location: Location, text: string): Script {
  let script = scripts.get(location.scriptId);
  if (script === undefined) {
    script = fromStack(location, text) ?? fromDebugger(location);
    if (scripts.size >= KEPT) scripts.delete(scripts.keys().next().value!);
    scripts.set(script.id, script);
  }
  return script;
}

function fromDebugger({ scriptId }: Location): Script {
  return withDebugger((parsed, post) => {
    for (const { scriptId: id, url, isModule = false } of parsed) seen.set(id, { id, url, isModule });
    const { scriptSource } = post<{ scriptSource: string }>('Debugger.getScriptSource', { scriptId });
    return { ...seen.get(scriptId)!, source: scriptSource };
  });
}

function fromStack(location: Location, text: string): Script | undefined {
  const known = seen.get(location.scriptId);
  const url = known?.url ?? getCallSites(DEEPEST).find(({ scriptId }) => scriptId === location.scriptId)?.scriptName;
  if (url === undefined) return undefined;
  const source = readScript(url);
  // What loaders or an evaluator made of the file is not in it: then only the debugger knows.
  if (source === undefined || !standsAt(source, location, text)) return undefined;
  return { id: location.scriptId, url, isModule: known?.isModule ?? url.startsWith('file:'), source };
}

function readScript(url: string): string | undefined {
  try {
    const path = url.startsWith('file:') ? fileURLToPath(url) : url;
    if (!/^(?:\/|[A-Za-z]:[\\/])/.test(path)) return undefined;
    const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
    return /\.[cm]?ts$/.test(path) ? stripTypes(text) : text;
  } catch {
    return undefined;
  }
}

/** As Node did when it loaded the file. That warning is for those who call this themselves. */
function stripTypes(text: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule('node:module').stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}

function standsAt(source: string, { line, column }: Location, text: string): boolean {
  let start = 0;
  const ends = /\r\n|[\n\r\u2028\u2029]/g;
  for (let k = 0; k < line; k++) {
    const end = ends.exec(source);
    if (end === null) return false;
    start = ends.lastIndex;
  }
  const offset = start + column;
  const found = source.lastIndexOf(text, offset);
  return found !== -1 && offset < found + text.length;
}
