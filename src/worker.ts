import { composeActivities, composeWorkers, openResources } from './compose.ts';
import { runProcess } from './process.ts';
import {
  connectNatively,
  createTemporalClient,
  ensureSearchAttributes,
  ensureSweepSchedule,
  installTemporalRuntime,
  requireLeanSandbox,
} from './temporal.ts';

/** A worker alone: carries orders; `--queues` picks the task queues it serves. */
await runProcess('worker', async (config, logger) => {
  requireLeanSandbox(config.worker.sandbox);
  installTemporalRuntime(logger, config.worker.metricsPort);
  const client = createTemporalClient(config.temporal);
  await ensureSearchAttributes(client, config.temporal);
  await ensureSweepSchedule(client);
  await client.connection.close();

  const resources = openResources(config, logger, 'order-saga-worker');
  const connection = await connectNatively(config.temporal);
  const workers = await composeWorkers(config, logger, connection, composeActivities(config, resources));
  return {
    finished: workers.run(),
    stop: async () => {
      workers.shutdown();
      await workers.ended;
      await connection.close();
      await resources.close();
    },
  };
});
