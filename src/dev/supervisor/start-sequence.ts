import { resolve } from 'node:path';
import { joinAddress, reachedHost } from '../../runtime/local-address.ts';
import { SCOPES } from '../../domain/access/scopes.ts';
import { type DevEnvironment, givenSettings, loadTokenSettings, portClaims } from '../dev-environment.ts';
import { PROJECT_FOLDER } from '../data-folder.ts';
import { type dataPaths, writeEnvironmentFile, writePrivateFile } from '../dev-files.ts';
import { chooseSecrets, type DevSecrets } from '../dev-secrets.ts';
import { signDevToken } from '../dev-token.ts';
import { startEmbeddedPostgres } from '../postgres/embedded-postgres.ts';
import { logTail } from '../processes/process-log.ts';
import { assertPortsUsable, LOOPBACK } from '../processes/ports.ts';
import { describeExit, runToEnd, startProcess } from '../processes/processes.ts';
import type { Terminal } from '../processes/progress.ts';
import { untilListening, untilReady } from '../processes/readiness.ts';
import type { ServiceRegistry } from './service-registry.ts';
import type { ServiceName } from './services.ts';
import { findOrBuildTemporalCli } from '../temporal/temporal-cli.ts';
import { startTemporalDevServer } from '../temporal/temporal-dev-server.ts';

const DATABASE = 'order_saga';

/** The printed token is valid for a month. */
const TOKEN_TTL_SECONDS = 30 * 24 * 3_600;

const WRITTEN_BY_START =
  'Written by `npm start`: what its last start runs with, for the tools. Not read by the next start.';

/** The programs that are started, relative to the project folder. */
export const ENTRIES = {
  simulator: 'src/simulator/server.ts',
  mailSink: 'src/dev/mail-sink-server.ts',
  bundle: 'src/temporal/bundle-workflows.ts',
  migrate: 'src/migrate.ts',
  combined: 'src/combined.ts',
};

/** `WORKFLOW_SANDBOX=lean` needs these options; otherwise they have no effect. */
const WORKER_OPTIONS = ['--import', './src/temporal/lean-sandbox.ts'];

/** The addresses of a running system, which are also the variables of its processes. */
type SystemAddresses = Readonly<Record<string, string>> & { readonly DATABASE_URL: string };

/** A system that answers. */
export interface RunningSystem {
  readonly addresses: SystemAddresses;
  readonly token: string;
}

/** What a start needs; `signal` ends the start. */
export interface StartContext {
  readonly environment: DevEnvironment;
  readonly log: (line: string) => void;
  readonly terminal: Terminal;
  readonly entries: typeof ENTRIES;
  readonly paths: ReturnType<typeof dataPaths>;
  readonly registry: ServiceRegistry;
  readonly signal: AbortSignal;
}

/** The variables of one process, beside those of the person's shell. */
type Variables = Readonly<Record<string, string>>;

/**
 * Starts all services, each entered in the registry as soon as it exists, and resolves when the API is ready.
 * Independent services start side by side.
 */
export async function startAll(context: StartContext): Promise<RunningSystem> {
  const { environment, log, paths, signal } = context;
  await assertPortsUsable(portClaims(environment));
  const secrets = chooseSecrets(paths, environment.secrets);
  const known = knownAddresses(environment);
  const cliPath = environment.external.temporalAddress === null ? await findOrBuildTemporalCli(context) : null;
  const [databaseUrl] = await allOrNothing(signal, (either) => {
    const within = { ...context, signal: either };
    return [
      startDatabase(within, { ...secrets, ...known }),
      startTemporal(within, cliPath),
      startSimulator(within, secrets),
      startMailSink(within),
      runTask(within, 'workflow bundle', { args: [context.entries.bundle], variables: {} }),
    ];
  });
  const addresses: SystemAddresses = { ...known, DATABASE_URL: databaseUrl };
  const settings = { ...givenSettings(environment.variables), ...secrets, ...addresses };
  writeEnvironmentFile(paths.environmentFile, settings, WRITTEN_BY_START);
  // The token is written before the API answers, so that callers that wait for the API find it.
  const token = await writeToken(context, secrets);
  await startService(context, 'combined', {
    args: [context.entries.combined],
    variables: { ...secrets, ...addresses },
    nodeOptions: WORKER_OPTIONS,
  });
  await untilReady(`${environment.apiUrl}/readyz`, signal);
  log('combined: API and worker are ready');
  return { addresses, token };
}

/** Addresses that are known before PostgreSQL has its password, and settings that development chooses. */
function knownAddresses(environment: DevEnvironment): Variables {
  const { ports, hosts, external, temporalNamespace, webhookAllowPrivate, rolesClaim } = environment;
  const inboxUrl = external.smtpUrl === null ? environment.inboxUrl : null;
  const uiUrl = external.temporalAddress === null ? `http://localhost:${ports.temporalUi}` : null;
  const addresses = {
    API_PORT: String(ports.api),
    TEMPORAL_ADDRESS: external.temporalAddress ?? `${LOOPBACK}:${ports.temporal}`,
    TEMPORAL_NAMESPACE: temporalNamespace,
    TEMPORAL_UI_URL: external.temporalUiUrl ?? uiUrl,
    PAYMENT_GATEWAY_URL: external.paymentGatewayUrl ?? environment.simulatorUrl,
    SMTP_URL: external.smtpUrl ?? `smtp://${joinAddress(reachedHost(hosts.mailSink), ports.smtp)}`,
    INBOX_URL: inboxUrl,
    SMS_GATEWAY_URL: external.smsGatewayUrl ?? (inboxUrl === null ? null : `${inboxUrl}/sms`),
    WEBHOOK_ALLOW_PRIVATE: webhookAllowPrivate,
    JWT_ROLES_CLAIM: rolesClaim,
  };
  return Object.fromEntries(Object.entries(addresses).filter((entry): entry is [string, string] => entry[1] !== null));
}

