import { openResources } from './composition/resources.ts';
import { composeActivities, composePaymentWatch, composeWorkers } from './composition/workers.ts';
import { composeEvents } from './composition/event-pipeline.ts';
import { runProcess } from './composition/process.ts';
import { ensureSearchAttributes, ensureSweepSchedules } from './temporal/bootstrap.ts';
import { connectNatively, createTemporalClient } from './temporal/connection.ts';
import { installTemporalRuntime, requireLeanSandbox } from './temporal/runtime.ts';
import { countDroppedLogLines, reportClock } from './temporal/worker-metrics.ts';

/** A worker alone: carries orders; `--queues` picks the task queues it serves. */
await runProcess('worker', async (config, logger) => {
  requireLeanSandbox(config.worker.sandbox);
  installTemporalRuntime(logger, config.worker.metrics);
  logger.onDropped(countDroppedLogLines);
  const client = createTemporalClient(config.temporal);
  await ensureSearchAttributes(client, config.temporal);
  await ensureSweepSchedules(client);

  const resources = openResources(config, logger, 'order-saga-worker');
  resources.clock.onLook(reportClock);
  const connection = await connectNatively(config.temporal);
  const paymentWatch = composePaymentWatch(config, logger, resources, client);
  const events = config.worker.queues.includes('events') ? composeEvents(config, logger, resources, client) : null;
  const workers = await composeWorkers(config, logger, connection, {
    activities: composeActivities(config, resources, logger),
    eventActivities: events?.activities ?? null,
  });
  events?.start();
  paymentWatch?.start();
  return {
    finished: workers.run(),
    stop: async () => {
      events?.handOver();
      paymentWatch?.stop();
      workers.shutdown();
      await workers.ended;
      await events?.close();
      await connection.close();
      await resources.close();
      // Last, because what ends before it may still call Temporal.
      await client.connection.close();
    },
  };
});
