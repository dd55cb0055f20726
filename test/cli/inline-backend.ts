/** A backend that runs batches in this thread: what is tested with it is the command line, not the threads. */
import type { BackendFactory, BatchTask, MapBackend } from '../../src/cli/backend.ts';
import { probeTarget, runBatch } from '../../src/cli/worker/run-batch.ts';

export const inlineBackend: BackendFactory = ({ workers }): MapBackend => ({
  workers,
  probe: probeTarget,
  // As a real backend does, it passes copies: whoever changes a task or an outcome afterwards changes his own.
  submit: async (task: BatchTask) => structuredClone(await runBatch(structuredClone(task))),
  close: async () => {},
});
