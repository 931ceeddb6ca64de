import type { Activities } from '../../../src/activities/index.ts';
import { stopProcess } from '../../../src/composition/process.ts';
import { openContext } from '../../../src/composition/resources.ts';
import { composeActivities, startWorker } from '../../../src/composition/workers.ts';
import { loadConfig } from '../../../src/config.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { createMetrics } from '../../../src/runtime/metrics/metrics.ts';
import type { TestSystem } from '../system.ts';

/** Starts a worker in this process, for a system without a worker or beside its own. */
export async function startAnotherWorker(
  system: Pick<TestSystem, 'env'>,
  wrapActivities: (activities: Activities) => Activities,
): Promise<{ stop(): Promise<void> }> {
  const config = loadConfig(system.env);
  const logger = createLogger({ level: config.logLevel, service: 'another-worker' });
  const context = openContext(config, logger, createMetrics('another-worker'));
  const worker = await startWorker(context, { activities: wrapActivities(composeActivities(context)) });
  return {
    stop: async () => {
      await stopProcess({ context, api: null, worker });
      await worker.finished;
    },
  };
}
