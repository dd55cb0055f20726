import type { SharedObject, SyncWaitOptions, WaitOptions } from '../memory/index.ts';
import type { Guard } from './guard.ts';

export const SAVE: unique symbol = Symbol('telaio.save');
export const RESTORE: unique symbol = Symbol('telaio.restore');
export const RESTORE_SYNC: unique symbol = Symbol('telaio.restoreSync');

/** Takes the lock for code that must go on with it, also when the thread that began has ended. */
export const TAKE: unique symbol = Symbol('telaio.take');

/** How often a lock was held, and the guards of it: another task of this thread may use the same wrapper meanwhile. */
export type Saved = { levels: number; guards: (Guard | undefined)[] };

/** What a condition needs of its lock. */
export interface Mutual extends SharedObject {
  acquire(options?: WaitOptions): Promise<Guard | undefined>;
  acquireSync(options?: SyncWaitOptions): Guard | undefined;
  tryAcquire(): Guard | undefined;
  release(): void;
  run<R>(fn: (guard: Guard) => R | Promise<R>): Promise<R>;
  /** @internal Whether the calling thread holds it. */
  isOwned(): boolean;
  /** @internal Gives it up altogether, however often it was taken; returns what `RESTORE` needs. */
  [SAVE](): Saved;
  /** @internal */
  [TAKE](): Promise<Guard>;
  /** @internal */
  [RESTORE](saved: Saved): Promise<void>;
  /** @internal */
  [RESTORE_SYNC](saved: Saved): void;
}
