import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { OneTenantRoleError } from '../../db/tenant-fence.ts';
import { localHttpUrl } from '../runtime/local-address.ts';
import { SourceUnavailableError } from '../audit/source-error.ts';
import { ConfigError, loadConfig } from '../config.ts';
import { dataPaths } from '../dev/dev-files.ts';
import { dataFolderOf } from '../dev/data-folder.ts';
import { ApiProblemError, ApiUnreachableError, createApiClient } from './api-client.ts';
import type { ApiCommand } from './api-command.ts';
import { CASE_COMMANDS } from './case-commands.ts';
import { DATA_PROTECTION_COMMANDS } from './data-protection-commands.ts';
import { parseCommandLine, UsageError, type CommandForm, type CommandLine, type Options } from './command-line.ts';
import { ORDER_COMMANDS } from './order-subcommands.ts';
import { WrongSystemError } from './repair-check.ts';
import type { SystemTools } from './system-commands.ts';
import { createTables } from './table.ts';
import type { Terminal } from './terminal.ts';
import { AnswerLostError, createUnansweredWishes, EarlierWishError } from './unanswered-requests.ts';

/** A command that uses the databases and Temporal directly. */
interface SystemCommand extends CommandForm {
  readonly kind: 'system';
  readonly run: (tools: SystemTools) => Promise<number>;
}

const SYSTEM_COMMANDS = {
  audit: {
    kind: 'system',
    usage: 'audit',
    summary: 'check every promise over all tenants, as npm run audit',
    subject: null,
    options: [],
    run: async (tools) => (await loadSystemCommands()).runAudit(tools),
  },
  repair: {
    kind: 'system',
    usage: 'repair [--dry-run] [--yes] [--actor NAME] [--temporal-lost]',
    summary: 'carry on what a terminate in the Web UI, or a lost Temporal, has left behind',
    subject: null,
    options: ['dry-run', 'yes', 'actor', 'temporal-lost'],
    run: async (tools) => (await loadSystemCommands()).runRepair(tools),
  },
  replay: {
    kind: 'system',
    usage: 'replay --closed-after T [--dry-run] [--yes] [--actor NAME] [--beyond-retention]',
    summary: 'after the database was set back to T: bring back what its workflows had done since',
    subject: null,
    options: ['closed-after', 'dry-run', 'yes', 'actor', 'beyond-retention'],
    run: async (tools) => (await import('./replay/replay-command.ts')).runReplay(tools),
  },
  missing: {
    kind: 'system',
    usage: 'missing LOG',
    summary:
      "after a restore: the orders that an API's log says were accepted, and that are lost; - reads standard input",
    subject: 'LOG',
    options: [],
    run: async (tools) => (await import('./replay/replay-command.ts')).runMissing(tools),
  },
  reseal: {
    kind: 'system',
    usage: 'reseal',
    summary: 'seal what older keys have sealed with the newest of CONTACT_KEYS',
    subject: null,
    options: [],
    run: async (tools) => (await loadSystemCommands()).runReseal(tools),
  },
  archive: {
    kind: 'system',
    usage: 'archive [--days N]',
    summary: 'move orders that ended N days ago out of the hot tables now, as the hourly job does',
    subject: null,
    options: ['days'],
    run: async (tools) => (await import('./archive-command.ts')).runArchive(tools),
  },
  policies: {
    kind: 'system',
    usage: 'policies',
    summary: 'how every step and event is retried, under the settings of this environment',
    subject: null,
    options: [],
    run: async (tools) => (await import('./policy-command.ts')).showPolicies(tools),
  },
} satisfies Record<string, SystemCommand>;

/**
 * Loading the clients of PostgreSQL and Temporal takes half a second, which commands over the API need not wait for.
 */
function loadSystemCommands() {
  return import('./system-commands.ts');
}

const COMMANDS: Readonly<Record<string, ApiCommand | SystemCommand>> = {
  ...ORDER_COMMANDS,
  ...CASE_COMMANDS,
  ...DATA_PROTECTION_COMMANDS,
  ...SYSTEM_COMMANDS,
};

