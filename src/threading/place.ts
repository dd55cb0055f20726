import { fileURLToPath } from 'node:url';

const OWN = [new URL('..', import.meta.url).href, fileURLToPath(new URL('..', import.meta.url))];

/** ` at file:line:column` of the nearest caller outside of this library; empty when there is none. */
export function callerPlace(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const lines = new Error().stack?.split('\n').slice(1) ?? [];
  Error.stackTraceLimit = limit;
  const line = lines.find((text) => !OWN.some((own) => text.includes(own)) && !text.includes('node:'));
  const place = line === undefined ? undefined : /(?:\(|at )([^()]+:\d+:\d+)\)?$/.exec(line)?.[1];
  return place === undefined
    ? ''
    : ` at ${place.startsWith('file:') ? place.replace(/^(file:.*?)(:\d+:\d+)$/, (_, url, at) => fileURLToPath(url) + at) : place}`;
}
