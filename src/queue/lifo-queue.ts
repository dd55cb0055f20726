/** A last-in, first-out queue, as Python's `queue.LifoQueue`: a stack that threads share. Its memory is in stack.ts. */
import { defineQueue } from './base.ts';
import { Queue } from './queue.ts';
import { destroyStack, stack } from './stack.ts';

/** A `Queue` that gives the newest item first. */
export class LifoQueue<T = unknown> extends Queue<T> {}

defineQueue(LifoQueue, stack, destroyStack);
