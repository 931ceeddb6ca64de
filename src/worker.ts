import { openWorkerContext, runProcess } from './composition/process.ts';
import { reportProcess } from './composition/process-figures.ts';
import { startWorker } from './composition/workers.ts';

/** A worker alone: it carries orders; `--queues` selects its task queues. */
await runProcess('worker', async (config, logger) => {
  const context = await openWorkerContext(config, logger, 'order-saga-worker');
  reportProcess(context.resources.databases);
  return { context, api: null, worker: await startWorker(context) };
});
