/** One whole line on stderr: `HH:MM:SS: text`. The same in every thread, in the order in which the lines are written. */
export function log(text: string): void {
  console.error(`${new Date().toTimeString().slice(0, 8)}: ${text}`);
}
