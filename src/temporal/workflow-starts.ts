import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import type { OrderRecord } from '../../db/repositories/orders/order-record.ts';
import type { OrderCommand } from '../domain/command.ts';
import {
  CORRELATION_MEMO,
  SETTLE_WORKFLOW,
  settleWorkflowId,
  type SettleWorkflowInput,
} from '../workflows/contract.ts';
import type { OrderSettings } from '../domain/order-settings.ts';

/**
 * Starts the workflow that carries a command out: at once, by the API; later, by the sweep or a repair. One that ended is
 * started again only by who has seen that it left its command open.
 * @returns `exists` when it runs, or has ended.
 */
export async function startSettle(
  client: Client,
  input: SettleWorkflowInput,
  isLeftOpen = false,
): Promise<'started' | 'exists'> {
  const { orderId, tenantId, correlationId, kind, command } = input;
  try {
    await client.workflow.start(SETTLE_WORKFLOW, {
      workflowId: settleWorkflowId(orderId, command.commandId),
      taskQueue: 'orders',
      args: [input],
      workflowIdReusePolicy: isLeftOpen ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
      workflowIdConflictPolicy: 'FAIL',
      memo: { tenantId, [CORRELATION_MEMO]: correlationId },
      staticSummary: `${kind} of ${orderId}`,
    });
    return 'started';
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'exists';
    throw error;
  }
}

/** What a settle workflow needs of an order, from its row. */
export function settleInput(
  { kind, amountMinor }: Pick<SettleWorkflowInput, 'kind' | 'amountMinor'>,
  command: OrderCommand,
  order: OrderRecord,
  settings: OrderSettings,
): SettleWorkflowInput {
  const { orderId, tenantId, correlationId, sealedContact } = order;
  const { customerId, currency, lines, paymentMethod, captureMode, reference } = order;
  const request = { customerId, currency, lines, paymentMethod, captureMode, reference, expectedTotalMinor: null };
  return { orderId, tenantId, correlationId, sealedContact, settings, command, kind, amountMinor, request };
}
