import { createTemporalClient } from './temporal/connection.ts';
import { openResources } from './composition/resources.ts';
import { startApi } from './composition/api.ts';
import { runProcess } from './composition/process.ts';

/** The API alone: accepts orders, reads them, and runs no workflow. */
await runProcess('api', async (config, logger) => {
  const resources = openResources(config, logger, 'order-saga-api');
  const client = createTemporalClient(config.temporal);
  const api = await startApi(config, logger, resources, client, null);
  logger.info({ port: api.server.port }, 'listening');
  const ended = Promise.withResolvers<void>();
  return {
    finished: ended.promise,
    stop: async () => {
      await api.close();
      await resources.close();
      // Last, because what ends before it may still call Temporal.
      await client.connection.close();
      ended.resolve();
    },
  };
});
