import { createServer } from 'node:net';
import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';
import { openOrderSteps } from '../service/order-steps.ts';
import { settings } from '../service/settings.ts';

const { steps, close } = openOrderSteps({
  name: 'textbook',
  executionId: () => activityInfo().workflowExecution?.runId ?? '',
  refusal: (reason) => ApplicationFailure.nonRetryable(reason),
});
const connection = await NativeConnection.connect({ address: settings.temporalAddress });
const worker = await Worker.create({
  connection,
  taskQueue: 'textbook',
  workflowsPath: new URL('./workflow.ts', import.meta.url).pathname,
  activities: steps,
});
const ready = createServer().listen(settings.readyPort, '127.0.0.1');
// The SDK ends the worker on SIGTERM by default.
await worker.run();
ready.close();
await close();
await connection.close();
