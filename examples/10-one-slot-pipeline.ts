/**
 * A pipeline for one message, of two locks that are handed crosswise: each is released by the thread that did not take
 * it. To be seen: the consumer stores the 10 numbers that were sent, in order, and stops at the sentinel; a pipeline
 * that reads its message after it has released the lock loses one.
 *
 *   node examples/10-one-slot-pipeline.ts
 */
import { randomInt } from 'node:crypto';
import { any, Shared } from 'telaio/shared';
import { Lock, sleepSync, Thread } from 'telaio/threading';
import { log } from './log.ts';

/** A registered symbol is the same one in every thread. */
const SENTINEL = Symbol.for('telaio.examples.sentinel');
type Message = number | typeof SENTINEL;

class Pipeline extends Shared({ message: any<Message>(), producerLock: Lock, consumerLock: Lock }) {
  constructor() {
    super();
    // There is no message yet: the consumer must wait.
    this.consumerLock.acquireSync();
  }

  setMessage(message: Message): void {
    this.producerLock.acquireSync();
    this.message = message;
    this.consumerLock.release();
  }

  getMessage(): Message {
    this.consumerLock.acquireSync();
    const { message } = this;
    this.producerLock.release();
    return message;
  }
}

class LossyPipeline extends Pipeline {
  override getMessage(): Message {
    this.consumerLock.acquireSync();
    this.producerLock.release();
    // A thread may be held up anywhere. Here, say, until the producer has set its next message …
    while (this.consumerLock.locked() && this.message !== SENTINEL) sleepSync(1);
    // … and so this is not the message that the lock was taken for.
    return this.message;
  }
}

function produce(pipeline: Pipeline): number[] {
  const sent: number[] = [];
  for (let index = 0; index < 10; index++) {
    const message = randomInt(1, 102);
    log(`Producer: sends ${message}`);
    pipeline.setMessage(message);
    sent.push(message);
  }
  pipeline.setMessage(SENTINEL);
  return sent;
}

function consume(pipeline: Pipeline): number[] {
  const stored: number[] = [];
  for (let message = pipeline.getMessage(); message !== SENTINEL; message = pipeline.getMessage()) {
    log(`Consumer: stores ${message}`);
    stored.push(message);
  }
  return stored;
}

if (import.meta.main) {
  for (const pipeline of [new Pipeline(), new LossyPipeline()]) {
    const producer = new Thread({ target: produce, args: [pipeline] }).start();
    const consumer = new Thread({ target: consume, args: [pipeline] }).start();
    log(`Main    : ${pipeline.constructor.name} sent   ${(await producer.result()).join(' ')}`);
    log(`Main    : ${pipeline.constructor.name} stored ${(await consumer.result()).join(' ')}`);
  }
}
