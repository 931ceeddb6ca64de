import { Client } from '@temporalio/client';
import { createEagerSlots } from './api/orders/eager-slots.ts';
import { openResources } from './composition/resources.ts';
import { composeActivities, composePaymentWatch, composeWorkers } from './composition/workers.ts';
import { composeEvents } from './composition/event-pipeline.ts';
import { startApi } from './composition/api.ts';
import { runProcess } from './composition/process.ts';
import { ensureSearchAttributes, ensureSweepSchedules } from './temporal/bootstrap.ts';
import { connectNatively, createTemporalClient } from './temporal/connection.ts';
import { installTemporalRuntime, requireLeanSandbox } from './temporal/runtime.ts';
import { countDroppedLogLines, reportClock } from './temporal/worker-metrics.ts';

/**
 * API and worker in one process. An order it accepts is started eagerly: its first workflow task comes back with
 * the answer to the start, so its first pass needs no task queue at all.
 */
await runProcess('combined', async (config, logger) => {
  requireLeanSandbox(config.worker.sandbox);
  installTemporalRuntime(logger, config.worker.metrics);
  logger.onDropped(countDroppedLogLines);
  const client = createTemporalClient(config.temporal);
  await ensureSearchAttributes(client, config.temporal);
  await ensureSweepSchedules(client);

  const resources = openResources(config, logger, 'order-saga-combined');
  resources.clock.onLook(reportClock);
  const connection = await connectNatively(config.temporal);
  const paymentWatch = composePaymentWatch(config, logger, resources, client);
  const slots = createEagerSlots(config.api.eagerSlots);
  const events = config.worker.queues.includes('events') ? composeEvents(config, logger, resources, client) : null;
  const activities = composeActivities(config, resources, logger);
  const eventActivities = events?.activities ?? null;
  const workers = await composeWorkers(config, logger, connection, { activities, eventActivities }, slots.release);
  events?.start();
  paymentWatch?.start();
  const finished = workers.run();
  const eagerClient = new Client({ connection, namespace: config.temporal.namespace });
  const api = await startApi(config, logger, resources, client, { client: eagerClient, slots });
  logger.info({ port: api.server.port }, 'listening');
  return {
    finished,
    stop: async () => {
      // First no new orders, then the ones under way, then the connections they used.
      await api.close();
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
