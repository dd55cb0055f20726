import { Queue } from '../../../src/queue/index.ts';
import { refused, say } from './say.ts';

if (import.meta.main) {
  const full = new Queue<string>(2);
  say(full.empty(), full.full(), full.qsize());
  full.putSync('a');
  full.putSync('b');
  say(full.empty(), full.full(), full.qsize());
  try {
    full.putSync('c', { timeout: 10 });
  } catch (error) {
    say((error as Error).name);
  }
  say(full.getSync(), full.getSync());
  try {
    full.getSync({ timeout: 10 });
  } catch (error) {
    say((error as Error).name);
  }
  for (let count = 0; count < 2; count++) full.taskDone();
  await full.join();
  say(refused(() => full.taskDone()));
  say(refused(() => full.getSync({ timeout: -1 })));
}
