/** Waiting for several futures, as Python's `concurrent.futures.wait` and `as_completed`. */
import { inspect } from 'node:util';
import { TimeoutError } from '../errors.ts';
import { deadlineIn } from '../memory/index.ts';
import { Future } from './future.ts';

export type ReturnWhen = 'FIRST_COMPLETED' | 'FIRST_EXCEPTION' | 'ALL_COMPLETED';
export const FIRST_COMPLETED = 'FIRST_COMPLETED';
export const FIRST_EXCEPTION = 'FIRST_EXCEPTION';
export const ALL_COMPLETED = 'ALL_COMPLETED';

type AnyFuture = Future<unknown>;
/** A future that is done. It can be awaited, but TypeScript takes what `for await` gives for awaited if the type says so. */
export type Completed<F extends AnyFuture> = Omit<F, 'then' | 'catch' | 'finally'>;

/**
 * Resolves when all are done, or the first, or the first with an error (`returnWhen`), or when `timeout` (milliseconds)
 * has passed: the futures that are done by then, and those that are not. Doesn't look at their outcomes.
 */
export async function wait<F extends AnyFuture>(
  futures: Iterable<F>,
  options: { timeout?: number; returnWhen?: ReturnWhen } = {},
): Promise<{ done: Set<F>; notDone: Set<F> }> {
  const { returnWhen = ALL_COMPLETED } = options;
  if (![ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION].includes(returnWhen)) {
    throw new RangeError(
      `wait: returnWhen is ${String(returnWhen)}: give ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION.`,
    );
  }
  const deadline = deadlineIn(options, 'wait(futures, …)', undefined, ['timeout', 'returnWhen']);
  const notDone = setOf(futures, 'wait');
  const done = new Set<F>();
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let over = false;
    const watches: (() => void)[] = [];
    const finish = (): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      for (const stop of watches) stop();
      resolve({ done, notDone });
    };
    const moved = (future: F): void => {
      if (over) return;
      notDone.delete(future);
      done.add(future);
      if (notDone.size === 0 || returnWhen === FIRST_COMPLETED || (returnWhen === FIRST_EXCEPTION && future.failed))
        finish();
    };
    // All that are done already, before any of them may end it.
    const already = [...notDone].filter((future) => future.done());
    for (const future of already) {
      notDone.delete(future);
      done.add(future);
    }
    if (
      notDone.size === 0 ||
      (done.size > 0 && returnWhen === FIRST_COMPLETED) ||
      (returnWhen === FIRST_EXCEPTION && already.some((future) => future.failed))
    ) {
      finish();
      return;
    }
    for (const future of [...notDone]) watches.push(future.onDone(() => moved(future)));
    const left = deadline - performance.now();
    if (left !== Infinity) timer = setTimeout(finish, Math.max(0, Math.min(left, 2 ** 31 - 1)));
  });
}

/** The futures as they get done, each once. Throws `TimeoutError` when `timeout` (milliseconds, from the call) passes first. */
export function asCompleted<F extends AnyFuture>(
  futures: Iterable<F>,
  options: { timeout?: number } = {},
): AsyncIterableIterator<Completed<F>, undefined> {
  const deadline = deadlineIn(options, 'asCompleted(futures, …)', undefined, ['timeout']);
  const all = setOf(futures, 'asCompleted');
  const total = all.size;
  // What was given, or given up, is not kept: neither here nor in a watch.
  const watches = new Map<F, () => void>();
  const ready: F[] = [];
  let given = 0;
  let wake: (() => void) | undefined;
  for (const future of all) {
    if (future.done()) ready.push(future);
    else {
      const stop = future.onDone(() => {
        watches.delete(future);
        ready.push(future);
        wake?.();
      });
      watches.set(future, stop);
    }
  }
  all.clear();
  const nextReady = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const left = deadline - performance.now();
      const late = (): void =>
        reject(new TimeoutError(`${total - given} of ${total} futures were not done in ${options.timeout} ms.`));
      const timer = left === Infinity ? undefined : setTimeout(late, Math.max(0, Math.min(left, 2 ** 31 - 1)));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const close = (): { done: true; value: undefined } => {
    for (const stop of watches.values()) stop();
    watches.clear();
    ready.length = 0;
    given = total;
    wake?.();
    return { done: true, value: undefined };
  };
  const advance = async (): Promise<IteratorResult<Completed<F>, undefined>> => {
    if (given === total) return close();
    if (ready.length === 0) {
      try {
        await nextReady();
      } catch (error) {
        close();
        throw error;
      }
      wake = undefined;
      if (given === total) return close();
    }
    given++;
    return { done: false, value: ready.shift()! };
  };
  // Not a generator: `yield` would await the future, and give its value instead.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      const result = turn.then(advance);
      const over = (): void => {};
      turn = result.then(over, over);
      return result;
    },
    return: async () => close(),
  };
}

/** Throws `TypeError` for what is none, naming the call. */
function setOf<F extends AnyFuture>(futures: Iterable<F>, call: string): Set<F> {
  if (typeof Object(futures)[Symbol.iterator] !== 'function') {
    throw new TypeError(`${call}(${inspect(futures)}): give futures in an array or another iterable.`);
  }
  const set = new Set(futures);
  for (const one of set) {
    if (!(one instanceof Future)) throw new TypeError(`${call}: ${inspect(one)} is no Future of an executor.`);
  }
  return set;
}
