/** What a thread costs, beside CPython's and beside a bare worker. Run by itself: node bench/threads.ts */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Thread } from 'telaio';
import { median, medianOf } from './measure.ts';

function nothing(): void {}

/** Microseconds for start and join of an empty thread from a parked isolate; median of `runs`. */
export async function startAndJoin(runs = 300): Promise<number> {
  for (let round = 0; round < 50; round++) new Thread({ target: nothing }).start().joinSync();
  return await medianOf(runs, () => {
    const started = performance.now();
    new Thread({ target: nothing }).start().joinSync();
    return (performance.now() - started) * 1000;
  });
}

/** Microseconds from `new Worker` of an empty module to its 'exit'. */
export async function bareWorker(runs = 15): Promise<number> {
  return await medianOf(runs, async () => {
    const started = performance.now();
    await new Promise((resolve) => new Worker('', { eval: true }).once('exit', resolve));
    return (performance.now() - started) * 1000;
  });
}

const PYTHON = `
import threading, time, statistics
def nothing(): pass
times = []
for n in range(350):
    started = time.perf_counter()
    thread = threading.Thread(target=nothing)
    thread.start()
    thread.join()
    times.append(time.perf_counter() - started)
print(statistics.median(times[50:]) * 1e6)
`;

/** The same in CPython; undefined where there is no python3. */
async function python(): Promise<number | undefined> {
  try {
    return Number((await promisify(execFile)('python3', ['-c', PYTHON])).stdout);
  } catch {
    return undefined;
  }
}

export type ThreadFigures = { own: number; worker: number; python: number | undefined };

export async function threadFigures(rounds = 5): Promise<ThreadFigures> {
  const own: number[] = [];
  const worker: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < rounds; round++) {
    own.push(await startAndJoin());
    worker.push(await bareWorker());
    const other = await python();
    if (other !== undefined) peer.push(other);
  }
  return { own: median(own), worker: median(worker), python: peer.length === 0 ? undefined : median(peer) };
}

if (import.meta.main) console.log(await threadFigures());
