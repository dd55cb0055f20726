export { deadlineOf, type SyncWaitOptions, type WaitOptions } from './deadline.ts';
export { element, type IntegerView } from './elements.ts';
export type { Encoder } from './encoder.ts';
export { defineDestructor, Heap } from './heap.ts';
export * from './layout.ts';
export { isGone } from './liveness.ts';
export { copyOut, discard, done, loadValue, pack, store, storeValue, unpack } from './message.ts';
export { breakMutex, CIRCLE, isMutexOf, lockMutex, lockMutexWithin, unlockMutex } from './mutex.ts';
export {
  AT,
  addressOf,
  classOfKind,
  defineChooser,
  defineHeld,
  defineKind,
  defineVariant,
  HEAP,
  hold,
  holdingsOf,
  isLibraryClass,
  kindOfClass,
  LET_GO,
  letGo,
  note,
  PUBLISH,
  SharedObject,
  sweepLingering,
  unhold,
  wrap,
  wrapperAt,
} from './objects.ts';
export { size } from './pages.ts';
export {
  type Attempt,
  blockedAt,
  blockFor,
  defineLookout,
  FIRST_LOOK_MS,
  holdLoop,
  initSpot,
  type Look,
  loopHeld,
  park,
  parkOnWord,
  parkSync,
  releaseLoop,
  rouse,
  unbroken,
  unpark,
  waitingAt,
  wake,
  wakeWord,
} from './parking.ts';
export { abandon, abandonHeld, defineAbandon, reap } from './reaper.ts';
export { type ClassCodec, classCodec, errorClasses, type FunctionCodec, functionCodec, REFUSED } from './tags.ts';
export { heap, parseHeapSize } from './thread-heap.ts';
export { pause } from './thread-memory.ts';
export {
  type AsyncWait,
  asyncWaits,
  type BlockingWait,
  blockingWaits,
  defineHolder,
  holderOf,
  Reach,
  stillWaits,
  tryRetain,
} from './waits.ts';
