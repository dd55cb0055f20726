/**
 * `npm run soak`: a million locks made and dropped, 100,000 queues dropped with items in them, 10,000 threads of which
 * some are terminated; then all of that again, after which shared heap and resident size must be what they were. About a
 * minute. `--scale 0.01` is for a quick look.
 */
import { parseArgs } from 'node:util';
import { heap } from '../src/memory/index.ts';
import { Queue } from '../src/queue/index.ts';
import { Event, Lock, setExceptHook, Thread } from '../src/threading/index.ts';
import { bytes, type Look, look } from './look.ts';

/** A leak of one block an object would be ten times that. */
const HEAP_GROWTH = 4 * 2 ** 20;
const RESIDENT_GROWTH = 64 * 2 ** 20;

export function wait(event: Event): void {
  event.waitSync();
}

export function square(value: number): number {
  return value ** 2;
}

/** The event loop turns now and then, as in any program: finalizers need it. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function locks(count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    new Lock().tryAcquire();
    if (number % 5_000 === 0) await turn();
  }
}

async function queues(count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    const queue = new Queue<unknown>();
    queue.putSync({ number, lock: new Lock() });
    queue.putSync(new Queue<number>());
    queue.putSync('x'.repeat(number % 3000));
    if (number % 500 === 0) await turn();
  }
}

async function threads(count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    if (number % 100 === 0) {
      const event = new Event();
      const doomed = new Thread({ target: wait, args: [event] }).start();
      await doomed.terminate();
      await doomed.join();
    } else {
      const thread = new Thread({ target: square, args: [number] }).start();
      if ((await thread.result()) !== number ** 2) throw new Error(`thread ${number} has another result`);
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { scale: { type: 'string', default: '1' } } });
  const scale = Number(values.scale);
  setExceptHook(() => {});
  const parts: [string, number, (count: number) => Promise<void>][] = [
    ['locks made and dropped', 1_000_000, locks],
    ['queues dropped with items in them', 100_000, queues],
    ['threads, one in a hundred terminated', 10_000, threads],
  ];
  for (const [what, whole, run] of parts) {
    const count = Math.max(1, Math.round(whole * scale));
    // The first time decides how much lies about between two collections, which pages then stay claimed for.
    await run(count);
    const before: Look = await look();
    const started = performance.now();
    await run(count);
    const seconds = (performance.now() - started) / 1000;
    const after: Look = await look();
    console.log(
      `${count.toLocaleString('en-US')} ${what}: ${seconds.toFixed(1)} s, heap ${bytes(before.heapBytes)} → ` +
        `${bytes(after.heapBytes)}, resident ${bytes(before.resident)} → ${bytes(after.resident)}`,
    );
    if (after.heapBytes > before.heapBytes + HEAP_GROWTH) fail(`${what}: the shared heap has grown`);
    if (after.resident > before.resident + RESIDENT_GROWTH) fail(`${what}: the process has grown`);
  }
  console.log(`pages in use at the end: ${bytes(heap.usedBytes())}`);
}

function fail(what: string): void {
  console.error(`soak: ${what}`);
  process.exitCode = 1;
}

if (import.meta.main) await main();
