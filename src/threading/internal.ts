/** What the floors above need of this one and users do not. */
export { workersOf } from './current.ts';
export { textOf } from './except-hook.ts';
export { holdProcess, releaseProcess } from './exit.ts';
export { leaveWords, reportOwnWords } from './last-words.ts';
export { hasWayToThreads, mayStartThreads } from './nursery.ts';
export { writeReport } from './output.ts';
export { onPort, sendPort } from './ports.ts';
export { atThreadEnd } from './runner.ts';
export { checkLimits } from './thread-options.ts';
