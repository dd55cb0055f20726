export const GIVE_BACK: unique symbol = Symbol('telaio.giveBack');

/** Gives back what a guard stands for. */
export type Release = { [GIVE_BACK](guard: Guard): void };

/**
 * An acquisition. Disposing it gives back what was acquired, so `using guard = lock.acquireSync()` is Python's
 * `with lock:`. Disposing it twice, or after an explicit `release()`, does nothing.
 */
export class Guard implements Disposable {
  /** True when the last holder died (crash, terminate) without releasing: what the lock guards may be half-changed. */
  readonly abandoned: boolean;
  #held: Release | undefined;

  /** @internal */
  constructor(held: Release, abandoned = false) {
    this.#held = held;
    this.abandoned = abandoned;
  }

  /** @internal Forgets the acquisition: somebody has released it explicitly. */
  forget(): void {
    this.#held = undefined;
  }

  /** @internal It was taken again after a condition's wait, from a holder that died. */
  markAbandoned(): void {
    (this as { abandoned: boolean }).abandoned = true;
  }

  release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.[GIVE_BACK](this);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
