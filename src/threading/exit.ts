/**
 * The process stays until every non-daemon thread has ended: when the main thread's event loop has nothing left, it
 * waits for them, and then looks again. `process.exit()` does not wait.
 */

import { workerData } from 'node:worker_threads';
import { heap, park, SUPER } from '../memory/index.ts';

let watching = false;

export function keepProcessForThreads(): void {
  // Our own threads need not: whoever began the process does.
  if (watching || workerData?.telaio !== undefined) return;
  watching = true;
  process.on('beforeExit', () => {
    const none = () => heap.load(SUPER.LIVE_THREADS) === 0 || undefined;
    if (!none()) void park(heap, SUPER.LIVE_SPOT, none);
  });
}
