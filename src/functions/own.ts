/**
 * Where this copy of the library lies: in a folder of its own (`src`, or `dist` in pieces that the build made), or packed into
 * a file of the program's, a *bundle*.
 */
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Whether a module was packed into CommonJS, where there is no `import.meta`. */
export const isCommonJS = (meta: ImportMeta): boolean => (meta.url as string | undefined) === undefined;

/** URL of the file that a module has come to lie in. */
export const urlOf = (meta: ImportMeta): string => (isCommonJS(meta) ? pathToFileURL(__filename).href : meta.url);

/** Of the file with this module. */
export const ownUrl = urlOf(import.meta);

/** URL of the library's own folder; undefined in a bundle. */
export const ownFolder = /\/(?:functions\/own\.[jt]s|pieces\/telaio-\w+\.js)$/.test(ownUrl)
  ? new URL('..', ownUrl).href
  : undefined;

const path = ownFolder && fileURLToPath(ownFolder);
const ending = ownUrl.slice(ownUrl.lastIndexOf('.'));

/** URL of a file of the library, by its place in that folder and without its ending. */
export const ownFile = (name: string): string => `${ownFolder}${name}${ending}`;

/** Whether a line of a stack, or a URL, is in the library. In a bundle only a source map tells. */
export function isOwn(text: string): boolean {
  if (ownFolder === undefined) return /[\\/]node_modules[\\/]telaio[\\/](?:src|dist)[\\/]/.test(text);
  return text.includes(ownFolder) || text.includes(path!);
}
