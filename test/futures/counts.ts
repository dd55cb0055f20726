import type { Executor, ExecutorStatistics } from '../../src/futures/index.ts';

/** An executor's statistics without the times, which no test can foretell. */
export function countsOf(executor: Executor): Omit<ExecutorStatistics, 'wait' | 'run'> {
  const { wait: _wait, run: _run, ...counts } = executor.statistics();
  return counts;
}
