import { setTimeout as sleep } from 'node:timers/promises';
import { requireAllTenants } from '../../db/tenant-fence.ts';
import { takeArguments } from '../runtime/command-arguments.ts';
import { ConfigError, loadConfig, type Config } from '../config.ts';
import { keepLoopbackDirect } from '../runtime/loopback.ts';
import {
  ensureAuditSchedule,
  ensureOperatorMailSchedule,
  ensureSearchAttributes,
  ensureSweepSchedules,
} from '../temporal/bootstrap.ts';
import { installTemporalRuntime, requireLeanSandbox } from '../temporal/runtime.ts';
import { countDroppedLogLines, startWorkerMetrics } from '../temporal/worker-metrics.ts';
import { TASK_QUEUES } from '../workflows/contract.ts';
import { startTracing } from '../runtime/tracing/start-tracing.ts';
import { createLogger } from '../runtime/logger.ts';
import type { UsedCertificate } from '../runtime/metrics/certificate-expiry.ts';
import { loadPrettyFormat } from '../runtime/pretty-log.ts';
import type { Api } from './api.ts';
import { startProfiling } from './continuous-profiling.ts';
import { startInternalListener } from './internal-listener.ts';
import { createProcessMetrics } from './process-metrics.ts';
import { openContext, type ProcessBasis, type ProcessContext } from './resources.ts';
import type { RunningWorker } from './workers.ts';
import { surviveOutputErrors } from '../runtime/standard-output.ts';

/** A running process: an API, a worker, or both on the same connections. */
export interface RunningProcess {
  readonly context: ProcessContext;
  readonly api: Api | null;
  readonly worker: RunningWorker | null;
}

/** Ends a process in order: new orders stop first, then those under way end, then the connections close. */
export async function stopProcess({ context, api, worker }: RunningProcess): Promise<void> {
  await api?.close();
  await worker?.shutDown();
  await worker?.close();
  await context.resources.close();
  // The client's connection closes last, because everything before may still call Temporal.
  await context.client.connection.close();
}

const NODE_MAJOR_MIN = 24;

type Service = 'api' | 'worker' | 'combined';

const QUEUES_USAGE = `  --queues LIST   the task queues that it serves, of ${TASK_QUEUES.join(',')}
                  (default: WORKER_QUEUES, else all)`;

const USAGES: Readonly<Record<Service, string>> = {
  api: 'npm run start:api\n  The API alone. Its settings are environment variables: see .env.example.',
  worker: `npm run start:worker -- [--queues LIST]
  A worker alone. Its settings are environment variables: see .env.example.
${QUEUES_USAGE}`,
  combined: `npm run start:combined -- [--queues LIST]
  API and worker in one process. Their settings are environment variables: see .env.example.
${QUEUES_USAGE}`,
};

/**
 * Runs a composition root: configuration, start, ordered end on SIGTERM or SIGINT, exit code. Problems of the
 * configuration are printed plainly, because a person reads them.
 */
export async function runProcess(
  service: Service,
  start: (basis: ProcessBasis) => Promise<RunningProcess>,
): Promise<void> {
  const queues = takeQueues(service);
  if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
    exitWith(
      `order-saga needs Node ${NODE_MAJOR_MIN} or newer, this is ${process.versions.node}: start it by "npm run".`,
    );
  }
  keepLoopbackDirect(process.env);
  let config: Config;
  try {
    config = loadConfig({ ...process.env, ...queues }, { tokens: service !== 'worker' });
  } catch (error) {
    exitWith(error instanceof ConfigError ? error.message : String(error));
  }
  refuseFenceOfAll(service, config);
  const format = config.logFormat === 'pretty' ? await loadPrettyFormat() : undefined;
  const logger = createLogger({ level: config.logLevel, service, format, build: config.deployment?.buildId });
  const stopRequested = nextSignal();
  const fail = (error: unknown): void => {
    logger.fatal({ err: error }, 'ended by an error');
    // A log line that the operator needs must reach the pipe before the process ends.
    logger.flush(() => process.exit(1));
  };
  process.once('uncaughtException', fail);
  surviveOutputErrors();
  try {
    let running: RunningProcess | null = null;
    const certificates = () => [...config.certificates, ...ownCertificate(running)];
    const metrics = createProcessMetrics(`order-saga-${service}`, certificates);
    const listener = await startInternalListener({ config, logger, metrics }, service !== 'api');
    const tracing = await startTracing(config.tracing, {
      service: metrics.serviceName,
      onRefused: () => logger.warn('the collector did not take the spans'),
    });
    const profiling = await startProfiling(config.profiling, { service: metrics.serviceName });
    running = await start({ config, logger, metrics });
    listener.started(running);
    logger.info('started');
    // A worker ends by itself only when it fails, and an API never does.
    const workerEnded = running.worker === null ? [] : [running.worker.finished];
    await Promise.race([stopRequested, ...workerEnded]);
    logger.info('stopping');
    listener.stopping();
    running.api?.announceEnd();
    if (config.shutdownDelayMs > 0) await Promise.race([sleep(config.shutdownDelayMs), ...workerEnded]);
    await stopProcess(running);
    await running.worker?.finished;
    await Promise.all([tracing.stop(), profiling.stop()]);
    await listener.close();
    logger.info('stopped');
    logger.flush(() => process.exit(0));
  } catch (error) {
    fail(error);
  }
}

/** The certificate that the API shows, which is replaced while it runs. */
function ownCertificate(running: RunningProcess | null): readonly UsedCertificate[] {
  const pem = running?.api?.server.certificate() ?? null;
  return pem === null ? [] : [{ setting: 'API_TLS_CERT_PATH', source: { pem } }];
}

/**
 * The context of a process with a worker. It ensures, before the worker polls, that Temporal has what the worker needs.
 */
export async function openWorkerContext({ config, logger, metrics: own }: ProcessBasis): Promise<ProcessContext> {
  requireLeanSandbox(config.worker.sandbox);
  const { metrics } = config.worker;
  installTemporalRuntime(logger, metrics === null ? null : { ...metrics, serviceName: own.serviceName });
  startWorkerMetrics();
  logger.onDropped(countDroppedLogLines);
  // A worker serves all tenants, and its role may.
  const unfenced = { ...config, database: { ...config.database, isFenced: false } };
  const context = openContext(unfenced, logger, own);
  await Promise.all([requireAllTenants(context.resources.databases.orders), ensureTemporal(context)]);
  return context;
}

async function ensureTemporal({ client, config }: ProcessContext): Promise<void> {
  await ensureSearchAttributes(client, config.temporal);
  await ensureSweepSchedules(client);
  await ensureAuditSchedule(client, config.audit);
  await ensureOperatorMailSchedule(client, config.operatorMail !== null);
}

/** A process that also works for all tenants cannot be held to one. */
function refuseFenceOfAll(service: Service, { database }: Config): void {
  if (service !== 'combined' || !database.isFenced) return;
  exitWith('DATABASE_ROW_LEVEL_SECURITY: a combined process serves all tenants; run API and worker one by one.');
}

/** `--queues orders,payments` on the command line is `WORKER_QUEUES`; an API has none. */
function takeQueues(service: Service): Record<string, string> {
  if (service === 'api') {
    takeArguments(USAGES.api, { options: {} });
    return {};
  }
  const { queues } = takeArguments(USAGES[service], { options: { queues: { type: 'string' } } }).values;
  return queues === undefined ? {} : { WORKER_QUEUES: queues };
}

/** Further signals are ignored, because the end is already under way; a supervisor can still send SIGKILL. */
function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
