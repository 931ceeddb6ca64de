import type { Activities } from '../../../src/activities/index.ts';
import { openResources } from '../../../src/composition/resources.ts';
import { composeActivities, composeWorkers } from '../../../src/composition/workers.ts';
import { loadConfig } from '../../../src/config.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { connectNatively } from '../../../src/temporal/connection.ts';
import type { TestSystem } from '../system.ts';

/** Starts a worker of a system that runs without one, or beside its own; in this process. */
export async function startAnotherWorker(
  system: Pick<TestSystem, 'env'>,
  wrapActivities: (activities: Activities) => Activities,
): Promise<{ stop(): Promise<void> }> {
  const config = loadConfig(system.env);
  const logger = createLogger({ level: config.logLevel, service: 'another-worker' });
  const resources = openResources(config, logger, 'another-worker');
  const connection = await connectNatively(config.temporal);
  const activities = wrapActivities(composeActivities(config, resources, logger));
  const workers = await composeWorkers(config, logger, connection, { activities, eventActivities: null });
  const finished = workers.run();
  return {
    stop: async () => {
      workers.shutdown();
      await finished;
      await connection.close();
      await resources.close();
    },
  };
}
