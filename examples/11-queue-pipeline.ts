/**
 * A pipeline that is a queue of 10 slots. The producer sends until an event is set; main sets it after 100 ms. To be
 * seen: everything that was sent is stored once, in order, and a producer that waits for room when the event comes gets
 * out all the same.
 *
 *   node examples/11-queue-pipeline.ts          node examples/11-queue-pipeline.ts --rounds 1000 (with short waits)
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Queue } from 'telaio/queue';
import { Event, sleep, sleepSync, Thread } from 'telaio/threading';
import { log } from './log.ts';

class Pipeline extends Queue<number> {
  constructor() {
    super(10);
  }

  setMessage(message: number): void {
    this.putSync(message);
  }

  /** undefined: the producer has left, and there is nothing more. */
  getMessage(): number | undefined {
    for (const message of this.itemsSync()) return message;
    return undefined;
  }
}

function produce(pipeline: Pipeline, event: Event, talk: boolean): number[] {
  const sent: number[] = [];
  while (!event.isSet()) {
    const message = randomInt(1, 102);
    if (talk) log(`Producer: sends ${message}`);
    pipeline.setMessage(message);
    sent.push(message);
  }
  // Nothing more will come. Without this a consumer that waits for a message now would wait for ever.
  pipeline.shutdown();
  return sent;
}

function consume(pipeline: Pipeline, event: Event, nap: number, talk: boolean): number[] {
  const stored: number[] = [];
  const store = (message: number) => {
    if (talk) log(`Consumer: stores ${message} (${pipeline.qsize()} wait)`);
    stored.push(message);
    sleepSync(nap);
  };
  while (!event.isSet() || !pipeline.empty()) {
    const message = pipeline.getMessage();
    if (message !== undefined) store(message);
  }
  // The producer may have looked at the event just before it was set, and put its last message in only now.
  for (const message of pipeline.itemsSync()) store(message);
  return stored;
}

if (import.meta.main) {
  const rounds = Number(parseArgs({ options: { rounds: { type: 'string', default: '1' } } }).values.rounds);
  let [messages, blocked, wrong] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const pipeline = new Pipeline();
    const event = new Event();
    const talk = rounds === 1;
    // Of many rounds, every second has a consumer that is as fast as the producer.
    const nap = talk ? 10 : round % 2;
    const producer = new Thread({ target: produce, args: [pipeline, event, talk] }).start();
    const consumer = new Thread({ target: consume, args: [pipeline, event, nap, talk] }).start();
    await sleep(talk ? 100 : randomInt(5));
    if (talk) log('Main    : about to set the event');
    blocked += pipeline.statistics().putters;
    event.set();
    const [sent, stored] = await Promise.all([producer.result(), consumer.result()]);
    messages += sent.length;
    if (sent.join() !== stored.join()) wrong++;
  }
  log(`Main    : rounds ${rounds}, producer blocked when the event came ${blocked}, sent ${messages}, wrong ${wrong}`);
  process.exitCode = wrong === 0 ? 0 : 1;
}
