import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { Worker } from '@temporalio/worker';
import { createEagerSlots } from '../../src/api/orders/eager-slots.ts';
import { connectNatively, createEagerClient } from '../../src/temporal/connection.ts';
import { serveOrders } from '../service/order-api.ts';
import { openOrderSteps, type Order } from '../service/order-steps.ts';
import { ORDERS_IN_FLIGHT, POOL_SIZE, settings } from '../service/settings.ts';
import type { FloorActivities, floorOrderWorkflow } from './workflow.ts';

// API and worker in one process, with the sizes and the lean sandbox of `combined-lean`, and nothing else of it.

const TASK_QUEUE = 'floor';
const link = { address: settings.temporalAddress, namespace: 'default' };

const slots = createEagerSlots(ORDERS_IN_FLIGHT);
const { steps, close } = openOrderSteps({
  name: 'floor',
  executionId: () => activityInfo().workflowExecution?.runId ?? '',
  refusal: (reason) => ApplicationFailure.nonRetryable(reason),
});
const activities: FloorActivities = {
  carryOut: async (order) => {
    try {
      const totalMinor = await steps.reserveStock(order);
      await steps.chargePayment(order, totalMinor);
      await steps.confirmOrder(order, totalMinor);
      await steps.sendConfirmation(order, totalMinor);
    } finally {
      slots.release(order.orderId);
    }
  },
};

const connection = await connectNatively(link);
const worker = await Worker.create({
  connection,
  taskQueue: TASK_QUEUE,
  workflowsPath: new URL('./workflow.ts', import.meta.url).pathname,
  activities,
  maxConcurrentLocalActivityExecutions: 2 * POOL_SIZE,
  maxConcurrentWorkflowTaskExecutions: 64,
});
const running = worker.run();
const client = createEagerClient(connection, link);
const { stopped } = serveOrders(startOrder);

await Promise.all([stopped, running]);
await close();
await connection.close();

/** The answer to the start contains the first workflow task, if a slot was free; otherwise the task takes the queue. */
async function startOrder(order: Order): Promise<void> {
  const admission = await slots.acquire(order.orderId, order.tenantId);
  await client.workflow.start<typeof floorOrderWorkflow>('floorOrderWorkflow', {
    workflowId: `order/${order.orderId}`,
    taskQueue: TASK_QUEUE,
    requestEagerStart: admission === 'slot',
    args: [order],
  });
}
