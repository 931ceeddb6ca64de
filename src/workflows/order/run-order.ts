import { CancellationScope, setCurrentDetails } from '@temporalio/workflow';
import type { OrderWorkflowResult } from '../contract.ts';
import type { FastPath } from '../steps/outcome.ts';
import type { OrderState } from './order-state.ts';
import { drainCommands } from './unanswered-commands.ts';

/**
 * Runs the work of one order: first the fast path, then the work, then the answers to the commands that are left. A
 * native cancel of the workflow has no effect, because only a command, which answers what will happen, may cancel an
 * order.
 */
export async function runOrder(
  order: OrderState,
  fastPath: Pick<FastPath, 'run'>,
  work: () => Promise<OrderWorkflowResult['status']>,
): Promise<OrderWorkflowResult> {
  return CancellationScope.nonCancellable(async () => {
    order.mayBeCharged = await fastPath.run();
    const status = await work();
    await drainCommands(order, status);
    setCurrentDetails(`The order ended as **${status}**.`);
    return { status };
  });
}
