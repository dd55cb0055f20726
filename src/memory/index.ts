export { defineLookout, FIRST_LOOK_MS, type Look, now, unbroken } from './blocked.ts';
export { collectGarbage, isCollectionDue } from './collect.ts';
export { releaseAll } from './contents.ts';
export { deadlineOf, type SyncWaitOptions, type WaitOptions } from './deadline.ts';
export { element, type IntegerView } from './elements.ts';
export type { Encoder } from './encoder.ts';
export { defineDestructor, Heap, RESUMABLE } from './heap.ts';
export * from './layout.ts';
export { isGone } from './liveness.ts';
export {
  copyOut,
  discard,
  done,
  loadValue,
  pack,
  settle,
  store,
  storeNoted,
  storeValue,
  storeValueNoted,
  unpack,
} from './message.ts';
export { arrivals, arrive, forgetArrived, leavingWith } from './moved.ts';
export { breakMutex, CIRCLE, isMutexOf, lockMutex, lockMutexFor, unlockMutex } from './mutex.ts';
export {
  AT,
  addressOf,
  classOfKind,
  defineChooser,
  defineHeld,
  defineKind,
  defineVariant,
  HEAP,
  hasPrivates,
  heldBy,
  hold,
  holdingsOf,
  isLibraryClass,
  kindOfClass,
  LET_GO,
  letGo,
  note,
  noteCounting,
  noteNew,
  PUBLISH,
  refuseDisposed,
  SharedObject,
  sweepLingering,
  takeNoted,
  unhold,
  vacate,
  WAITED_AT,
  wrap,
  wrapCounting,
  wrapNoted,
  wrapperAt,
} from './objects.ts';
export { checkFunction, checkOptions, deadlineIn, nearest, refusal, refuseArguments, SYNC } from './options.ts';
export { size } from './pages.ts';
export {
  type Attempt,
  anyAbortable,
  blockedAt,
  blockFor,
  endedThreads,
  endThreadWaits,
  holdLoop,
  initSpot,
  loopHeld,
  park,
  parkOnWord,
  parkSync,
  parkUntilPosted,
  postedHere,
  releaseLoop,
  rouse,
  tellPosted,
  threadEnded,
  unpark,
  waitingAt,
  wake,
  wakeWord,
} from './parking.ts';
export { abandon, abandonHeld, defineAbandon, isDeathNoticed, keepProcess, reap } from './reaper.ts';
export { Sealed } from './sealed.ts';
export {
  type ClassCodec,
  classCodec,
  errorClasses,
  type FunctionCodec,
  functionCodec,
  REFUSED,
  SENT_AS,
  type SentAs,
} from './tags.ts';
export { heap, parseHeapSize } from './thread-heap.ts';
export { pause } from './thread-memory.ts';
export {
  type AsyncWait,
  asyncWaits,
  type BlockingWait,
  blockingWaits,
  defineHolder,
  holderFor,
  holderOf,
  liveIsolates,
  Reach,
  stillWaits,
  tryRetain,
} from './waits.ts';
