/** Calls functions in another thread by a raw worker: what a real codec and a real thread do, without them. */
import { Worker } from 'node:worker_threads';
import type { AnyFunction } from '../../src/functions/index.ts';
import { type Order, pack } from './fixtures/far.ts';

export class Far implements AsyncDisposable {
  readonly worker: Worker;

  constructor(options: { execArgv?: string[]; entry?: URL } = {}) {
    this.worker = new Worker(options.entry ?? new URL('./fixtures/far.ts', import.meta.url), {
      // Left out, it is inherited; `node --test` has options in it that may not be named again.
      ...(options.execArgv && { execArgv: options.execArgv }),
    });
  }

  call(fn: AnyFunction, ...args: unknown[]): Promise<unknown> {
    return this.order({ fn: pack(fn), args, how: 'call' });
  }

  order(order: Order): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.worker.once('error', reject);
      this.worker.once('message', ({ value, error }) => {
        this.worker.off('error', reject);
        if (error === undefined) resolve(value);
        else reject(Object.assign(new Error(error.message), error));
      });
      this.worker.postMessage(order);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate();
  }
}
