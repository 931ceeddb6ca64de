import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { TextbookActivities, TextbookOrder } from './activities.ts';

const { reserveStock, chargePayment, confirmOrder, sendConfirmation } = proxyActivities<TextbookActivities>({
  startToCloseTimeout: '1 minute',
});

/** An order in the style of the SDK's samples: one activity after the other, with default options. */
export async function textbookOrderWorkflow(order: TextbookOrder): Promise<string> {
  const totalMinor = await reserveStock(order);
  await chargePayment(order, totalMinor);
  await confirmOrder(order, totalMinor);
  await sendConfirmation(order, totalMinor);
  return 'CONFIRMED';
}

const { carryOut } = proxyLocalActivities<TextbookActivities>({ startToCloseTimeout: '1 minute' });

/** The same steps in one local activity, without a task of the engine between them. */
export async function floorOrderWorkflow(order: TextbookOrder): Promise<string> {
  await carryOut(order);
  return 'CONFIRMED';
}
