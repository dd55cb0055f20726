/**
 * Memory that the threads of one process share: a fixed SharedArrayBuffer and the operations on its words.
 *
 * Fixed, not growable: plain loads from a growable buffer cost 20 times as much. Large, because nothing is committed
 * until it is touched: reserving 4 GiB takes 0.02 ms and no resident memory.
 *
 * Plain reads and writes of `i32`, `u8`, `f64` are unordered between threads; what publishes them is one of the atomic
 * operations here, and the line that relies on it says which.
 */
export class ThreadMemory {
  readonly buffer: SharedArrayBuffer;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly f64: Float64Array<SharedArrayBuffer>;
  readonly i64: BigInt64Array<SharedArrayBuffer>;
  readonly u64: BigUint64Array<SharedArrayBuffer>;
  readonly i8: Int8Array<SharedArrayBuffer>;
  readonly i16: Int16Array<SharedArrayBuffer>;
  readonly u16: Uint16Array<SharedArrayBuffer>;
  readonly u32: Uint32Array<SharedArrayBuffer>;
  readonly f32: Float32Array<SharedArrayBuffer>;
  readonly u8: Buffer<SharedArrayBuffer>;
  readonly view: DataView<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.i8 = new Int8Array(buffer);
    this.i16 = new Int16Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.u8 = Buffer.from(buffer);
    this.view = new DataView(buffer);
  }

  load(at: number): number {
    return Atomics.load(this.i32, at);
  }

  store(at: number, value: number): void {
    Atomics.store(this.i32, at, value);
  }

  /** Compare and swap; returns what was there, so success is `cas(at, old, next) === old`. */
  cas(at: number, expected: number, next: number): number {
    return Atomics.compareExchange(this.i32, at, expected, next);
  }

  exchange(at: number, value: number): number {
    return Atomics.exchange(this.i32, at, value);
  }

  /** Adds and returns the value before. */
  add(at: number, value: number): number {
    return Atomics.add(this.i32, at, value);
  }

  or(at: number, bits: number): number {
    return Atomics.or(this.i32, at, bits);
  }

  and(at: number, bits: number): number {
    return Atomics.and(this.i32, at, bits);
  }

  /** 64-bit words, for tagged list heads only: BigInts cost an allocation. `at` counts 8-byte words. */
  load64(at: number): bigint {
    return Atomics.load(this.i64, at);
  }

  cas64(at: number, expected: bigint, next: bigint): bigint {
    return Atomics.compareExchange(this.i64, at, expected, next);
  }

  /** Blocks the thread while the word is `expected`, `milliseconds` at most. */
  wait(at: number, expected: number, milliseconds: number): 'ok' | 'not-equal' | 'timed-out' {
    return Atomics.wait(this.i32, at, expected, milliseconds);
  }

  /**
   * A promise that is fulfilled when the word's waiters are notified; undefined when the word isn't `expected`.
   * It can't be cancelled and doesn't keep the process alive: parking.ts deals with both.
   */
  waitAsync(at: number, expected: number): Promise<unknown> | undefined {
    const outcome = Atomics.waitAsync(this.i32, at, expected);
    return outcome.async ? outcome.value : undefined;
  }

  notify(at: number, count: number): number {
    return Atomics.notify(this.i32, at, count);
  }
}

const pauseInstruction = (Atomics as { pause?: (n?: number) => void }).pause;

/** Tells the processor that this is a spin loop; nothing where the engine has no such instruction. */
export const pause: () => void = pauseInstruction ? () => pauseInstruction.call(Atomics) : () => {};
