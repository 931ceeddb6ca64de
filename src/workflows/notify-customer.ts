import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, proxyLocalActivities, startChild } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { MessageTemplate } from '../domain/notification.ts';
import { NOTIFICATION_POLICY } from './background-policies.ts';
import {
  CORRELATION_MEMO,
  notificationWorkflowId,
  type NotificationWorkflowInput,
  type OrderWorkflowInput,
} from './contract.ts';
import { notificationWorkflow } from './notification-workflow.ts';
import { failureOf } from './step.ts';

/** What a message is made from. */
export type Addressee = Pick<
  OrderWorkflowInput,
  'orderId' | 'tenantId' | 'correlationId' | 'request' | 'sealedContact' | 'settings'
>;

/**
 * Tells the customer by mail and, where there is a number and a gateway, by text message. The two know nothing of each
 * other; what cannot be sent at once is left to a child that outlives the order.
 */
export async function notifyCustomer(
  input: Addressee,
  template: MessageTemplate,
  totalMinor: number | null,
): Promise<void> {
  const { sealedContact, request, settings, orderId, tenantId } = input;
  if (sealedContact === null || totalMinor === null) return;
  const content = { totalMinor, currency: request.currency, reference: request.reference };
  const message: NotificationWorkflowInput = { orderId, tenantId, template, sealedContact, content };
  const wantsText = sealedContact.hasPhone === true && settings.sendsTextMessages === true;
  await Promise.all([
    deliver(input, message),
    ...(wantsText ? [deliver(input, { ...message, channel: 'sms' } as const)] : []),
  ]);
}

async function deliver(input: Addressee, message: NotificationWorkflowInput): Promise<void> {
  const { orderId, template, channel } = message;
  if (input.settings.placement.notification === 'local' && (await sentAtOnce(message))) return;
  try {
    await startChild(notificationWorkflow, {
      args: [message],
      workflowId: notificationWorkflowId(orderId, template, channel),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      memo: { [CORRELATION_MEMO]: input.correlationId },
      staticSummary: `Message ${template} of ${orderId}`,
    });
  } catch (error) {
    // An order that was reset finds its message on its way already.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

async function sentAtOnce(message: NotificationWorkflowInput): Promise<boolean> {
  const { sendMessage } = proxyLocalActivities<Activities>({
    startToCloseTimeout: NOTIFICATION_POLICY.localTimeoutMs,
    retry: { maximumAttempts: 1 },
    summary: 'Tell the customer',
  });
  try {
    await sendMessage(message);
    return true;
  } catch (error) {
    failureOf(error);
    return false;
  }
}
