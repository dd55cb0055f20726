/** Programs 10 to 12: pipelines of one slot, of ten, and into a database. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertOnlyLog, type Outcome, run } from './program.ts';

const STRESS = process.env.TELAIO_STRESS === '1';
const deadline = { timeout: STRESS ? 600_000 : 60_000 };

/** The numbers at the end of the log lines that begin so. */
function numbersAfter(log: string[], beginning: string): number[] {
  return log
    .filter((line) => line.startsWith(beginning))
    .flatMap((line) => line.slice(beginning.length).trim().split(' '))
    .map(Number);
}

test('10: ten numbers arrive in order up to the sentinel; the variant loses one', deadline, async () => {
  const outcome = await run('10-one-slot-pipeline.ts');
  assertOnlyLog(outcome);
  const { log } = outcome;
  const second = log.findIndex((line) => line.startsWith('Main    : Pipeline stored')) + 1;
  for (const [name, lines] of Object.entries({ Pipeline: log.slice(0, second), LossyPipeline: log.slice(second) })) {
    const sent = numbersAfter(lines, `Main    : ${name} sent`);
    assert.equal(sent.length, 10);
    assert.ok(sent.every((number) => Number.isInteger(number) && number >= 1 && number <= 101));
    const stored = numbersAfter(lines, `Main    : ${name} stored`);
    assert.deepEqual(stored, name === 'Pipeline' ? sent : sent.slice(1), 'the lossy one loses the first');
    assert.deepEqual(numbersAfter(lines, 'Producer: sends'), sent);
    assert.deepEqual(numbersAfter(lines, 'Consumer: stores'), stored);
    assert.equal(lines.length, sent.length + stored.length + 2);
  }
});

/** What program 11 says at its end. */
function sums({ log }: Outcome): { rounds: number; blocked: number; sent: number; wrong: number } {
  const line = log.at(-1) ?? '';
  const numbers = line.match(/rounds (\d+), producer blocked when the event came (\d+), sent (\d+), wrong (\d+)$/);
  assert.ok(numbers, line);
  const [rounds, blocked, sent, wrong] = numbers.slice(1).map(Number);
  return { rounds, blocked, sent, wrong };
}

test('11: all that was sent is stored once, in order, also what was sent around the event', deadline, async () => {
  const outcome = await run('11-queue-pipeline.ts');
  assertOnlyLog(outcome);
  const sent = numbersAfter(outcome.log, 'Producer: sends');
  const stored = outcome.log
    .flatMap((line) => /^Consumer: stores (\d+) \(\d+ wait\)$/.exec(line)?.[1] ?? [])
    .map(Number);
  assert.deepEqual(stored, sent);
  assert.deepEqual({ ...sums(outcome), blocked: 0 }, { rounds: 1, blocked: 0, sent: sent.length, wrong: 0 });
  assert.equal(outcome.log.filter((line) => line === 'Main    : about to set the event').length, 1);
});

test('11: over many rounds nothing hangs and nothing is lost', deadline, async () => {
  const wanted = STRESS ? 1000 : 50;
  const outcome = await run('11-queue-pipeline.ts', {
    args: ['--rounds', String(wanted)],
    deadline: STRESS ? 300_000 : 30_000,
  });
  assertOnlyLog(outcome);
  const { rounds, blocked, sent, wrong } = sums(outcome);
  assert.deepEqual([rounds, wrong], [wanted, 0]);
  assert.ok(sent > 0);
  assert.ok(blocked > 0, 'the event never came while the producer waited for room');
});

test('12: each message is in the table once; the queue keeps its bound, the producer waits', deadline, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'telaio-test-'));
  const { code, stdout, stderr, log } = await run('12-bursts-into-sqlite.ts', {
    env: { MESSAGES: '600', TMPDIR: folder },
  });
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(folder), [], 'the database is removed');
  rmdirSync(folder);

  const [first, second] = log[0]
    .match(/stored (\d+) \+ (\d+)/)!
    .slice(1)
    .map(Number);
  assert.equal(first + second, 600);
  assert.match(log[0], /^Main {4}: sent 600, stored \d+ \+ \d+, in the table 600, different ones 600$/);
  const most = Number(/^Main {4}: the queue held (\d+) of 40 at most$/.exec(log[1])?.[1]);
  assert.ok(most > 0 && most <= 40, log[1]);
  assert.ok(Number(/the producer waited (\d+) ms for room$/.exec(log[2])?.[1]) > 0, log[2]);
  const [middle, after] = log[3]
    .match(/memory (\d+) MB half-way, (\d+) MB at most after$/)!
    .slice(1)
    .map(Number);
  assert.ok(after - middle < 64, log[3]);
  assert.equal(log.length, 4);

  const chart = stdout.trimEnd().split('\n');
  assert.ok(chart.length >= 10 && chart.length <= 31, stdout);
  for (const row of chart) {
    const [, bar, depth] = /^ *\d+ ms (█*) (\d+)$/.exec(row) ?? assert.fail(row);
    assert.equal(bar.length, Number(depth));
    assert.ok(bar.length <= most);
  }
});
