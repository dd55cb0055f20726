/** The text that is evaluated for a closure, placed so that a stack shows the user's own file, line and column. */
import { type FunctionReference, fileOf, META_NAME } from './reference.ts';

/** Ends each text made here, by which `origin.ts` knows it again. */
export const REBUILT = /\/\*telaio:(\w+)\*\/\n\/\/# sourceURL=.*\n$/;

/** esbuild's keepNames calls this; a module compiled by it has its own, a text without a module has none. */
export const NAME_SHIM = '__name';

/** What evaluating the text gives: at each call a new function, and a way to set its captured variables. */
export type Factory = () => [make: unknown, set: (values: unknown[]) => void];

/** The variables that the text declares: the captured ones, then those that stand for what an eval can't have. */
export function variablesOf(reference: FunctionReference): string[] {
  const names = [...(reference.captures ?? [])];
  const source = reference.source!;
  if (source.includes(META_NAME)) names.push(META_NAME);
  if (reference.kind === 'source' && source.includes(`${NAME_SHIM}(`) && !names.includes(NAME_SHIM)) {
    names.push(NAME_SHIM);
  }
  return names;
}

/**
 * The variables are declared behind the function, not in front as parameters: so on the first line of a file, too, the
 * function can stand in its own column (loaders that minify put everything on the first line).
 */
export function factoryText(reference: FunctionReference): string {
  const line = reference.scriptLine ?? reference.line;
  const column = reference.scriptColumn ?? reference.column;
  // Text without a module has an evaluator for each mode.
  const directive = reference.strict === true && reference.kind === 'closure' ? '"use strict";' : '';
  const [open, close] = reference.isMethod === true ? ['{', '}'] : ['', ''];
  // A class that captures reads some of it while it is defined, so it is made when its variables are set.
  const head = `${directive}()=>{return[${isLate(reference) ? '()=>' : ''}`;
  const names = variablesOf(reference);
  let text: string;
  if (line > 1) {
    text = `${'\n'.repeat(line - 2)}${head}\n${' '.repeat(Math.max(0, column - 1 - open.length))}${open}`;
  } else {
    text = `${' '.repeat(Math.max(0, column - 1 - head.length - open.length))}${head}${open}`;
  }
  text += `${reference.source}${close}\n,($telaioValues)=>{[${names.join()}]=$telaioValues}];`;
  if (names.length > 0) text += `var ${names.join()};`;
  return `${text}}/*telaio:${reference.format}*/\n//# sourceURL=${sourceUrl(reference)}\n`;
}

/** Whether a class has to wait for its captures: it can't be made first and have them set later. */
export const isLate = (reference: FunctionReference): boolean => reference.isClass === true && reference.eager === true;

/** CommonJS modules show up in stacks by path, the others by URL, as they do when Node loads them. */
function sourceUrl({ module, format }: FunctionReference): string {
  return format === 'commonjs' ? fileOf(module) : (module ?? 'telaio:closure');
}
