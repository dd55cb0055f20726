/** Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the process at once. */

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof EXIT_CODES;

/** `second` is called just before the process ends. */
type Reactions = { first: (signal: StopSignal) => void; second: (signal: StopSignal) => void };

export class StopSignals implements Disposable {
  readonly #then: Reactions;
  #received: StopSignal | undefined;

  constructor(reactions: Reactions) {
    this.#then = reactions;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, this.#receive);
  }

  /** The signal that came, if one came. */
  get received(): StopSignal | undefined {
    return this.#received;
  }

  /** What the process ends with after that signal. */
  get exitCode(): number | undefined {
    return this.#received && EXIT_CODES[this.#received];
  }

  [Symbol.dispose](): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, this.#receive);
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    if (this.#received !== undefined) {
      this.#then.second(signal as StopSignal);
      process.exit(EXIT_CODES[signal as StopSignal]);
    }
    this.#received = signal as StopSignal;
    this.#then.first(this.#received);
  };
}
