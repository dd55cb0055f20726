/**
 * A value whose decoding may fail by itself: because its class or function can't be made again where it arrives, or because
 * it is too deep for the stack there. What was sent with it arrives all the same.
 */
export class Sealed {
  readonly value: unknown;
  /** What its decoding failed with, where it arrived. */
  readonly failed: { error: unknown } | undefined;

  constructor(value: unknown, failed?: { error: unknown }) {
    this.value = value;
    this.failed = failed;
  }
}
