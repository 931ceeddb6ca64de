import { CancellationScope, setCurrentDetails } from '@temporalio/workflow';
import type { OrderWorkflowResult } from '../contract.ts';
import type { OrderContext } from './order-context.ts';
import { answerTheRest } from './unanswered-commands.ts';

/**
 * Runs the work of one order, after the fast path and before the answers to the commands that are left. Cancelling the
 * workflow itself has no effect: an order is given up by a command that answers what will happen.
 */
export async function runOrder(
  order: OrderContext,
  work: () => Promise<OrderWorkflowResult['status']>,
): Promise<OrderWorkflowResult> {
  return CancellationScope.nonCancellable(async () => {
    order.mayBeCharged = await order.firstPass.run();
    const status = await work();
    await answerTheRest(order, status);
    setCurrentDetails(`The order ended as **${status}**.`);
    return { status };
  });
}
