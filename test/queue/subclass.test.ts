/** Users' subclasses of every kind, in other threads. */
import assert from 'node:assert/strict';
import { Queue } from '../../src/queue/index.ts';
import { Thread } from '../../src/threading/index.ts';
import { check } from '../support/check.ts';
import { Mailbox, Pipeline, Triage, Undo, use, useFrom } from './fixtures/classes.ts';

function assertUsed([pipeline, undo, triage, mailbox]: [Pipeline, Undo, Triage, Mailbox], seen: unknown): void {
  assert.deepEqual(seen, {
    names: ['Pipeline', 'Undo', 'Triage', 'Mailbox'],
    label: ['changed', 0, 4],
    library: true,
  });
  assert.equal(pipeline.getSync(), 42);
  assert.equal(undo.getSync(), 'undo change');
  assert.deepEqual(triage.getManySync(5), [{ who: 'first' }, { who: 'second' }]);
  assert.deepEqual(mailbox.getManySync(5), ['one', 'two']);
}

function filled(): [Pipeline, Undo, Triage, Mailbox] {
  const pipeline = new Pipeline(3);
  pipeline.label = 'changed';
  pipeline.putSync(21);
  const undo = new Undo();
  undo.putManySync(['type', 'change']);
  return [pipeline, undo, new Triage(4), new Mailbox()];
}

check('as arguments of a thread', async () => {
  const queues = filled();
  assertUsed(queues, await new Thread({ target: use, args: queues }).start().result());
  assert.match(String(queues[2]), /^<Triage #[0-9a-f]+ 0 of 4 items>$/);
});

check('through a queue, and back as the same objects', async () => {
  const queues = filled();
  const carrier = new Queue<[Pipeline, Undo, Triage, Mailbox]>();
  carrier.putSync(queues);
  assert.deepEqual(
    carrier.getSync().map((queue, index) => queue === queues[index]),
    [true, true, true, true],
  );
  carrier.putSync(queues);
  assertUsed(queues, await new Thread({ target: useFrom, args: [carrier] }).start().result());
});
