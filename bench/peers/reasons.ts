/**
 * Why telaio is not first, by row and by who is: `CPython` for its threads and processes alike. A row without a reason is
 * printed as such. Only what is so by construction belongs here, not what a busy machine may have shown.
 */
import type { RowId } from './rows.ts';

const collections =
  'The copying itself takes no longer here. But each turn leaves a megabyte of garbage in each thread, and V8 (heap.cc) lets a heap of less than 8 MB be until 64 MB have come together, where it marks a larger one again and again. A program that does nothing but this has 4 to 5 MB with a pool of ports and 8.5 MB with the shared heap, its codec and what is built on them. The next row has the same in a program of 40 MB, where V8 treats all alike.';
const fork =
  'A child is forked from a running interpreter, whose pages it shares until it writes to them; a Node worker sets up an isolate of its own.';
const thread =
  "A thread of CPython shares its process's one interpreter: all it needs is a stack. A Node worker has a heap, a compiler and modules of its own, which is why it can compute while others do.";
const ports =
  'Its own workers have only what it needs; ours bring the shared heap, handles and errors that cross whole, some hundred kilobytes of code in each isolate.';
const modules =
  'telaio brings the shared heap, its codec and what is built on them into the program and into each worker, in modules that are not bundled; a pool of ports has a tenth of that code.';
const posted =
  'Tasks lie as messages in the port of a worker that was chosen when they were submitted, where no other worker that has nothing to do can take them.';
const looking =
  'Two workers leave the submitting thread no core of its own: each outcome takes one from a worker for a moment. Ours stays awake for up to 10 µs more, in case the next is near.';
const chunks =
  'Chunks of numbers made by the caller are copied by V8 as packed arrays. Our `map` takes items one by one, finds the size of chunks by itself, keeps order, deadlines and errors for each item, and gives results one by one.';

export const reasons: Partial<Record<RowId, Record<string, string>>> = {
  'copy-1MB': { piscina: collections, tinypool: collections, workerpool: collections, poolifier: collections },
  'cpu-10': { tinypool: looking, workerpool: looking, poolifier: looking, multithreading: looking, piscina: looking },
  'map-chunks': {
    piscina: chunks,
    tinypool: chunks,
    workerpool: chunks,
    poolifier: chunks,
    multithreading: chunks,
    CPython: chunks.replace('copied by V8 as packed arrays', 'not copied at all between threads of one interpreter'),
  },
  'queued-bytes': { poolifier: posted, multithreading: posted },
  start: {
    piscina: modules,
    tinypool: modules,
    workerpool: modules,
    poolifier: modules,
    multithreading: modules,
    CPython: thread,
  },
  memory: {
    piscina: ports,
    tinypool: ports,
    workerpool: ports,
    poolifier: ports,
    multithreading: ports,
    CPython: `${thread} ${fork}`,
  },
};
