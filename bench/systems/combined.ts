import { randomBytes } from 'node:crypto';
import { findFreePort, LOOPBACK } from '../../src/dev/ports.ts';
import type { StopStage } from '../../src/dev/processes.ts';
import { untilReady } from '../../src/dev/readiness.ts';
import { startNode, type Stage } from '../environment.ts';
import type { System } from './system.ts';

const DRAIN: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 30_000 }];
const START_LIMIT_MS = 60_000;

/** API and worker in one process, as in production, with every setting at its default but the sandbox. */
export function createCombinedSystem(sandbox: 'standard' | 'lean', extra: Readonly<Record<string, string>>): System {
  return {
    name: `combined-${sandbox}`,
    description: `API and worker in one process, ${sandbox} sandbox`,
    start: async (stage, cleanup) => {
      const port = await findFreePort();
      const { pid, stop } = await startNode({
        name: 'combined',
        args: ['--import', './src/lean-sandbox.ts', 'src/combined.ts'],
        env: { ...(await productEnvironment(stage)), API_PORT: String(port), WORKFLOW_SANDBOX: sandbox, ...extra },
        folder: stage.folder,
        cleanup,
      });
      const url = `http://${LOOPBACK}:${port}`;
      await untilReady(`${url}/readyz`, AbortSignal.timeout(START_LIMIT_MS));
      return {
        url,
        processes: [{ name: 'combined', pid }],
        stop: async () => {
          await stop(DRAIN);
        },
      };
    },
  };
}

/** Where the stage's parts are, in the variables of `src/config.ts`. */
export async function productEnvironment(stage: Stage): Promise<Record<string, string>> {
  return {
    WORKER_METRICS_PORT: String(await findFreePort()),
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
