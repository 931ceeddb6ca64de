import { DBOS } from '@dbos-inc/dbos-sdk';
import { createEagerSlots } from '../../../src/api/orders/eager-slots.ts';
import { serveOrders } from '../../service/order-api.ts';
import { openOrderSteps, type Order } from '../../service/order-steps.ts';
import { ORDERS_IN_FLIGHT, POOL_SIZE, settings } from '../../service/settings.ts';

// The order service on DBOS: a library in the process of the API, whose tables are beside those of the orders.

const slots = createEagerSlots(ORDERS_IN_FLIGHT);
const { steps, close } = openOrderSteps({
  name: 'dbos',
  executionId: () => DBOS.workflowID ?? '',
  refusal: (reason) => new OrderRefused(reason),
});

class OrderRefused extends Error {}

const RETRIES = { retriesAllowed: true, shouldRetry: (error: unknown) => !(error instanceof OrderRefused) } as const;

async function orderWorkflow(order: Order): Promise<string> {
  const step = <Result>(name: string, run: () => Promise<Result>) => DBOS.runStep(run, { name, ...RETRIES });
  try {
    const totalMinor = await step('reserveStock', () => steps.reserveStock(order));
    await step('chargePayment', () => steps.chargePayment(order, totalMinor));
    await step('confirmOrder', () => steps.confirmOrder(order, totalMinor));
    await step('sendConfirmation', () => steps.sendConfirmation(order, totalMinor));
    return 'CONFIRMED';
  } finally {
    slots.release(order.orderId);
  }
}

const workflow = DBOS.registerWorkflow(orderWorkflow, { name: 'orderWorkflow' });
DBOS.setConfig({
  name: 'orders',
  applicationVersion: '1',
  systemDatabaseUrl: settings.databaseUrl,
  systemDatabasePoolSize: POOL_SIZE,
  logLevel: 'warn',
});
await DBOS.launch();

const { stopped } = serveOrders(async (order) => {
  await slots.acquire(order.orderId, order.tenantId);
  // A second start with the same id is the same workflow.
  await DBOS.startWorkflow(workflow, { workflowID: order.orderId })(order);
});
await stopped;
await DBOS.shutdown();
await close();
