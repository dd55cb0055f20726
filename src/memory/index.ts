export { deadlineOf, type SyncWaitOptions, type WaitOptions } from './deadline.ts';
export type { Encoder } from './encoder.ts';
export { defineDestructor, Heap } from './heap.ts';
export * from './layout.ts';
export { isGone } from './liveness.ts';
export { copyOut, discard, done, loadValue, pack, store, storeValue, unpack } from './message.ts';
export { breakMutex, lockMutex, unlockMutex } from './mutex.ts';
export {
  AT,
  addressOf,
  classOfKind,
  defineChooser,
  defineKind,
  defineVariant,
  HEAP,
  hold,
  holdingsOf,
  isLibraryClass,
  kindOfClass,
  letGo,
  note,
  SharedObject,
  wrap,
  wrapperAt,
} from './objects.ts';
export { size } from './pages.ts';
export {
  type Attempt,
  blockedAt,
  blockFor,
  holdLoop,
  initSpot,
  loopHeld,
  park,
  parkOnWord,
  parkSync,
  releaseLoop,
  unpark,
  waitingAt,
  wake,
  wakeWord,
} from './parking.ts';
export { abandon, abandonHeld, defineAbandon, reap } from './reaper.ts';
export { type ClassCodec, classCodec, errorClasses, type FunctionCodec, functionCodec, REFUSED } from './tags.ts';
export { heap, parseHeapSize } from './thread-heap.ts';
