import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { allHandlersFinished, condition, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { OrderWorkflowInput } from '../../domain/accepted-order.ts';
import {
  CORRELATION_MEMO,
  ORDER_COMMAND_WORKFLOW,
  orderCommandWorkflowId,
  type CommandReply,
  type OrderWorkflowResult,
  type OrderCommandInput,
} from '../contract.ts';
import { attributesOf, PLACED_AT } from '../search-attributes.ts';
import type { PendingCommand } from './command-mailbox.ts';
import type { OrderState } from './order-state.ts';

/**
 * Answers every command that is left. Commands that came too late for this workflow are carried out by command
 * workflows.
 */
export async function drainCommands(order: OrderState, status: OrderWorkflowResult['status']): Promise<void> {
  const { input, commands } = order;
  for (let command = commands.next(); command !== null; command = commands.next()) {
    if (status === 'CONFIRMED') await startOrderCommand(input, command);
    const isOpen = status === 'CONFIRMED' || status === 'DUPLICATE';
    commands.reply(command, isOpen ? 'closed' : await refuse(order, command));
  }
  await condition(allHandlersFinished);
}

/** A command that was decided before keeps its answer. */
async function refuse({ input, steps }: OrderState, command: PendingCommand): Promise<CommandReply> {
  const { orderId, tenantId } = input;
  const decided = await steps.run('decideCommand', {
    command: { ...command, orderId, tenantId },
    rule: { kind: 'refuse', decision: 'too_late' },
  });
  return decided?.decision ?? 'too_late';
}

async function startOrderCommand(input: OrderWorkflowInput, command: PendingCommand): Promise<void> {
  const { orderId, tenantId, correlationId, request, sealedContact, settings } = input;
  const { kind, amountMinor } = command;
  const placedAt = workflowInfo().typedSearchAttributes.get(PLACED_AT);
  const commandInput: OrderCommandInput = {
    orderId,
    tenantId,
    correlationId,
    kind,
    amountMinor,
    request,
    sealedContact,
    settings,
    command,
    orderStatus: 'CONFIRMED',
    ...(placedAt === undefined ? {} : { placedAt: placedAt.toISOString() }),
  };
  try {
    await startChild(ORDER_COMMAND_WORKFLOW, {
      args: [commandInput],
      workflowId: orderCommandWorkflowId(orderId, command.commandId),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { [CORRELATION_MEMO]: correlationId, tenantId },
      staticSummary: `${kind} of ${orderId}`,
      typedSearchAttributes: attributesOf({ tenantId, status: 'CONFIRMED', placedAt }),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
