/** Where a task was submitted: the second half of the stack of what it fails with, whose first half is the worker's. */
import { types } from 'node:util';
import type { AnyFunction } from './pool-options.ts';

/** Its text is made when somebody asks for it; until then it holds what the submitter's functions were called on. */
export type CallSite = { readonly stack?: unknown };

/** The stack below the call of `above`, the public function that was called. As long as `Error.stackTraceLimit` says. */
export function callSiteBelow(above: AnyFunction): CallSite {
  const site: CallSite = {};
  Error.captureStackTrace(site, above);
  return site;
}

/** The same for one that is kept for long. */
export const lastingCallSiteBelow = (above: AnyFunction): CallSite => ({ stack: textOf(callSiteBelow(above)) });

/** The program may have a `prepareStackTrace` of its own, which makes something else of it, or throws. */
function textOf(holder: { readonly stack?: unknown }): string {
  try {
    const { stack } = holder;
    return typeof stack === 'string' ? stack : '';
  } catch {
    return '';
  }
}

/** Stacks that may be taken in a burst, and in each millisecond after it. */
const BURST = 100;
const PER_MS = 10;
/** Among many in flight the clock is looked at once for so many that get none. */
const UNASKED = 16;

/**
 * Takes stacks as long as they cost next to nothing. One costs one to three microseconds, as much as a whole task among
 * many: a program that submits ten thousand a second or fewer gets all of them, a faster one loses some percent of its time.
 */
export class CallSites {
  #left = BURST;
  #filled = 0;
  #unasked = 0;

  /** Of a task beside which others are in flight, or `alone`. */
  below(above: AnyFunction, alone: boolean): CallSite | undefined {
    if (this.#left === 0 && (alone || this.#unasked++ % UNASKED === 0)) this.#refill();
    if (this.#left === 0) return undefined;
    this.#left--;
    return callSiteBelow(above);
  }

  #refill(): void {
    const now = performance.now();
    this.#left = Math.min(BURST, Math.floor((now - this.#filled) * PER_MS));
    if (this.#left > 0) this.#filled = now;
  }
}

/** To an error that is this task's alone. What else was thrown has no stack, nor has an error whose own is gone. */
export function addCallSite(error: unknown, site: CallSite | undefined): void {
  if (site === undefined || !types.isNativeError(error)) return;
  const stack = textOf(error);
  // Less the first line, which would name an error.
  const frames = textOf(site).split('\n').slice(1).join('\n');
  if (stack === '' || frames === '') return;
  const value = `${stack}\n  submitted by:\n${frames}`;
  Object.defineProperty(error, 'stack', { value, configurable: true, writable: true });
}
