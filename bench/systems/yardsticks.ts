import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import type { StopStage } from '../../src/dev/processes/processes.ts';
import { untilListening } from '../../src/dev/processes/readiness.ts';
import type { Cleanup } from '../cleanup.ts';
import { readyLimit, startNode, type Stage } from '../environment.ts';
import type { System } from './system.ts';

const STOP: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 30_000 }];
const START_LIMIT_MS = 60_000;

const ON_TEMPORAL = { scope: 'smaller', usesTemporal: true } as const;

/** The yardstick of `bench/textbook`: one API process, one worker process. */
export function createTextbookSystem(): System {
  return {
    name: 'textbook',
    description: 'four regular activities, SDK defaults; one API, one worker',
    ...ON_TEMPORAL,
    start: async (stage, cleanup) => {
      const readyPort = await findFreePort();
      const env = { READY_PORT: String(readyPort) };
      const worker = await startService({ name: 'worker', args: ['bench/textbook/worker.ts'], env }, stage, cleanup);
      const api = await startService({ name: 'api', args: ['bench/textbook/api.ts'], env }, stage, cleanup);
      await Promise.all([untilListening(api.port, api.limit), untilListening(readyPort, worker.limit)]);
      return {
        url: api.url,
        taskQueue: 'textbook',
        processes: [api.counted, worker.counted],
        stop: async () => {
          await api.stop();
          await worker.stop();
        },
      };
    },
  };
}

/** The floor of `bench/floor`: what an order costs for which the engine does the least. */
export function createFloorSystem(): System {
  return {
    name: 'floor',
    description: 'one process, eager start, lean sandbox, all steps in one local activity',
    ...ON_TEMPORAL,
    start: async (stage, cleanup) => {
      const args = ['--import', './src/temporal/lean-sandbox.ts', 'bench/floor/main.ts'];
      const env = { WORKFLOW_SANDBOX: 'lean' };
      const { port, limit, url, counted, stop } = await startService({ name: 'floor', args, env }, stage, cleanup);
      await untilListening(port, limit);
      return { url, taskQueue: 'floor', processes: [counted], stop };
    },
  };
}

/** Starts a process of `bench/` that takes orders or carries them out, with the variables of `bench/service`. */
export async function startService(
  spec: { readonly name: string; readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> },
  stage: Stage,
  cleanup: Cleanup,
) {
  const port = await findFreePort();
  const started = await startNode({
    name: spec.name,
    args: spec.args,
    env: {
      PORT: String(port),
      DATABASE_URL: stage.databaseUrl,
      TEMPORAL_ADDRESS: stage.temporalAddress,
      PAYMENT_GATEWAY_URL: stage.simulatorUrl,
      SMTP_URL: stage.smtpUrl,
      JWT_SECRET: stage.jwtSecret,
      ...spec.env,
    },
    folder: stage.folder,
    cleanup,
  });
  return {
    port,
    /** Until when the port must be listened on. */
    limit: readyLimit(started, START_LIMIT_MS),
    url: `http://${LOOPBACK}:${port}`,
    counted: { name: spec.name, pid: started.pid },
    stop: async (): Promise<void> => void (await started.stop(STOP)),
  };
}