const USAGE = [
  'npm run orders -- COMMAND [--json]',
  'For a script: npm run --silent orders -- COMMAND --json, else npm prints what it runs before the answer.',
  ...Object.values(COMMANDS).map(({ usage, summary }) => `  ${usage}\n      ${summary}`),
  'Over the API: --token T, else ORDERS_TOKEN, else .data/dev-token; API_URL says where it is. What changes something',
  'takes --key K: repeated with the same key it is done once. A command whose answer was lost keeps its key.',
  'Exit code: 0 done, 1 refused, failed, broken or not done to its end, 2 wrong usage, or the audit could not look.',
].join('\n');

/**
 * Runs a command line of `npm run orders`.
 * @returns the exit code.
 */
export async function runCommandLine(words: readonly string[], terminal: Terminal): Promise<number> {
  let line: CommandLine<ApiCommand | SystemCommand> | null = null;
  try {
    line = parseCommandLine(words, COMMANDS);
    if (line !== null) return await run(line, terminal);
    terminal.print(USAGE);
    return 0;
  } catch (error) {
    terminal.tell(explain(error));
    return error instanceof UsageError || (line?.command === SYSTEM_COMMANDS.audit && isBlind(error)) ? 2 : 1;
  }
}

/** The audit distinguishes "not checked" from "broken", like `npm run audit`. */
function isBlind(error: unknown): boolean {
  return error instanceof SourceUnavailableError || error instanceof ConfigError;
}

function run(
  { command, subject, options }: CommandLine<ApiCommand | SystemCommand>,
  terminal: Terminal,
): Promise<number> {
  const { env } = terminal;
  const tables = createTables({ colors: terminal.isTable && (env['NO_COLOR'] ?? '') === '' });
  if (command.kind === 'system') {
    const config = loadConfig(env, { tokens: false });
    return command.run({ subject, options, tables, config, terminal, userName: userName() });
  }
  const apiUrl = readApiUrl(env);
  const [name = ''] = command.usage.split(' ');
  const wish = { apiUrl, command: name, subject, options };
  const wishes = createUnansweredWishes(dataPaths(dataFolderOf(env)).unansweredFolder);
  const earlier = options.key === undefined && command.options.includes('key') ? wishes.find(wish) : null;
  if (earlier !== null) {
    terminal.tell(
      `This command of ${earlier.at} had no answer: asked again under its key ${earlier.key}, so nothing is done twice.`,
    );
  }
  return command.run({
    subject,
    options,
    key: options.key ?? earlier?.key ?? randomUUID(),
    api: wishes.watch(createApiClient({ baseUrl: apiUrl, token: readToken(options, env) }), wish),
    tell: terminal.tell,
    show: (answer, schema, format) =>
      terminal.print(options.json === true ? JSON.stringify(answer, null, 2) : format(schema.parse(answer), tables)),
  });
}

function readApiUrl(env: Terminal['env']): string {
  const url = env['API_URL'] ?? '';
  if (url === '') return localHttpUrl(env['API_HOST'] || '127.0.0.1', env['API_PORT'] || '8080');
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? '')) return url;
  throw new UsageError(`API_URL: "${url}" is not the address of an API`);
}

function readToken(options: Options, env: Terminal['env']): string {
  const given = options.token ?? env['ORDERS_TOKEN'] ?? '';
  if (given !== '') return given;
  const file = dataPaths(dataFolderOf(env)).tokenFile;
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  throw new UsageError(`there is no token: set ORDERS_TOKEN, give --token, or run \`npm start\`, which writes ${file}`);
}

/** A container may run as a user without a name. */
function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}

/** An error that a person can act on gets a sentence; a bug gets its stack. */
function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${USAGE}`;
  if (error instanceof ApiProblemError) return `${error.code}: ${error.message}`;
  const isTold = [ApiUnreachableError, EarlierWishError, WrongSystemError, OneTenantRoleError].some(
    (kind) => error instanceof kind,
  );
  if (isTold || isBlind(error)) return (error as Error).message;
  if (error instanceof AnswerLostError) return `${explain(error.cause)}\n${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
