/** Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the process at once. */

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof EXIT_CODES;

export class StopSignals implements Disposable {
  readonly #onStop: (signal: StopSignal) => void;
  #received: StopSignal | undefined;

  constructor(onStop: (signal: StopSignal) => void) {
    this.#onStop = onStop;
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
    if (this.#received !== undefined) process.exit(EXIT_CODES[signal as StopSignal]);
    this.#received = signal as StopSignal;
    this.#onStop(this.#received);
  };
}
