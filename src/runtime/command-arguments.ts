import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';

/** The arguments of a program; `--help` is always among them. */
interface ArgumentForm<Options extends ParseArgsOptionsConfig> {
  readonly options: Options;
  /** Largest number of words without a name; none by default. */
  readonly positionalsMax?: number;
}

/** Words of a command line that cannot be used; the message says which, and why. */
export class ArgumentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ArgumentError';
  }
}

/**
 * Reads the words after the program's name; null when help is requested. An unknown word, an option without a value,
 * and an option that is given twice are mistakes, because ignoring a mistake could start something else than was meant.
 * @throws {ArgumentError} that names the mistake.
 */
export function parseArguments<const Options extends ParseArgsOptionsConfig>(
  words: readonly string[],
  { options, positionalsMax = 0 }: ArgumentForm<Options>,
) {
  const parsed = parse(words, options);
  const { values, positionals, tokens } = parsed;
  if ('help' in values && values.help === true) return null;
  const given = tokens.filter((token) => token.kind === 'option');
  for (const [at, { name, rawName, value }] of given.entries()) {
    if (value === '') throw new ArgumentError(`${rawName} needs a value`);
    const isRepeated = given.findIndex((other) => other.name === name) < at;
    if (isRepeated && options[name]?.multiple !== true) throw new ArgumentError(`${rawName} is given twice`);
  }
  const strange = positionals.slice(positionalsMax);
  if (strange.length > 0) throw new ArgumentError(`Unexpected argument '${strange.join(' ')}'`);
  return { values, positionals };
}

function parse<const Options extends ParseArgsOptionsConfig>(words: readonly string[], options: Options) {
  try {
    return parseArgs({
      args: [...words],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
      tokens: true,
    });
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error;
    // The sentences after the first are advice about the parser.
    const [first = ''] = error.message.split(/\. |\n/);
    throw new ArgumentError(first);
  }
}

/**
 * The arguments of this process, for an entry point that can do nothing without them: `--help` prints the usage and
 * ends the process with 0, a mistake ends it with 2.
 */
export function takeArguments<const Options extends ParseArgsOptionsConfig>(
  usage: string,
  form: ArgumentForm<Options>,
) {
  try {
    const given = parseArguments(process.argv.slice(2), form);
    if (given !== null) return given;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exit(2);
  }
}

/**
 * Reads a whole number above 0.
 * @throws {ArgumentError} that names the option.
 */
export function positiveInteger(option: string, given: string | number): number {
  const number = Number(given);
  if (!Number.isInteger(number) || number < 1) throw new ArgumentError(`${option} must be a positive whole number`);
  return number;
}
