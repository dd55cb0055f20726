import { Tinypool } from 'tinypool';

export * from './plain.mjs';

export function give(bytes) {
  return Tinypool.move(bytes);
}
