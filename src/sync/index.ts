export { Condition } from './condition.ts';
export { Event } from './event.ts';
export { Guard } from './guard.ts';
export { Lock } from './lock.ts';
export { RLock } from './rlock.ts';
export { Semaphore } from './semaphore.ts';
