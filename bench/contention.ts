/**
 * Two threads that want the same lock all the time, for a second: turns in all, and the share of the one that got fewer.
 * Beside it the same in CPython, where it is installed. Run by itself: node bench/contention.ts
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Event, Lock, Thread } from 'telaio';
import { median } from './measure.ts';

export type Contention = { turns: number; share: number };

function take(lock: Lock, ready: Event, go: Event, milliseconds: number): number {
  ready.set();
  go.waitSync();
  let turns = 0;
  const end = performance.now() + milliseconds;
  for (;;) {
    lock.acquireSync();
    turns++;
    lock.release();
    // The clock costs as much as the lock: not at every turn.
    if ((turns & 63) === 0 && performance.now() >= end) return turns;
  }
}

async function once(milliseconds: number): Promise<Contention> {
  const lock = new Lock();
  const go = new Event();
  const threads = [0, 1].map(() => {
    const ready = new Event();
    const thread = new Thread({ target: take, args: [lock, ready, go, milliseconds] }).start();
    ready.waitSync();
    return thread;
  });
  go.set();
  const turns = await Promise.all(threads.map((thread) => thread.result()));
  const all = turns[0] + turns[1];
  return { turns: (all * 1000) / milliseconds, share: Math.min(...turns) / all };
}

const PYTHON = `
import threading, time
lock, go, turns = threading.Lock(), threading.Event(), [0, 0]
def take(me):
    go.wait()
    end, n = time.perf_counter() + 1, 0
    while True:
        lock.acquire()
        n += 1
        lock.release()
        if n & 63 == 0 and time.perf_counter() >= end:
            turns[me] = n
            return
threads = [threading.Thread(target=take, args=(n,)) for n in range(2)]
for t in threads: t.start()
go.set()
for t in threads: t.join()
print(sum(turns), min(turns) / sum(turns))
`;

/** Undefined where there is no python3. */
async function python(): Promise<Contention | undefined> {
  try {
    const { stdout } = await promisify(execFile)('python3', ['-c', PYTHON]);
    const [turns, share] = stdout.split(' ').map(Number);
    return { turns, share };
  } catch {
    return undefined;
  }
}

/** Medians of some runs, in turn. */
export async function contention(runs = 5): Promise<{ own: Contention; python: Contention | undefined }> {
  const own: Contention[] = [];
  const peer: Contention[] = [];
  for (let run = 0; run < runs; run++) {
    own.push(await once(1000));
    const other = await python();
    if (other !== undefined) peer.push(other);
  }
  const middle = (all: Contention[]): Contention => ({
    turns: median(all.map(({ turns }) => turns)),
    share: median(all.map(({ share }) => share)),
  });
  return { own: middle(own), python: peer.length === 0 ? undefined : middle(peer) };
}

if (import.meta.main) console.log(await contention());
