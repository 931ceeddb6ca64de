import { startApi } from './composition/api.ts';
import { openContext } from './composition/resources.ts';
import { requireFence } from './composition/tenant-fence.ts';
import { runProcess } from './composition/process.ts';

/** The API alone: accepts orders, reads them, and runs no workflow. */
await runProcess('api', async ({ config, logger, metrics }) => {
  const context = openContext(config, logger, metrics);
  await requireFence(context);
  return { context, api: await startApi(context, null), worker: null };
});
