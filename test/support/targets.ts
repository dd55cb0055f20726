/** What threads and tasks run in the tests of more than one folder. */
import { Event } from '../../src/threading/index.ts';

export function waitFor(gate: Event): string {
  gate.waitSync();
  return 'went through';
}

export async function waitForAsync(gate: Event): Promise<string> {
  await gate.wait();
  return 'went through';
}

/** Says that it runs, then waits. */
export function sayAndWait(running: Event, gate: Event): string {
  running.set();
  gate.waitSync();
  return 'went through';
}

export function throwValue(value: unknown): never {
  throw value;
}

export function exitWith(code: number): void {
  process.exit(code);
}

/* These two wait for good: what is thrown beside them ends them. */

export async function throwFromTimer(): Promise<void> {
  setTimeout(() => {
    throw new Error('from a timer');
  }, 1);
  await new Event().wait();
}

export async function rejectUnhandled(): Promise<void> {
  void Promise.reject(new Error('nobody handles me'));
  await new Event().wait();
}

export function eatMemory(): number {
  const hoard: unknown[] = [];
  for (let index = 0; ; index++) hoard.push({ index, text: `${index}`.repeat(20) });
}

export function recurse(depth: number): number {
  return recurse(depth + 1) + 1;
}

export const uncopyable = (): unknown => ({ deep: [{ bad: Symbol('local') }] });
