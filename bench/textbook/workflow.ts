import { proxyActivities } from '@temporalio/workflow';
import type { Order, OrderSteps } from '../service/order-steps.ts';

const { reserveStock, chargePayment, confirmOrder, sendConfirmation } = proxyActivities<OrderSteps>({
  startToCloseTimeout: '1 minute',
});

/** An order in the style of the SDK's samples: one activity after the other, with default options. */
export async function textbookOrderWorkflow(order: Order): Promise<string> {
  const totalMinor = await reserveStock(order);
  await chargePayment(order, totalMinor);
  await confirmOrder(order, totalMinor);
  await sendConfirmation(order, totalMinor);
  return 'CONFIRMED';
}
