import { createServer } from 'node:http2';
import { createEndpointHandler, TerminalError, workflow, type WorkflowContext } from '@restatedev/restate-sdk';
import { connect } from '@restatedev/restate-sdk-clients';
import { createEagerSlots } from '../../../src/api/orders/eager-slots.ts';
import { serveOrders } from '../../service/order-api.ts';
import { openOrderSteps, type Order } from '../../service/order-steps.ts';
import { ORDERS_IN_FLIGHT, settings } from '../../service/settings.ts';

// The order service on Restate: its server keeps a journal of each order, and calls the handler in this process.

const slots = createEagerSlots(ORDERS_IN_FLIGHT);
const { steps, close } = openOrderSteps({
  name: 'restate',
  // A workflow of Restate has one execution per key, and its key is the order.
  executionId: () => '',
  refusal: (reason) => new TerminalError(reason),
});

async function run(ctx: WorkflowContext, order: Order): Promise<string> {
  try {
    const totalMinor = await ctx.run('reserveStock', () => steps.reserveStock(order));
    await ctx.run('chargePayment', () => steps.chargePayment(order, totalMinor));
    await ctx.run('confirmOrder', () => steps.confirmOrder(order, totalMinor));
    await ctx.run('sendConfirmation', () => steps.sendConfirmation(order, totalMinor));
    return 'CONFIRMED';
  } finally {
    slots.release(order.orderId);
  }
}

const orderWorkflow = workflow({ name: 'orders', handlers: { run } });
const handlers = createServer(createEndpointHandler({ services: [orderWorkflow] }));
handlers.listen(settings.readyPort, '127.0.0.1');
const restate = connect({ url: settings.restateUrl });

const { stopped } = serveOrders(async (order) => {
  await slots.acquire(order.orderId, order.tenantId);
  // A second submission with the same key is the same workflow.
  await restate.workflowClient<typeof orderWorkflow>({ name: 'orders' }, order.orderId).workflowSubmit(order);
});
await stopped;
handlers.close();
await close();
// The server keeps its connections to the handlers open.
process.exit();
