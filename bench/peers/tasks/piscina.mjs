import { move } from 'piscina';

export * from './plain.mjs';

export function give(bytes) {
  return move(bytes);
}
