/** What the floors above need of this one and users do not. */
export { textOf } from './except-hook.ts';
export { writeWhole } from './output.ts';
export { atThreadEnd } from './runner.ts';
