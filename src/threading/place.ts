import { fileURLToPath } from 'node:url';
import { isOwn, ownFolder } from '../functions/index.ts';

/** ` at file:line:column` of the nearest caller outside of this library; empty when there is none, or no telling. */
export function callerPlace(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const lines = new Error().stack?.split('\n').slice(1) ?? [];
  Error.stackTraceLimit = limit;
  if (ownFolder === undefined && !lines.some(isOwn)) return '';
  const line = lines.find((text) => !isOwn(text) && !text.includes('node:'));
  const place = line === undefined ? undefined : /(?:\(|at )([^()]+:\d+:\d+)\)?$/.exec(line)?.[1];
  return place === undefined
    ? ''
    : ` at ${place.startsWith('file:') ? place.replace(/^(file:.*?)(:\d+:\d+)$/, (_, url, at) => fileURLToPath(url) + at) : place}`;
}
