/** `--backend threads`: batches run on the threads of this process, through a `ThreadPoolExecutor`. */
import { availableParallelism } from 'node:os';
import { ThreadPoolExecutor } from '../futures/index.ts';
import type { BatchOutcome, BatchTask, MapBackend, ProbeOutcome, Target } from './backend.ts';
import { probeTarget, runBatch } from './worker/run-batch.ts';

export class ThreadsBackend implements MapBackend {
  readonly workers: number;
  readonly #executor: ThreadPoolExecutor;

  constructor({ workers }: { workers: number }) {
    this.workers = workers;
    this.#executor = new ThreadPoolExecutor({ maxWorkers: workers, threadNamePrefix: 'telaio-map' });
  }

  async probe(target: Target): Promise<ProbeOutcome> {
    // One for every core: so many workers start and load the module side by side, others when there is work for them. The
    // first answer is as good as any.
    const answers = Array.from({ length: Math.min(this.workers, availableParallelism()) }, () =>
      this.#executor.submit(probeTarget, target),
    );
    return await Promise.race(answers);
  }

  async submit(task: BatchTask): Promise<BatchOutcome> {
    return await this.#executor.submit(runBatch, task);
  }

  async close(): Promise<void> {
    await this.#executor.shutdown({ wait: true, cancelFutures: true });
  }
}
