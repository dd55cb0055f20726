/** Values that say whose they are, so that a torn or a strange one shows. */
import { Atomic, i32, SharedList } from '../../src/shared/index.ts';
import { Lock } from '../../src/threading/index.ts';

/** A value of a key, of one of many sorts: numbers, short and long texts, objects, shared objects, some within others. */
export function valueFor(key: string, variant: number): unknown {
  // What is counted stays a number.
  if (key.startsWith('count ')) return variant;
  switch (variant % 7) {
    case 0:
      return `${key}|${'x'.repeat(variant % 60)}`;
    case 1:
      return { key, copies: new Array(variant % 40).fill(key) };
    case 2:
      return `${key}|${'y'.repeat(2500)}`;
    case 3:
      return { key, copies: [key], lock: new Lock() };
    case 4:
      return new SharedList<unknown>([key, key, variant]);
    case 5:
      return { key, copies: [], hits: new Atomic(i32, variant) };
    default:
      return [key, variant, variant];
  }
}

/**
 * Gives this thread's holds of what is in a value back at once. A parked isolate is collected when it likes: what it
 * still held would look like a leak.
 */
export function letGo(value: unknown): void {
  const { lock, hits } = (value ?? {}) as { lock?: unknown; hits?: unknown };
  for (const object of [value, lock, hits]) {
    if (object instanceof SharedList || object instanceof Atomic || object instanceof Lock) object[Symbol.dispose]();
  }
}

export function belongs(key: string, value: unknown): boolean {
  if (key.startsWith('count ')) return Number.isInteger(value);
  if (typeof value === 'string')
    return value.startsWith(`${key}|`) && /^(x*|y{2500})$/.test(value.slice(key.length + 1));
  if (Array.isArray(value)) return value[0] === key && value[1] === value[2];
  if (value instanceof SharedList) return value.at(0) === key && value.at(1) === key && value.length === 3;
  if (value === null || typeof value !== 'object') return false;
  const { key: own, copies } = value as { key: unknown; copies: unknown[] };
  return own === key && copies.every((copy) => copy === key);
}
