import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heap, reap } from '../../src/memory/index.ts';
import { field, i32, i64, ref, Shared, text, Value } from '../../src/shared/index.ts';
import {
  Account,
  addUp,
  Board,
  bump,
  doubleLater,
  FakeDatabase,
  increment,
  isTree,
  make,
  Named,
  page,
  Room,
  readBalance,
  readName,
  readOwner,
  scribble,
  type,
  visitRoom,
} from './fixtures/classes.ts';
import { inThread, startThread } from './in-thread.ts';

const limit = { timeout: 60_000 };

test('increments under the lock are exact', limit, async () => {
  const database = new FakeDatabase({ value: 5 });
  const times = 20_000;
  const others = [inThread(increment, database, times), inThread(increment, database, times)];
  database.increment(times);
  await Promise.all(others);
  assert.equal(database.value, 5 + 3 * times);
});

test('an object arrives as its class, with what it holds, and comes back as itself', limit, async () => {
  const owner = new Named('owner');
  const room = new Room(owner);
  room.samples[3] = 1;
  room.inbox.putSync(42);
  assert.ok(new Room(owner).guest === null);
  const [isRoom, isNamed, shout, id, item, back] = await inThread(visitRoom, room);
  assert.deepEqual([isRoom, isNamed, shout, id, item], [true, true, 'owner!', 5, 42]);
  assert.equal(back, room);
  assert.equal(room.samples[3], 2);
  assert.ok(room.door.isSet());
  assert.ok(room.guest instanceof Named);
  assert.equal(room.guest.label, 'guest');
  assert.equal(room.owner, owner);
  assert.equal(room.books.value, 3);
});

test('a class made by Shared() is known by its definition', limit, async () => {
  const Point = Shared({ x: i32, name: text(8) });
  const point = new Point({ x: 1, name: 'a' });
  assert.equal(await inThread(bump, point), point);
  assert.deepEqual([point.x, point.name], [2, 'a!']);
  const made = await inThread(make, Point as never);
  assert.ok(made instanceof Point);
  assert.equal(made.x, 7);
  assert.equal(Shared({ x: i32, name: text(8) }), Point);
  assert.notEqual(Shared({ name: text(8), x: i32 }), Point);
});

test('a field of a class that the thread cannot know is refused by name', limit, async () => {
  const Pair = Shared({ owner: FakeDatabase });
  await assert.rejects(inThread(readOwner, new Pair() as never), {
    code: 'TELAIO_LAYOUT',
    message: /owner holds an object of class FakeDatabase.*top level of a module/,
  });
});

test('two versions of a class do not mix', limit, async () => {
  await assert.rejects(inThread(readBalance, new Account({ balance: 3 })), {
    code: 'TELAIO_LAYOUT',
    message: /object of Account .*made with the fields \{ balance: i32 \}, .* the class has \{ balance: f64 \}/,
  });
});

test('no reader sees half a text', limit, async () => {
  const board = new Board({ line: page('a') });
  const writers = [inThread(type, board, 0), inThread(type, board, 1)];
  try {
    for (let round = 0; round < 20_000 || Math.min(...board.rounds) < 20_000; round++) {
      const { line } = board;
      assert.ok(line === page(line[0]), 'a text is torn');
      if (round % 1000 === 0) await new Promise(setImmediate);
    }
  } finally {
    board.stop = 1;
    await Promise.all(writers);
  }
});

test('no reader sees half a value', limit, async () => {
  const board = new Board({ line: page('a'), data: { number: 0, copies: [] } });
  const writers = [inThread(scribble, board, 0), inThread(scribble, board, 1)];
  const seen = new Set<string>();
  try {
    for (let round = 0; round < 3000 || Math.min(...board.rounds) < 3000; round++) {
      const { line, data, big, mark } = board;
      assert.equal(line.length, line.charCodeAt(0) * 300, 'a text is torn');
      assert.equal(line, page(line[0]));
      seen.add(line[0]);
      assert.ok(isTree(data), 'an any is torn');
      assert.equal(big >> 32n, big & 0xffff_ffffn, 'an i64 is torn');
      assert.ok(mark === null || !mark.isSet());
      // Let finalizers run.
      if (round % 100 === 0) await new Promise(setImmediate);
    }
  } finally {
    board.stop = 1;
    await Promise.all(writers);
  }
  assert.ok(seen.size > 1, 'the writers wrote nothing meanwhile');
});

test('a writer that dies in the middle leaves whole values', limit, async () => {
  const board = new Board({ line: page('a'), data: { number: 0, copies: [] } });
  for (let death = 0; death < 15; death++) {
    board.rounds[0] = 0;
    const worker = startThread(scribble, board, 0);
    while (board.rounds[0] < 20 + death) await new Promise(setImmediate);
    await worker.terminate();
    // What telaio/threading does when a thread ends.
    reap(heap, board.descriptor);
    const { line, data, mark } = board;
    assert.equal(line, page(line[0]));
    assert.ok(isTree(data));
    assert.ok(mark === null || !mark.isSet());
    board.data = { number: 0, copies: [] };
  }
});

test('two classes that only their thread tells apart stay apart', limit, async () => {
  const Twin = () => Shared({ first: i32, owner: field(() => new Named('twin')) });
  const [A, B] = [Twin(), Twin()];
  assert.notEqual(A, B);
  assert.ok(!(new A() instanceof B));
  assert.equal(await inThread(readOwner, new B() as never), 'twin');
});

test('a Value of references says their class', limit, async () => {
  const named = new Value(ref(Named), new Named('held'));
  assert.equal(await inThread(readName, named), 'held!');
});

test('a Value counts exactly', limit, async () => {
  const small = new Value(i32, 1);
  const large = new Value(i64, 2n ** 40n);
  await Promise.all([
    inThread(addUp, small, 5000),
    inThread(addUp, small, 5000),
    inThread(doubleLater, large, 500),
    doubleLater(large, 500),
  ]);
  assert.equal(small.value, 10_001);
  assert.equal(large.value, 2n ** 40n + 2000n);
});
