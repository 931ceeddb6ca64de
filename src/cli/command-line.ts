import { ArgumentError, parseArguments } from '../runtime/command-arguments.ts';

/** Every option of every command; each command lists the options that it takes. */
const OPTIONS = {
  json: { type: 'boolean' },
  token: { type: 'string' },
  key: { type: 'string' },
  status: { type: 'string' },
  customer: { type: 'string' },
  reference: { type: 'string' },
  limit: { type: 'string' },
  cursor: { type: 'string' },
  reason: { type: 'string' },
  amount: { type: 'string' },
  days: { type: 'string' },
  state: { type: 'string' },
  step: { type: 'string' },
  error: { type: 'string' },
  fingerprint: { type: 'string' },
  action: { type: 'string' },
  method: { type: 'string' },
  evidence: { type: 'string' },
  version: { type: 'string' },
  canary: { type: 'string' },
  'max-per-second': { type: 'string' },
  watch: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  yes: { type: 'boolean' },
  actor: { type: 'string' },
  subject: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  'closed-after': { type: 'string' },
  'beyond-retention': { type: 'boolean' },
  'temporal-lost': { type: 'boolean' },
} as const;
type OptionName = keyof typeof OPTIONS;

/** The options as given. */
export type Options = NonNullable<ReturnType<typeof parseWords>>['values'];

/** The form of a command on the command line. */
export interface CommandForm {
  /** The command's words in the usage. */
  readonly usage: string;
  readonly summary: string;
  /** The argument of the command, for example `ID`; null when it takes none. */
  readonly subject: string | null;
  /** The options beside `--help`, `--json` and, for commands over the API, `--token`. */
  readonly options: readonly OptionName[];
}

/** A command with its argument and its options. */
export interface CommandLine<Command extends CommandForm> {
  readonly command: Command;
  /** Empty when the command takes no argument. */
  readonly subject: string;
  readonly options: Options;
}

/** The words do not form a command. */
export class UsageError extends ArgumentError {}

/**
 * Reads the words after the program's name; null when help is requested.
 * @throws {UsageError}
 */
export function parseCommandLine<Command extends CommandForm>(
  words: readonly string[],
  commands: Readonly<Record<string, Command>>,
): CommandLine<Command> | null {
  const given = parseWords(words);
  if (given === null) return null;
  const { values: options, positionals } = given;
  const [name, subject = '', ...more] = positionals;
  if (name === undefined) throw new UsageError('which command?');
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new UsageError(`there is no command "${name}"`);
  checkArguments(name, command, [subject, ...more]);
  const known: readonly string[] = [...command.options, 'json'];
  const strange = Object.keys(options).find((option) => !known.includes(option));
  if (strange !== undefined) throw new UsageError(`${name} does not know --${strange}`);
  return { command, subject, options };
}

function checkArguments(name: string, { subject }: CommandForm, [given = '', ...more]: readonly string[]): void {
  if (subject === null && given !== '') throw new UsageError(`${name} takes no argument, not "${given}"`);
  if (subject !== null && given === '') throw new UsageError(`${name} needs ${subject}`);
  if (more.length > 0) throw new UsageError(`${name} takes one argument, not also "${more.join(' ')}"`);
}

function parseWords(words: readonly string[]) {
  try {
    return parseArguments(words, { options: OPTIONS, positionalsMax: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw error instanceof ArgumentError ? new UsageError(error.message) : error;
  }
}

/**
 * The value of a required option.
 * @throws {UsageError}
 */
export function required(options: Options, name: 'reason' | 'action' | 'method' | 'evidence' | 'closed-after'): string {
  const value = options[name];
  if (value === undefined || value === '') throw new UsageError(`--${name} is required`);
  return value;
}

/**
 * A whole number from 1; undefined when it is not given.
 * @throws {UsageError}
 */
export function countOf(
  options: Options,
  name: 'amount' | 'days' | 'limit' | 'version' | 'canary' | 'max-per-second',
): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  const count = Number(value);
  if (/^[1-9]\d*$/.test(value) && Number.isSafeInteger(count)) return count;
  throw new UsageError(`--${name}: "${value}" is not a whole number from 1`);
}

/**
 * A required instant with its zone, for example `2026-11-30T12:00:00Z`.
 * @throws {UsageError}
 */
export function instantOf(options: Options, name: 'closed-after'): Date {
  const text = required(options, name);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)) {
    const instant = new Date(text);
    if (!Number.isNaN(instant.getTime())) return instant;
  }
  throw new UsageError(`--${name}: "${text}" is not an instant with its zone, for example 2026-11-30T12:00:00Z`);
}
