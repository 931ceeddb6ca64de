import { join } from 'node:path';
import { findFreePort, LOOPBACK } from '../../src/dev/ports.ts';
import type { StopStage } from '../../src/dev/processes.ts';
import { untilListening, untilReady } from '../../src/dev/readiness.ts';
import type { Cleanup } from '../cleanup.ts';
import { startNode, type CountedProcess, type Stage } from '../environment.ts';
import { productEnvironment } from '../systems/combined.ts';
import type { EventBenchOptions } from './options.ts';

const DRAIN: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 30_000 }];
const START_LIMIT_MS = 60_000;

/** A benchmark is not held up by the limit that protects tenants from each other. */
const UNLIMITED_PER_SECOND = '1000000';

/** A process of the product that was started. */
export interface Program extends CountedProcess {
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

/** Starts processes of the product on one stage, all with the same secrets. */
export interface Programs {
  /** API and worker in one process. */
  startCombined(): Promise<Program & { readonly url: string }>;
  startApi(): Promise<Program & { readonly url: string }>;
  startWorker(name: string, queues: string): Promise<Program>;
}

/** Prepares the variables that all processes share. */
export async function createPrograms(stage: Stage, options: EventBenchOptions, cleanup: Cleanup): Promise<Programs> {
  const shared = {
    ...(await productEnvironment(stage)),
    EVENT_RATE_LIMIT_PER_SECOND: UNLIMITED_PER_SECOND,
    WORKFLOW_SANDBOX: 'lean',
    ...options.extraEnv,
  };
  const start = async (name: string, script: string, own: Readonly<Record<string, string>> = {}) => {
    const [apiPort, metricsPort] = [await findFreePort(), await findFreePort()];
    const { pid, stop } = await startNode({
      name,
      args: [...profileArguments(options, name), '--import', './src/lean-sandbox.ts', script],
      env: { ...shared, API_PORT: String(apiPort), WORKER_METRICS_PORT: String(metricsPort), ...own },
      folder: stage.folder,
      cleanup,
    });
    const metricsUrl = `http://${LOOPBACK}:${metricsPort}/metrics`;
    const program: Program = { name, pid, metricsUrl, stop: async () => void (await stop(DRAIN)) };
    return { program, url: `http://${LOOPBACK}:${apiPort}`, metricsPort };
  };
  const limit = (): AbortSignal => AbortSignal.timeout(START_LIMIT_MS);
  const startServer = async (name: string, script: string) => {
    const { program, url } = await start(name, script);
    await untilReady(`${url}/readyz`, limit());
    return { ...program, url };
  };
  return {
    startCombined: () => startServer('combined', 'src/combined.ts'),
    startApi: () => startServer('api', 'src/api/server.ts'),
    startWorker: async (name, queues) => {
      const { program, metricsPort } = await start(name, 'src/worker.ts', { WORKER_QUEUES: queues });
      await untilListening(metricsPort, limit());
      return program;
    },
  };
}

/** Written when the process ends in order. */
function profileArguments({ profileFolder }: EventBenchOptions, name: string): string[] {
  if (profileFolder === null) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${join(process.cwd(), profileFolder)}`, `--cpu-prof-name=${name}.cpuprofile`];
}
