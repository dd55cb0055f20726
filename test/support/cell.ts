/** For roles: what the test sees of a worker while it runs, and the test's wish that it should end. */
import { CELL } from './threads.ts';

const cell = (globalThis as { telaioCell?: Int32Array }).telaioCell ?? new Int32Array(CELL.WORDS);

export function progress(steps = 1): void {
  cell[CELL.PROGRESS] += steps;
}

export function stopped(): boolean {
  return cell[CELL.STOP] === 1;
}