async function startDatabase(context: StartContext, variables: Variables): Promise<string> {
  const url = context.environment.external.databaseUrl ?? (await startPostgres(context));
  await runTask(context, 'migrations', {
    args: [context.entries.migrate, '--seed'],
    variables: { ...variables, DATABASE_URL: url },
  });
  return url;
}

async function startPostgres({ environment, paths, log, registry }: StartContext): Promise<string> {
  const postgres = await startEmbeddedPostgres({
    dataDirectory: paths.postgresFolder,
    port: environment.ports.postgres,
    databases: [DATABASE],
    logFile: paths.log('PostgreSQL'),
    log,
  });
  registry.add('PostgreSQL', postgres.process);
  return postgres.url(DATABASE);
}

async function startTemporal({ environment, paths, log, registry }: StartContext, cliPath: string | null) {
  if (cliPath === null) return;
  await startTemporalDevServer({
    cliPath,
    port: environment.ports.temporal,
    uiPort: environment.ports.temporalUi,
    databaseFile: paths.temporalDatabase,
    namespaces: [environment.temporalNamespace],
    logFile: paths.log('Temporal'),
    log,
    onStarted: (process) => {
      registry.add('Temporal', process);
    },
  });
}

async function startSimulator(context: StartContext, secrets: DevSecrets): Promise<void> {
  const { apiUrl, ports, hosts, external } = context.environment;
  if (external.paymentGatewayUrl !== null) return;
  await startService(context, 'payment simulator', {
    args: [context.entries.simulator],
    variables: {
      SIMULATOR_PORT: String(ports.simulator),
      SIMULATOR_LEDGER_FILE: context.paths.paymentLedger,
      PAYMENT_WEBHOOK_URL: `${apiUrl}/v1/payment-webhooks/simulator`,
      PAYMENT_WEBHOOK_SECRET: secrets.PAYMENT_WEBHOOK_SECRET,
    },
  });
  await untilListening(ports.simulator, context.signal, reachedHost(hosts.simulator));
  context.log(`payment simulator: listening on ${joinAddress(hosts.simulator, ports.simulator)}`);
}

async function startMailSink(context: StartContext): Promise<void> {
  const { ports, hosts, external } = context.environment;
  if (external.smtpUrl !== null) return;
  await startService(context, 'mail sink', {
    args: [context.entries.mailSink],
    variables: {
      MAIL_SINK_SMTP_PORT: String(ports.smtp),
      MAIL_SINK_INBOX_PORT: String(ports.inbox),
      MAIL_SINK_FILE: context.paths.mails,
    },
  });
  await untilListening(ports.inbox, context.signal, reachedHost(hosts.mailSink));
  const [smtp, inbox] = [ports.smtp, ports.inbox].map((port) => joinAddress(hosts.mailSink, port));
  context.log(`mail sink: SMTP on ${smtp}, inbox on ${inbox}`);
}

/** The entry point with its arguments, and the variables that are set beside the person's own. */
interface NodeProgram {
  readonly args: readonly string[];
  readonly variables: Variables;
}

async function startService(
  context: StartContext,
  name: ServiceName,
  { nodeOptions = [], ...program }: NodeProgram & { readonly nodeOptions?: readonly string[] },
) {
  context.signal.throwIfAborted();
  const spec = nodeProcess(context, name, program);
  const args = [...nodeOptions, ...spec.args];
  context.registry.add(name, await startProcess({ name, ...spec, args }));
}

/**
 * Runs a task to its end.
 * @throws {Error} with the end of the task's log when it fails.
 */
async function runTask(context: StartContext, name: string, program: NodeProgram) {
  const startedAt = Date.now();
  const spec = { name, ...nodeProcess(context, name, program) };
  const status = await runToEnd(spec, context.signal);
  context.signal.throwIfAborted();
  if (status.code !== 0) throw new Error(`${name} failed (${describeExit(status)}):\n${logTail(spec.logFile)}`);
  context.log(`${name}: done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

function nodeProcess({ environment, paths }: StartContext, name: string, { args, variables }: NodeProgram) {
  const [entry = '', ...rest] = args;
  return {
    command: process.execPath,
    args: [resolve(PROJECT_FOLDER, entry), ...rest],
    cwd: PROJECT_FOLDER,
    logFile: paths.log(name),
    env: { ...environment.variables, ...variables },
  };
}

async function writeToken({ environment, paths }: StartContext, secrets: DevSecrets): Promise<string> {
  const token = await signDevToken({
    ...loadTokenSettings({ ...environment.variables, ...secrets }),
    tenant: 'demo',
    scopes: SCOPES,
    ttlSeconds: TOKEN_TTL_SECONDS,
  });
  writePrivateFile(paths.tokenFile, `${token}\n`);
  return token;
}

/** Waits for all parts, so that none goes on starting after a failed start; the first failure ends the others. */
async function allOrNothing<Results extends readonly unknown[]>(
  signal: AbortSignal,
  begin: (either: AbortSignal) => { [Key in keyof Results]: Promise<Results[Key]> },
): Promise<Results> {
  const failed = new AbortController();
  const steps = begin(AbortSignal.any([signal, failed.signal]));
  for (const step of steps) {
    void step.catch((error: unknown) => {
      failed.abort(error);
    });
  }
  await Promise.allSettled(steps);
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return Promise.all(steps);
}
