/**
 * Messages come in bursts; two threads store them in an SQLite database that takes its time; the queue between them is
 * bounded. To be seen: the queue fills and empties but never holds more than its bound, the producer is slowed down,
 * memory stays flat, and each message is in the table once.
 *
 *   node examples/12-bursts-into-sqlite.ts          MESSAGES=300 node examples/12-bursts-into-sqlite.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Queue } from 'telaio/queue';
import { sleep, sleepSync, Thread } from 'telaio/threading';
import { log } from './log.ts';

const MESSAGES = Number(process.env.MESSAGES ?? 2000);
const BURST = 100;
const BOUND = 40;
const BYTES = 10_000;

type Message = { id: number; text: string };

/** Sends bursts with pauses between them; returns how long it waited for room, in milliseconds. */
function produce(queue: Queue<Message>): number {
  let waited = 0;
  for (let id = 0; id < MESSAGES; id++) {
    if (id > 0 && id % BURST === 0) sleepSync(100);
    const started = performance.now();
    queue.putSync({ id, text: 'x'.repeat(BYTES) });
    waited += performance.now() - started;
  }
  queue.shutdown();
  return waited;
}

/** Stores what comes until nothing more will. A connection belongs to one thread: each opens its own. */
function consume(queue: Queue<Message>, file: string): number {
  using database = new DatabaseSync(file, { timeout: 60_000 });
  const insert = database.prepare('INSERT INTO messages (id, text) VALUES (?, ?)');
  let stored = 0;
  for (const { id, text } of queue.itemsSync()) {
    insert.run(id, text);
    sleepSync(2);
    stored++;
  }
  return stored;
}

if (import.meta.main) {
  const folder = mkdtempSync(join(tmpdir(), 'telaio-bursts-'));
  const file = join(folder, 'messages.sqlite');
  try {
    using database = new DatabaseSync(file);
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE messages (id INTEGER, text TEXT)');
    const queue = new Queue<Message>(BOUND);
    const producer = new Thread({ target: produce, args: [queue] }).start();
    const consumers = [1, 2].map(() => new Thread({ target: consume, args: [queue, file] }).start());

    const depths: number[] = [];
    const memory: number[] = [];
    while (consumers.some((thread) => thread.isAlive())) {
      depths.push(queue.qsize());
      memory.push(process.memoryUsage.rss() / 2 ** 20);
      await sleep(20);
    }

    const stored = await Promise.all(consumers.map((thread) => thread.result()));
    const { total, distinct } = database
      .prepare('SELECT count(*) AS total, count(DISTINCT id) AS "distinct" FROM messages')
      .get() as { total: number; distinct: number };
    const step = Math.ceil(depths.length / 30);
    for (let at = 0; at < depths.length; at += step) {
      console.log(`${String(at * 20).padStart(6)} ms ${'█'.repeat(depths[at])} ${depths[at]}`);
    }
    log(`Main    : sent ${MESSAGES}, stored ${stored.join(' + ')}, in the table ${total}, different ones ${distinct}`);
    log(`Main    : the queue held ${Math.max(...depths)} of ${BOUND} at most`);
    log(`Main    : the producer waited ${Math.round(await producer.result())} ms for room`);
    const settled = memory.slice(memory.length >> 1);
    log(
      `Main    : memory ${Math.round(memory[memory.length >> 1])} MB half-way, ${Math.round(Math.max(...settled))} MB at most after`,
    );
    process.exitCode = total === MESSAGES && distinct === MESSAGES ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
