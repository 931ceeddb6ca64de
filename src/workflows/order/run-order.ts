import { CancellationScope } from '@temporalio/workflow';
import type { OrderWorkflowResult } from '../contract.ts';
import { showDetails } from '../steps/current-details.ts';
import type { FastPath } from '../steps/outcome.ts';
import type { StepReports } from '../steps/step-reports.ts';
import type { OrderState } from './order-state.ts';
import { showStatus } from './show-status.ts';
import { drainCommands } from './unanswered-commands.ts';

/**
 * Runs the work of one order: first the fast path, then the work, then the answers to the commands that are left. A
 * native cancel of the workflow has no effect, because only a command, which answers what will happen, may cancel an
 * order.
 */
export async function runOrder(
  order: OrderState,
  { fastPath, reports }: { readonly fastPath: Pick<FastPath, 'run'>; readonly reports: StepReports },
  work: () => Promise<OrderWorkflowResult['status']>,
): Promise<OrderWorkflowResult> {
  return CancellationScope.nonCancellable(async () => {
    showDetails(order.input, 'The order is being carried out.');
    order.mayBeCharged = await fastPath.run();
    const status = await work();
    showStatus(status === 'DUPLICATE' ? null : status);
    await drainCommands(order, status);
    showDetails(order.input, `The order ended as **${status}**.`);
    return { status, ...reports.listed() };
  });
}
