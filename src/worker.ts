import { openWorkerContext, runProcess } from './composition/process.ts';
import { startWorker } from './composition/workers.ts';

/** A worker alone: it carries orders; `--queues` selects its task queues. */
await runProcess('worker', async (basis) => {
  const context = await openWorkerContext(basis);
  return { context, api: null, worker: await startWorker(context) };
});
