/** The entry file of every worker that the nursery makes. */
import '../index.ts';
import { beginIsolate } from '../isolate.ts';
// Not in a bundle, where it is no file that others could be led to.
import { declareNoTests } from './node-test.ts';

declareNoTests();
beginIsolate();
