/**
 * Stands for `node:test` in threads. A closure that is written in a test file needs that file's module, so the thread
 * imports it; the tests that it declares are the main thread's business, and would run once more in each thread.
 */
import { registerHooks } from 'node:module';
import { ownFile } from '../../functions/index.ts';

// The real one for the rest of it; not through the hook, which leads here.
const real = process.getBuiltinModule('node:test');

const variants = ['skip', 'todo', 'only', 'expectFailure'];
const hooks = ['before', 'after', 'beforeEach', 'afterEach'];
const nothing = async (): Promise<void> => {};
const all = (names: string[]): object => Object.fromEntries(names.map((name) => [name, nothing]));
const declare = Object.assign(async (): Promise<void> => {}, all(variants));

export const test = Object.assign(async (): Promise<void> => {}, real, all([...variants, ...hooks])) as typeof real;
Object.assign(test, { test, it: declare, describe: declare, suite: declare });
export const { it, describe, suite, before, after, beforeEach, afterEach, skip, todo, only } = test;
export const { run, mock, snapshot, assert } = real;
export const { expectFailure, getTestContext } = test as unknown as Record<string, unknown>;
export { test as default, test as 'module.exports' };

/** From now on this isolate's modules find this one under the name `node:test`. */
export function declareNoTests(): void {
  registerHooks({
    resolve: (specifier, context, nextResolve) =>
      specifier === 'node:test'
        ? { url: ownFile('threading/bootstrap/node-test'), format: undefined, shortCircuit: true }
        : nextResolve(specifier, context),
  });
}
