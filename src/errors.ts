/**
 * The errors of this library. One base class, a stable `code` on each, and a message that names the object, what was
 * wrong, and the mend. Split by whose fault it is: the caller's (`RuntimeError`, `RangeError` from the platform,
 * `FunctionError`, `CloneError`), the situation's (`TimeoutError`, `Empty`, `Full`, `ShutDown`), and the machine's
 * (`HeapExhaustedError`, `WorkerCrashedError`, `UnsupportedError`).
 */
export class TelaioError extends Error {
  /** Stable, machine-readable: `TELAIO_…`. */
  readonly code: string;

  constructor(message: string, code = 'TELAIO_ERROR', options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    // On the prototype chain, not per instance: the stack header reads "LockError: …" as for built-in errors.
    Object.defineProperty(this, 'name', { value: new.target.name, configurable: true, writable: true });
  }
}

/** The call is not allowed in this state, as Python's RuntimeError: releasing a free lock, starting a thread twice. */
export class RuntimeError extends TelaioError {
  constructor(message: string, code = 'TELAIO_RUNTIME', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** A barrier was broken while, or before, the caller waited: a timeout, an abort, a reset, or a party that died. */
export class BrokenBarrierError extends RuntimeError {
  constructor(message: string, code = 'TELAIO_BROKEN_BARRIER', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** The time that the caller allowed has passed. */
export class TimeoutError extends TelaioError {
  constructor(message: string, code = 'TELAIO_TIMEOUT', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** A function can't run in another thread; the message names the function, its place, the variable, and the mend. */
export class FunctionError extends TelaioError {
  constructor(message: string, code = 'TELAIO_FUNCTION', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** A value can't be copied to another thread; the message holds the path inside the value. */
export class CloneError extends TelaioError {
  constructor(message: string, code = 'TELAIO_CLONE', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** The shared heap has no room; the message says how much was asked for, for what, and how to raise the limit. */
export class HeapExhaustedError extends TelaioError {
  constructor(message: string, code = 'TELAIO_HEAP_EXHAUSTED', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** An object was used after it was disposed. */
export class DisposedError extends TelaioError {
  constructor(message: string, code = 'TELAIO_DISPOSED', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** Threads wait for each other in a circle and none can ever go on; the message names each, its object and its line. */
export class DeadlockError extends TelaioError {
  constructor(message: string, code = 'TELAIO_DEADLOCK', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** The process is ending, and what is waited for can't come any more: joining a daemon thread in an 'exit' listener. */
export class FinalizationError extends RuntimeError {
  constructor(message: string, code = 'TELAIO_FINALIZATION', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** A module starts a thread while a thread is importing it: the start would never end. */
export class BootstrapError extends TelaioError {
  constructor(message: string, code = 'TELAIO_BOOTSTRAP', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** This platform or version lacks what the call needs; the message names it. */
export class UnsupportedError extends TelaioError {
  constructor(message: string, code = 'TELAIO_UNSUPPORTED', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** A queue had no item in the time that the caller allowed. */
export class Empty extends TelaioError {
  constructor(message: string, code = 'TELAIO_EMPTY', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** A queue had no room in the time that the caller allowed. */
export class Full extends TelaioError {
  /** From `putMany`: how many of its items went in before. */
  declare placed?: number;

  constructor(message: string, code = 'TELAIO_FULL', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** A queue was shut down: nothing more goes in, or it is empty and nothing more will come out. */
export class ShutDown extends TelaioError {
  /** From `putMany`: how many of its items went in before. */
  declare placed?: number;

  constructor(message: string, code = 'TELAIO_SHUT_DOWN', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** The thread that began an asynchronous wait has ended, and the wait with it. */
export class ThreadEndedError extends TelaioError {
  constructor(message: string, code = 'TELAIO_THREAD_ENDED', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** A thread or a pool's worker died: terminated, out of memory, or ended from outside; the message says how. */
export class WorkerCrashedError extends TelaioError {
  /** What it gave to `process.exit`, when that was its end. */
  declare readonly exitCode?: number;
  /** Of an executor's worker: the last lines that it wrote to standard output and error, at most ten, 2 KiB. */
  declare readonly lastLines?: readonly string[];

  constructor(
    message: string,
    code = 'TELAIO_WORKER_CRASHED',
    options?: ErrorOptions & { exitCode?: number; lastLines?: readonly string[] },
  ) {
    super(message, code, options);
    if (options?.exitCode !== undefined) this.exitCode = options.exitCode;
    if (options?.lastLines !== undefined) this.lastLines = options.lastLines;
  }
}

/** A future was cancelled before it ran. */
export class CancelledError extends TelaioError {
  constructor(message: string, code = 'TELAIO_CANCELLED', options?: ErrorOptions) {
    super(message, code, options);
  }
}

/** An executor can't run anything any more: its initializer failed, say. */
export class BrokenExecutor extends TelaioError {
  constructor(message: string, code = 'TELAIO_BROKEN_EXECUTOR', options?: ErrorOptions) {
    super(message, code, options);
  }
}
