import { getClient } from '@temporalio/activity';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { OwningCommand } from '../../db/repositories/orders/command-repository.ts';
import type { CommandRestarter } from '../activities/command-sweep-activities.ts';
import { standInOf } from '../domain/ids.ts';
import { noticeOfCommand } from '../domain/payments/payment-notice.ts';
import { describeWorkflow } from './calls.ts';
import { orderCommandInput, startOrderCommand } from './workflow-starts.ts';
import {
  cancelOrderSignal,
  capturePaymentSignal,
  noticeWorkflowId,
  orderWorkflowId,
  orderCommandWorkflowId,
} from '../workflows/contract.ts';
import { CASE_KIND } from '../workflows/search-attributes.ts';
import type { OrderSettings } from '../domain/order-settings.ts';

/** Looks workflows up and starts them over the worker's own connection to Temporal, inside an activity. */
export function createCommandRestarter(settings: OrderSettings): CommandRestarter {
  return {
    restart: async (command, order) => {
      const client = getClient();
      const { orderId, commandId } = command;
      for (const workflowId of workflowIdsOf(command)) {
        const found = await describeWorkflow(client, workflowId);
        if (found === null) continue;
        if (found.status.name === 'RUNNING') return 'runs';
        if (found.status.name !== 'COMPLETED') return 'stopped';
      }
      const own = await describeWorkflow(client, orderWorkflowId(orderId));
      if (own?.status.name === 'RUNNING') return isAtWork(own) ? 'runs' : tell(command);
      if (own !== null && own.status.name !== 'COMPLETED') return 'stopped';
      const { requestHash, actor, reason, kind, amountMinor } = command;
      const input = orderCommandInput(
        { kind, amountMinor, command: { commandId, requestHash, actor, reason } },
        order,
        settings,
      );
      return (await startOrderCommand(client, input, { isLeftOpen: true })) === 'started' ? 'started' : 'runs';
    },
  };
}

/** Workflows that may carry a command after the order's own has closed. */
function workflowIdsOf({ orderId, commandId, kind }: OwningCommand): string[] {
  const command = orderCommandWorkflowId(orderId, commandId);
  const notice = noticeOfCommand(commandId, kind);
  if (notice === null) return [command];
  return [command, noticeWorkflowId(orderId, notice), noticeWorkflowId(standInOf(notice), notice)];
}

/** A workflow that is at work has a step that is retried or parked; one that only waits has neither. */
function isAtWork({ raw, typedSearchAttributes }: WorkflowExecutionDescription): boolean {
  return (raw.pendingActivities ?? []).length > 0 || typedSearchAttributes.get(CASE_KIND) !== undefined;
}

async function tell({ orderId, ...command }: OwningCommand): Promise<'told'> {
  const handle = getClient().workflow.getHandle(orderWorkflowId(orderId));
  const { commandId, requestHash, actor, reason, amountMinor, kind } = command;
  const told = { commandId, requestHash, actor, reason };
  if (kind === 'capture') await handle.signal(capturePaymentSignal, { ...told, amountMinor });
  else await handle.signal(cancelOrderSignal, told);
  return 'told';
}
