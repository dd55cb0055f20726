/** What an executor's two sides know of each other. */
import type { Queue } from '../queue/index.ts';
import type { ContextEntry } from './context.ts';
import type { Future } from './future.ts';

/** The workers' side, as a thread that submits sees it. */
export type Pool = {
  /** The ring that tasks go into. */
  readonly tasks: Queue<number>;
  /** What events and messages name. */
  readonly executor: object;
  /** Workers at most. */
  readonly maxWorkers: number;
  /** Each item of a `map` is to be a task of its own. */
  readonly singly: boolean;
  /** Storages whose stores go along with tasks. */
  readonly context: readonly ContextEntry[] | undefined;
  /** The number of the next function, which no other has; see `SentFunction`. */
  nextFunction(): number;
  /** Throws when it takes no more tasks. */
  mustBeOpen(): void;
  /** Puts a task in, which gets a count for it. */
  put(task: number, priority: number): void;
  /** Puts a task in again, also after `shutdown`. */
  putAgain(task: number, priority: number): void;
  /** There is one more task: a worker may be wanted. */
  submitted(future: Future<unknown>): void;
  /** Whether nothing can run any more. */
  isBroken(): boolean;
  /** What comes back that is no task's: the ident of a worker, and what is said of it. */
  heard(ident: number, ok: boolean | null, value: unknown): void;
  /** Whether there is a worker of this ident. */
  lives(ident: number): boolean;
  /** Has that worker look whether its task is to stop. */
  reach(ident: number): void;
  /** Ends it for the sake of a task. */
  end(ident: number, task: number): void;
  /** Throws where this thread is the one that the task waits for. */
  mustNotBlock(): void;
  /** For a thread that blocks: looks whether workers have died. */
  look(): void;
  /** Nothing is pending any more. */
  idle(): void;
};
