import { createEagerSlots } from './api/orders/eager-slots.ts';
import { startApi } from './composition/api.ts';
import { openWorkerContext, runProcess } from './composition/process.ts';
import { startWorker } from './composition/workers.ts';

/**
 * API and worker in one process. An order that it accepts starts eagerly: the answer to the start contains the first
 * workflow task, so the fast path needs no task queue.
 */
await runProcess('combined', async (basis) => {
  const { config } = basis;
  const context = await openWorkerContext(basis);
  const slots = createEagerSlots(config.api.eagerSlots);
  const worker = await startWorker(context, { onFastPathEnded: slots.release, onStep: slots.stepEnded });
  const api = await startApi(context, { client: worker.eagerClient, slots });
  return { context, api, worker };
});
