import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import type { StopStage } from '../../src/dev/processes/processes.ts';
import { untilListening, untilReady } from '../../src/dev/processes/readiness.ts';
import type { Cleanup } from '../cleanup.ts';
import { readyLimit, startNode, type CountedProcess, type Stage } from '../environment.ts';

const DRAIN: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 30_000 }];
const START_LIMIT_MS = 60_000;

/** A process of the product that was started. */
export interface Program extends CountedProcess {
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

/** Starts processes of the product on one stage, from `dist/` as in its image, all with the same secrets. */
export interface Programs {
  /** API and worker in one process. */
  startCombined(): Promise<Program & { readonly url: string }>;
  startApi(): Promise<Program & { readonly url: string }>;
  /** `queues` are the task queues that the worker serves; without it the worker serves all of them. */
  startWorker(name: string, queues?: string): Promise<Program>;
}

/** How the processes are started. */
export interface ProgramOptions {
  /** Variables beside the addresses of the stage's parts. */
  readonly env: Readonly<Record<string, string>>;
  /** The folder for CPU profiles; null for none. */
  readonly profileFolder: string | null;
}

/** Prepares the variables that all processes share. */
export function createPrograms(stage: Stage, options: ProgramOptions, cleanup: Cleanup): Programs {
  const shared = { ...productEnvironment(stage), ...options.env };
  const start = async (name: string, script: string, own: Readonly<Record<string, string>> = {}) => {
    const [apiPort, metricsPort, internalPort] = [await findFreePort(), await findFreePort(), await findFreePort()];
    const ports = { API_PORT: apiPort, WORKER_METRICS_PORT: metricsPort, INTERNAL_PORT: internalPort };
    const started = await startNode({
      name,
      args: [...profileArguments(options, name), '--import', './dist/src/temporal/lean-sandbox.js', script],
      env: { ...shared, ...asVariables(ports), ...own },
      folder: stage.folder,
      cleanup,
    });
    const metricsUrl = `http://${LOOPBACK}:${metricsPort}/metrics`;
    const { pid, stop } = started;
    const program: Program = { name, pid, metricsUrl, stop: async () => void (await stop(DRAIN)) };
    const limit = readyLimit(started, START_LIMIT_MS);
    return { program, url: `http://${LOOPBACK}:${apiPort}`, metricsPort, limit };
  };
  const startServer = async (name: string, script: string) => {
    const { program, url, limit } = await start(name, script);
    await untilReady(`${url}/readyz`, limit);
    return { ...program, url };
  };
  return {
    startCombined: () => startServer('combined', 'dist/src/combined.js'),
    startApi: () => startServer('api', 'dist/src/server.js'),
    startWorker: async (name, queues) => {
      const own: Record<string, string> = queues === undefined ? {} : { WORKER_QUEUES: queues };
      const { program, metricsPort, limit } = await start(name, 'dist/src/worker.js', own);
      await untilListening(metricsPort, limit);
      return program;
    },
  };
}

function asVariables(ports: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]));
}

/** The addresses of the stage's parts, in the variables of `src/config.ts`. */
function productEnvironment(stage: Stage): Record<string, string> {
  return {
    JWT_SECRET: stage.jwtSecret,
    CONTACT_KEYS: `bench:${randomBytes(32).toString('base64')}`,
    DATABASE_URL: stage.databaseUrl,
    TEMPORAL_ADDRESS: stage.temporalAddress,
    TEMPORAL_NAMESPACE: stage.namespace,
    PAYMENT_GATEWAY_URL: stage.simulatorUrl,
    SMTP_URL: stage.smtpUrl,
    WORKFLOW_BUNDLE: stage.bundle,
  };
}

/** The profile is written when the process ends in order. */
function profileArguments({ profileFolder }: ProgramOptions, name: string): string[] {
  if (profileFolder === null) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${join(process.cwd(), profileFolder)}`, `--cpu-prof-name=${name}.cpuprofile`];
}
