export { Empty, Full, ShutDown } from '../errors.ts';
export { Queue } from './queue.ts';
