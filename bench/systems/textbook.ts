import { findFreePort, LOOPBACK } from '../../src/dev/processes/ports.ts';
import type { StopStage } from '../../src/dev/processes/processes.ts';
import { untilListening } from '../../src/dev/processes/readiness.ts';
import { startNode } from '../environment.ts';
import type { System } from './system.ts';

const STOP: readonly StopStage[] = [{ signal: 'SIGTERM', waitMs: 30_000 }];
const START_LIMIT_MS = 60_000;

/** The yardstick of `bench/textbook`: one API process, one worker process. */
export function createTextbookSystem(): System {
  return createTextbookLike({
    name: 'textbook',
    description: 'four regular activities, SDK defaults; one API, one worker',
    workflowType: 'textbookOrderWorkflow',
  });
}

/** The textbook with all its steps in one local activity: the cost of an order for which the engine does the least. */
export function createFloorSystem(): System {
  return createTextbookLike({
    name: 'floor',
    description: 'the textbook with its four steps in one local activity',
    workflowType: 'floorOrderWorkflow',
  });
}

function createTextbookLike({
  name,
  description,
  workflowType,
}: Pick<System, 'name' | 'description'> & { readonly workflowType: string }): System {
  return {
    name,
    description,
    start: async (stage, cleanup) => {
      const port = await findFreePort();
      const readyPort = await findFreePort();
      const env = {
        PORT: String(port),
        READY_PORT: String(readyPort),
        DATABASE_URL: stage.databaseUrl,
        TEMPORAL_ADDRESS: stage.temporalAddress,
        PAYMENT_GATEWAY_URL: stage.simulatorUrl,
        SMTP_URL: stage.smtpUrl,
        JWT_SECRET: stage.jwtSecret,
        WORKFLOW_TYPE: workflowType,
      };
      const { folder } = stage;
      const worker = await startNode({ name: 'worker', args: ['bench/textbook/worker.ts'], env, folder, cleanup });
      const api = await startNode({ name: 'api', args: ['bench/textbook/api.ts'], env, folder, cleanup });
      const limit = AbortSignal.timeout(START_LIMIT_MS);
      await Promise.all([untilListening(port, limit), untilListening(readyPort, limit)]);
      return {
        url: `http://${LOOPBACK}:${port}`,
        taskQueue: 'textbook',
        processes: [
          { name: 'api', pid: api.pid },
          { name: 'worker', pid: worker.pid },
        ],
        stop: async () => {
          await api.stop(STOP);
          await worker.stop(STOP);
        },
      };
    },
  };
}
