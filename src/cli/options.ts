/** The command line: its arguments and options, checked. */
import { availableParallelism } from 'node:os';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UsageError } from './errors.ts';
import { MAP_HELP } from './help.ts';
import { FORMATS, type RecordFormat } from './inputs/format.ts';

export type MapOptions = {
  module: string;
  inputs: string[];
  from: RecordFormat | undefined;
  to: string;
  workers: number;
  queue: number;
  chunk: number | undefined;
  ordered: boolean;
  /** `stop`, `skip`, or the file for failed records. */
  onError: string;
  /** `undefined`: on a terminal only. */
  progress: boolean | undefined;
};

type Flags = Omit<MapOptions, 'module' | 'inputs' | 'ordered'> & {
  unordered?: boolean;
  backend: string;
  retries?: unknown;
  resume?: unknown;
  timeout?: unknown;
};

const MEND = ' (telaio map --help explains)';
const DEFAULT_QUEUE = 10_000;
/** Each is a thread with an engine of its own, of some 10 MB: more of them than this is a slip of the finger. */
const MOST_WORKERS = 256;

/**
 * Reads the arguments after `telaio`. `undefined`: help or the version was asked for and printed. Throws `UsageError`.
 */
export function parseArguments(argv: string[], version: string, print: (text: string) => void): MapOptions | undefined {
  let parsed: MapOptions | undefined;
  const program = new Command('telaio')
    .description('Calls a function for every record of files, on all cores.')
    .version(version);
  const map = program
    .command('map')
    .summary('call a function for every record of the inputs')
    .description(
      'Calls a function for every record of the inputs, on all cores; results come in the order of the input.',
    )
    .usage('<module>[#export] [inputs...] [options]')
    .argument('<module>', 'the file with the function; #export names the function in it')
    .argument('[inputs...]', 'files to read; - or none: standard input')
    .addOption(new Option('--from <format>', 'format of the inputs, whatever their endings say').choices(FORMATS))
    .option('--to <destination>', '-, FILE.ndjson, FILE.csv or sqlite:FILE#TABLE', '-')
    .option('--workers <n>', 'threads that call the function (default: one a core)', threads)
    .option('--queue <n>', 'records waiting at most: read and not yet written', positive, DEFAULT_QUEUE)
    .option('--chunk <n>', 'records handed to a thread at a time (default: about 40 ms of work)', positive)
    .option('--unordered', 'write results as they come, not in the order of the input')
    .option('--on-error <what>', 'stop, skip, or a file that gets the failed records as NDJSON', 'stop')
    .option('--backend <name>', 'where the function runs: threads', 'threads')
    .option('--progress', 'show count, rate and time left on standard error (default: on a terminal)')
    .option('--no-progress', 'show nothing')
    .addOption(new Option('--retries [n]').hideHelp())
    .addOption(new Option('--resume').hideHelp())
    .addOption(new Option('--timeout [ms]').hideHelp())
    .addHelpText('after', MAP_HELP)
    .action((module: string, inputs: string[], flags: Flags) => {
      refuseWhatIsMissing(flags);
      refuseFailureFile(flags.onError);
      const { from, to, workers, queue, chunk, onError, progress } = flags;
      const ordered = flags.unordered !== true;
      const count = workers ?? Math.min(availableParallelism(), MOST_WORKERS);
      parsed = { module, inputs, from, to, workers: count, queue, chunk, ordered, onError, progress };
    });
  for (const command of [program, map]) {
    command.exitOverride().configureOutput({
      writeOut: print,
      // Errors are thrown, and told in one place and one form.
      writeErr: () => {},
      outputError: () => {},
    });
  }
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    if (error.code === 'commander.help')
      throw new UsageError(`name a command: telaio map <module>[#export] [inputs...]${MEND}`);
    const message = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
    throw new UsageError(`${message}${MEND}`, { cause: error });
  }
  return parsed;
}

/** Options that are announced but not there yet are refused by name: ignoring one would promise what nobody does. */
function refuseWhatIsMissing(flags: Flags): void {
  if (flags.backend !== 'threads') {
    const later = ['processes', 'cluster'].includes(flags.backend);
    throw new UsageError(
      `--backend ${flags.backend} ${later ? 'is not available yet' : 'is unknown'}; use --backend threads`,
    );
  }
  for (const name of ['retries', 'resume', 'timeout'] as const) {
    if (flags[name] !== undefined) throw new UsageError(`--${name} is not available yet; leave it out`);
  }
}

function refuseFailureFile(onError: string): void {
  if (onError === '') throw new UsageError('--on-error is empty: give stop, skip or a file');
  if (onError === '-') throw new UsageError('--on-error - would mix failures and results: give stop, skip or a file');
}

function threads(value: string): number {
  const number = positive(value);
  if (number > MOST_WORKERS) throw new InvalidArgumentError(`It must be ${MOST_WORKERS} at most.`);
  return number;
}

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('It must be a whole number from 1 up.');
  return number;
}
