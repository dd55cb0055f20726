/** An error as plain data: what a person needs to mend the function, without the frames of this library. */
import type { ErrorDescription } from '../backend.ts';

/**
 * Name, message, code and stack of whatever was thrown. The stack ends before the first frame of `callerUrl`, the module
 * that called the user's function.
 */
export function describeError(error: unknown, callerUrl: string): ErrorDescription {
  if (!isErrorLike(error)) return { name: typeof error, message: String(error) };
  const description: ErrorDescription = { name: String(error.name), message: String(error.message) };
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' || typeof code === 'number') description.code = String(code);
  if (typeof error.stack === 'string' && error.stack !== '') description.stack = ownFrames(error, callerUrl);
  return description;
}

// Not instanceof: an error from a vm context or another realm is an error too.
function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'message' in error && 'name' in error;
}

function ownFrames(error: Error, callerUrl: string): string {
  const lines = String(error.stack).split('\n');
  const end = lines.findIndex((line) => line.includes(callerUrl));
  const own = end === -1 ? lines : lines.slice(0, end);
  return own.join('\n').trimEnd();
}
