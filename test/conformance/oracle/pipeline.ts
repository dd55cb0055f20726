import { Queue } from '../../../src/queue/index.ts';
import { Thread } from '../../../src/threading/index.ts';
import { say } from './say.ts';

export function square(jobs: Queue<number | null>, results: Queue<number[] | null>): void {
  for (;;) {
    const job = jobs.getSync();
    if (job === null) {
      results.putSync(null);
      return;
    }
    results.putSync([job, job * job]);
  }
}

if (import.meta.main) {
  const jobs = new Queue<number | null>(3);
  const results = new Queue<number[] | null>();
  const thread = new Thread({ target: square, args: [jobs, results] }).start();
  for (let job = 1; job <= 12; job++) jobs.putSync(job);
  jobs.putSync(null);
  for (let result = results.getSync(); result !== null; result = results.getSync()) say(...result);
  thread.joinSync();
  say(jobs.qsize(), results.empty(), jobs.full());
}
