import { createEagerSlots } from './api/orders/eager-slots.ts';
import { startApi } from './composition/api.ts';
import { openWorkerContext, runProcess } from './composition/process.ts';
import { startWorker } from './composition/workers.ts';

/**
 * API and worker in one process. An order it accepts is started eagerly: its first workflow task comes back with
 * the answer to the start, so its first pass needs no task queue at all.
 */
await runProcess('combined', async (config, logger) => {
  const context = await openWorkerContext(config, logger, 'order-saga-combined');
  const slots = createEagerSlots(config.api.eagerSlots);
  const worker = await startWorker(context, { onLocalPassEnded: slots.release });
  const api = await startApi(context, { client: worker.eagerClient, slots });
  return { context, api, worker };
});
