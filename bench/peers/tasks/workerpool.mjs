import workerpool from 'workerpool';
import { addOne, addOneToEach, echo, empty, hold, work } from './plain.mjs';

const give = (bytes) => new workerpool.Transfer(bytes, [bytes.buffer]);

workerpool.worker({ empty, echo, work, addOne, addOneToEach, hold, give });
