/** What `npm run stress` runs: one round with what the generator decides, and an error when an invariant is broken. */
import type { Random } from './random.ts';

export type Scenario = {
  name: string;
  /** How many rounds it gets for each round of a scenario of weight 1. */
  weight: number;
  run(random: Random): Promise<void>;
  /** After the last round: a line about all of them. */
  balance?(): string;
};
