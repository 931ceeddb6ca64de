import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { allHandlersFinished, condition, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { decide, type Carriage } from './order-context.ts';
import { CORRELATION_MEMO, settleWorkflowId, type OrderWorkflowResult, type SettleWorkflowInput } from '../contract.ts';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import type { PendingCommand } from './command-mailbox.ts';
import { settleWorkflow } from '../settle-workflow.ts';

/** Nobody is left without an answer: what came too late for this workflow is carried out by a settle workflow. */
export async function answerTheRest(
  { input, steps, commands }: Pick<Carriage, 'input' | 'steps' | 'commands'>,
  status: OrderWorkflowResult['status'],
): Promise<void> {
  for (let command = commands.next(); command !== null; command = commands.next()) {
    if (status === 'CONFIRMED') {
      await startSettle(input, command);
      commands.reply(command, 'closed');
    } else {
      const rule = { from: [], to: 'CANCELLING', eventType: '', allowed: 'too_late', refused: 'too_late' } as const;
      commands.reply(command, status === 'DUPLICATE' ? 'closed' : await decide(input, steps, command, rule));
    }
  }
  await condition(allHandlersFinished);
}

async function startSettle(input: OrderWorkflowInput, command: PendingCommand): Promise<void> {
  const { orderId, tenantId, correlationId, request, sealedContact, settings } = input;
  const { kind, amountMinor } = command;
  const settle: SettleWorkflowInput = {
    orderId,
    tenantId,
    correlationId,
    kind,
    amountMinor,
    request,
    sealedContact,
    settings,
    command,
  };
  try {
    await startChild(settleWorkflow, {
      args: [settle],
      workflowId: settleWorkflowId(orderId, command.commandId),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { [CORRELATION_MEMO]: correlationId, tenantId },
      staticSummary: `${kind} of ${orderId}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
