/**
 * Misuse: each row in a process of its own. The message must name the object, the place where there is one, and the
 * mend.
 */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { run } from '../threading/program.ts';
import { rows } from './fixtures/rows.ts';

const here = /misuse\/fixtures\/rows\.ts:\d+:\d+/.source;
/** What each row throws: the error's class, and its message. */
const expected: Record<string, [kind: string, ...message: RegExp[]]> = {
  'Thread without an object of options': ['TypeError', /new Thread\(/, /new Thread\(\{ target: fn, args: \[1\] \}\)/],
  'Thread with a target that is no function': ['TypeError', /new Thread: target is string, not a function/],
  'Thread with args that are no array': ['TypeError', /args is not an array/, /args: \[value\]/],
  'start twice': ['RuntimeError', /<Thread\(twin, /, /started before/, /new Thread/],
  'join before start': ['RuntimeError', /<Thread\(early, initial\)>/, /call start\(\) first/],
  'join itself': ['RuntimeError', /MainThread/, /can't join itself/],
  'result before start': ['RuntimeError', /early/, /call start\(\) first/],
  'join with a negative timeout': ['RangeError', /timeout is -1/, /milliseconds, 0 or more/],
  'join with a timeout that is text': ['RangeError', /timeout is '5'/, /milliseconds/],
  'daemon after start': ['RuntimeError', /late/, /before start\(\)/],
  'the signal of another thread': ['RuntimeError', /other/, /currentThread\(\)\.signal/],
  'terminate the main thread': ['RuntimeError', /MainThread/, /can't be terminated/],
  'a thread argument that cannot be copied': [
    'CloneError',
    /^args\[0\]\.list\[1\] /,
    /Symbol\(mine\)/,
    /Symbol\.for\(\)/,
  ],
  'a promise as a thread argument': ['CloneError', /^args\[0\] /, /Promise/, /await it first/],
  'a native function as target': ['FunctionError', /max/, /native code/, /arrow function/],
  'a bound function as target': ['FunctionError', /bound identity/, /native code/, /arrow function/],
  'an interrupt with a reason that cannot be copied': ['CloneError', /WeakMap/],
  'an except hook that is no function': ['TypeError', /setExceptHook\(print\)/, /give a function/],
  'a negative sleep': ['RangeError', /-1/, /milliseconds/],

  'release a free Lock': ['RuntimeError', /<unlocked Lock #/, /not locked/, /using/],
  'release somebody else’s RLock': ['RuntimeError', /RLock/],
  'release a free RLock': ['RuntimeError', /RLock/],
  'notify without the lock': ['RuntimeError', /notify\(\) needs the condition's lock/, /acquireSync\(\)/],
  'wait without the lock': ['RuntimeError', /waitSync\(\) needs the condition's lock/, /acquireSync\(\)/],
  'a negative Semaphore': ['RangeError', /Semaphore/, /-1/],
  'a lock with a NaN timeout': ['RangeError', /NaN/, /milliseconds/],
  'use after dispose': ['DisposedError', /Lock was disposed/, /dispose it later/],

  'a Queue of half an item': ['RangeError', /Queue\(1\.5\)/, /whole number/],
  'put what cannot be copied': ['CloneError', /\.socket\[0\] can't be copied/, /WeakSet/],
  'put after shutdown': ['ShutDown', /<Queue #/, /shutdown\(\) was called/],
  'get after shutdown': ['ShutDown', /<Queue #/, /shutdown\(\) was called/],
  'taskDone too often': ['RuntimeError', /taskDone\(\)/, /<Queue #/, /once for each item/],
  'get that times out': ['Empty', /<Queue #/, /no item in 1 ms/],
  'put that times out': ['Full', /<Queue #.* 1 of 1 items/, /no room in 1 ms/],

  'maxWorkers 0': ['RangeError', /maxWorkers is 0/, /1 or more/],
  'maxTasksPerWorker 0': ['RangeError', /maxTasksPerWorker is 0/, /1 or more/],
  'idleTimeout -1': ['RangeError', /idleTimeout is -1/, /0 or more/],
  'an initializer that is no function': ['TypeError', /initializer is not a function/],
  'initArgs that are no array': ['TypeError', /initArgs is not an array/],
  'submit of no function': ['TypeError', /submit\(42\)/, /give a function, then its arguments/],
  'submit of a call’s result': ['TypeError', /submit\(1\)/, /give a function/],
  'submit after shutdown': ['RuntimeError', /<ThreadPoolExecutor closed/, /shutdown\(\) was called/],
  'an argument of submit that cannot be copied': ['CloneError', /^args\[0\]\.f /, /WeakRef/],
  'an executor seen through options': ['FunctionError', new RegExp(here), /'view'/, /send the executor itself/],
  'a future as an argument': ['CloneError', /^args\[0\] /, /Future belongs to the thread/, /send its result/],
  'map with chunkSize 0': ['RangeError', /chunkSize is 0/, /1 or more/],
  'map of no function': ['TypeError', /give a function first/],
  'map over nothing to iterate': ['TypeError', /map\(…, 5\)/, /something to iterate over/],
  'wait for something unknown': ['RangeError', /returnWhen is SOME/, /ALL_COMPLETED/],
  'wait for no futures': ['TypeError', /wait\(5\)/, /give futures/],
  'asCompleted of a promise': ['TypeError', /asCompleted: Promise/, /no Future/],
  'addDoneCallback of nothing': ['TypeError', /addDoneCallback\(undefined\)/, /give a function/],
  'cancel with a text for force': ['TypeError', /force is 'yes'/, /true or false/],
  'map with a number for a signal': ['TypeError', /signal is 5/, /map\(fn, items/],
  'a threadNamePrefix that is a number': ['TypeError', /threadNamePrefix is 5/, /text/],
  'asCompleted with a negative timeout': ['RangeError', /-5/, /milliseconds/],
  'result with a timeout that passes': ['TimeoutError', /not done in 1 ms/],

  'a target that uses this': ['FunctionError', new RegExp(here), /'?this'?/],
  'an assignment to a captured variable': ['FunctionError', new RegExp(here), /'total'/, /shared|Value/],
  'a captured value that cannot be copied': ['FunctionError', new RegExp(here), /'socket'/, /WeakMap/],
  'a function that exists only in memory': ['FunctionError', /memory|hidden/],
};

const rowsFile = new URL('./fixtures/rows.ts', import.meta.url);
/** Fifty processes compile the same modules: once is enough. */
const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'telaio-misuse-cache') };

describe('misuse', { concurrency: 2 }, () => {
  test('every row has its message', () => {
    assert.deepEqual(Object.keys(rows).sort(), Object.keys(expected).sort());
  });

  for (const name of Object.keys(rows)) {
    test(name, { timeout: 120_000 }, async () => {
      const ran = await run(rowsFile, { args: [name], env });
      const [kind, ...patterns] = expected[name];
      assert.equal(ran.lines.length, 1, ran.stderr);
      const thrown = JSON.parse(ran.lines[0]) as { kind: string; code?: string; message: string };
      assert.equal(thrown.kind, kind, thrown.message);
      for (const pattern of patterns) assert.match(thrown.message, pattern);
      if (kind !== 'TypeError' && kind !== 'RangeError') assert.match(thrown.code ?? '', /^TELAIO_[A-Z_]+$/);
      // Whatever was started ends, and the process with it.
      assert.equal(ran.signal, null);
      assert.equal(ran.code, 0);
    });
  }
});
