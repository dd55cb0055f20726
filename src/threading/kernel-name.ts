/** The name under which the kernel knows a thread: what `ps -L`, `htop` and `perf` show. */
import { writeFileSync } from 'node:fs';

/** As many bytes as Linux keeps. */
const MOST_BYTES = 15;

/** Names a thread of this process; does nothing where that can't be done, or when the thread is gone. */
export function setKernelName(nativeId: number, name: string): void {
  if (process.platform !== 'linux' || nativeId === 0) return;
  try {
    writeFileSync(`/proc/self/task/${nativeId}/comm`, fitted(name));
  } catch {
    // A name is for those who look on: the thread works without.
  }
}

/** To the first NUL, and no more whole characters than have room. */
function fitted(name: string): string {
  let kept = '';
  let bytes = 0;
  for (const character of name.split('\0', 1)[0]) {
    bytes += Buffer.byteLength(character);
    if (bytes > MOST_BYTES) break;
    kept += character;
  }
  return kept;
}
