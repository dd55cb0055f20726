import { ThreadWorker } from 'poolifier';
import { addOne, addOneToEach, echo, empty, hold, work } from './plain.mjs';

export default new ThreadWorker({ empty, echo, work, addOne, addOneToEach, hold });
