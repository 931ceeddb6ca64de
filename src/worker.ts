import { openWorkerContext, runProcess } from './composition/process.ts';
import { startWorker } from './composition/workers.ts';

/** A worker alone: it carries orders; `--queues` selects its task queues. */
await runProcess('worker', async (config, logger) => {
  const context = await openWorkerContext(config, logger, 'order-saga-worker');
  return { context, api: null, worker: await startWorker(context) };
});
