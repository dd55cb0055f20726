/**
 * Opening a destination empties it: it must not be a file that the run reads, nor both destinations one file. Standard
 * output and standard error are destinations too, also when nothing but what the function prints goes there.
 */
import { fstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Target } from './backend.ts';
import { UsageError } from './errors.ts';
import type { Input } from './inputs/record-source.ts';
import type { Destination } from './sinks/sink.ts';

/** Links that point at links, as far as a kernel follows them. */
const LINKS = 40;

type Files = {
  inputs: Input[];
  target: Target;
  destination: Destination;
  failurePath: string | undefined;
  stdin: object;
  stdout: object;
  stderr: object;
};

/** Throws `UsageError`. */
export function refuseSharedFiles(files: Files): void {
  const { inputs, target, destination, failurePath, stdin } = files;
  const seen = new Map<string, string>();
  const note = (key: string | undefined, name: string): void => {
    if (key !== undefined) seen.set(key, name);
  };
  const module = fileURLToPath(target.url);
  note(identity(module), `the module ${module}`);
  for (const { name, path } of inputs) {
    if (path !== undefined) note(identity(path), name);
    else if (stdin === process.stdin) note(identityOf(statOf(0)), 'standard input');
  }
  // The two may be one file (2>&1): each write goes to its end. What is read there would be fed by what it gives.
  const standard = standardOutputs(files);
  for (const [key, name] of standard) {
    const other = seen.get(key);
    if (other !== undefined) {
      throw new UsageError(`${other} would be written to while it is read: it is named twice (as ${name} too)`);
    }
  }
  for (const [key, name] of standard) seen.set(key, name);
  const outputs = [destination.kind === 'stdout' ? undefined : destination.path, failurePath];
  for (const path of outputs.filter((path) => path !== undefined)) {
    const key = identity(path);
    const other = key === undefined ? undefined : seen.get(key);
    if (other !== undefined) {
      const alias = other === path ? '' : ` (as ${other} too)`;
      throw new UsageError(`${path} would be overwritten: it is named twice${alias}`);
    }
    note(key, path);
  }
}

/** The same for every spelling of a file, whether it exists or not; none for devices and pipes, which keep nothing. */
function identity(path: string, links = LINKS): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined) return identityOf(stat);
  try {
    // A link to a file that does not exist yet.
    if (links > 0) return identity(resolve(dirname(path), readlinkSync(path)), links - 1);
  } catch {
    // Not a link.
  }
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return resolve(path);
  }
}

function identityOf(stat: Stats | undefined): string | undefined {
  return stat?.isFile() ? `${stat.dev}:${stat.ino}` : undefined;
}

/** Files that the process was started with as its outputs, and what they are called. */
function standardOutputs({ stdout, stderr }: Files): [string, string][] {
  const outputs: [string, string][] = [];
  // A caller's own streams are not these files.
  const used = [stderr === process.stderr && 2, stdout === process.stdout && 1];
  for (const descriptor of used) {
    const key = descriptor === false ? undefined : identityOf(statOf(descriptor));
    if (key !== undefined) outputs.push([key, descriptor === 1 ? 'standard output' : 'standard error']);
  }
  return outputs;
}

function statOf(descriptor: number): Stats | undefined {
  try {
    return fstatSync(descriptor);
  } catch {
    // Closed.
    return undefined;
  }
}
