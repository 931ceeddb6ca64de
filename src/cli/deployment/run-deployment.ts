import { ArgumentError, parseArguments } from '../../runtime/command-arguments.ts';
import { ConfigError } from '../../settings/config-error.ts';
import { isBuildId, isDeploymentName, loadRoutingConfig } from '../../settings/deployment-settings.ts';
import { isNoAnswer } from '../../temporal/calls.ts';
import { createTemporalClient } from '../../temporal/connection.ts';
import { createTables } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { drain } from './drain.ts';
import { ramp, setCurrent, showStatus, type RoutingTools } from './routing.ts';
import { createWorkerDeployment, missingWorkers } from './worker-deployment.ts';

const USAGE = `npm run deployment -- COMMAND [--deployment NAME] [--json]
  Says which build of the workers gets new orders. NAME is TEMPORAL_DEPLOYMENT_NAME by default.
  status
      the builds, what gets new orders, and the orders that each build still has
  set-current BUILD [--wait SECONDS] [--force]
      sends new orders to BUILD, as soon as its workers have registered (30 s); --force: even if a queue has none
  set-current --unversioned
      sends new orders to workers without a build
  ramp BUILD --percent N [--wait SECONDS]
      sends a share of new orders to BUILD; 0 ends that
  drain BUILD [--wait SECONDS] [--move-to BUILD]
      waits until BUILD has no order left (60 s), so that its processes can be stopped; with --move-to the orders that
      are left after that time are continued by the other build, if they replay on its workflow bundle (WORKFLOW_BUNDLE)
Exit code: 0 done, 1 refused, failed or not drained, 2 wrong usage.`;

const OPTIONS = {
  deployment: { type: 'string' },
  json: { type: 'boolean' },
  wait: { type: 'string' },
  percent: { type: 'string' },
  'move-to': { type: 'string' },
  unversioned: { type: 'boolean' },
  force: { type: 'boolean' },
} as const;
type OptionName = keyof typeof OPTIONS;
type Options = NonNullable<ReturnType<typeof parse>>['values'];

function parse(words: readonly string[]) {
  return parseArguments(words, { options: OPTIONS, positionalsMax: 2 });
}

interface Command {
  readonly options: readonly OptionName[];
  readonly takesBuild: boolean;
  readonly run: (tools: RoutingTools, buildId: string | null, options: Options) => Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  status: { options: [], takesBuild: false, run: showStatus },
  'set-current': {
    options: ['wait', 'unversioned', 'force'],
    takesBuild: true,
    run: (tools, buildId, { wait, unversioned = false, force = false }) => {
      if ((buildId === null) !== unversioned) throw new ArgumentError('set-current needs BUILD or --unversioned');
      return setCurrent(tools, buildId, { waitMs: waitOf(wait, 30), isForced: force });
    },
  },
  ramp: {
    options: ['wait', 'percent'],
    takesBuild: true,
    run: (tools, buildId, { wait, percent }) =>
      ramp(tools, given(buildId, 'ramp'), { waitMs: waitOf(wait, 30), percent: percentOf(percent) }),
  },
  drain: {
    options: ['wait', 'move-to'],
    takesBuild: true,
    run: (tools, buildId, { wait, 'move-to': moveTo }) => {
      const from = given(buildId, 'drain');
      const to = moveTo === undefined ? null : checkBuild(moveTo);
      if (to === from) throw new ArgumentError('--move-to needs another build');
      return drain(tools, from, { waitMs: waitOf(wait, 60), moveTo: to });
    },
  },
};

/**
 * Runs a command line of `npm run deployment`.
 * @returns the exit code.
 */
export async function runDeployment(words: readonly string[], terminal: Omit<Terminal, 'ask' | 'isInteractive'>) {
  try {
    const parsed = parse(words);
    if (parsed !== null) return await run(parsed.positionals, parsed.values, terminal);
    terminal.print(USAGE);
    return 0;
  } catch (error) {
    if (!(error instanceof ArgumentError)) {
      terminal.tell(explain(error));
      return 1;
    }
    terminal.tell(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}

async function run(
  [name, build]: readonly string[],
  options: Options,
  terminal: Omit<Terminal, 'ask' | 'isInteractive'>,
): Promise<number> {
  const command = commandOf(name, options);
  if (build !== undefined && !command.takesBuild) throw new ArgumentError(`${name} does not take "${build}"`);
  const buildId = build === undefined ? null : checkBuild(build);
  const { temporal, deployment, bundlePath } = loadRoutingConfig(terminal.env);
  const deploymentName = options.deployment ?? deployment.name;
  if (deploymentName === null)
    throw new ArgumentError('which deployment? --deployment NAME, or TEMPORAL_DEPLOYMENT_NAME');
  if (!isDeploymentName(deploymentName)) throw new ArgumentError(`"${deploymentName}" is no name of a deployment`);
  const client = createTemporalClient(temporal);
  try {
    const tools: RoutingTools = {
      client,
      deployment: createWorkerDeployment(client, deploymentName),
      name: deploymentName,
      ownBuildId: deployment.ownBuildId,
      code: { bundlePath, sealing: temporal.sealing },
      isJson: options.json === true,
      tables: createTables({ colors: terminal.isTable && (terminal.env['NO_COLOR'] ?? '') === '' }),
      print: terminal.print,
      tell: terminal.tell,
    };
    return await command.run(tools, buildId, options);
  } finally {
    await client.connection.close();
  }
}

function commandOf(name: string | undefined, options: Options): Command {
  if (name === undefined) throw new ArgumentError('which command?');
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new ArgumentError(`there is no command "${name}"`);
  const known: readonly string[] = [...command.options, 'deployment', 'json', 'help'];
  const strange = Object.keys(options).find((option) => !known.includes(option));
  if (strange !== undefined) throw new ArgumentError(`${name} does not know --${strange}`);
  return command;
}

function given(buildId: string | null, command: string): string {
  if (buildId === null) throw new ArgumentError(`${command} needs BUILD`);
  return buildId;
}

function checkBuild(text: string): string {
  if (isBuildId(text)) return text;
  throw new ArgumentError(`"${text}" is no id of a build: letters, digits, dots, hyphens, underscores and plus signs`);
}

/** Milliseconds; an hour is longer than any pipeline waits. */
function waitOf(text: string | undefined, defaultSeconds: number): number {
  if (text === undefined) return defaultSeconds * 1_000;
  if (/^\d+$/.test(text) && Number(text) <= 3_600) return Number(text) * 1_000;
  throw new ArgumentError(`--wait: "${text}" is not a number of seconds up to 3600`);
}

function percentOf(text: string | undefined): number {
  if (text !== undefined && /^\d+(\.\d+)?$/.test(text) && Number(text) <= 100) return Number(text);
  throw new ArgumentError('--percent needs a number from 0 to 100');
}

/** An error that a person can act on gets a sentence; a bug gets its stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  const missing = missingWorkers(error);
  if (missing !== null) return `refused: ${missing}`;
  if (isNoAnswer(error)) return `Temporal does not answer: ${error instanceof Error ? error.message : String(error)}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
