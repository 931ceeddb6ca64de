import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy, proxyLocalActivities, startChild } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { MessageTemplate } from '../domain/notification.ts';
import { NOTIFICATION_POLICY } from './background-policies.ts';
import { CORRELATION_MEMO, notificationWorkflowId, type NotificationWorkflowInput } from './contract.ts';
import { notificationWorkflow } from './notification-workflow.ts';
import { mailOf, type Addressee } from './step-inputs.ts';
import { failureOf, type Outcome } from './failures.ts';
import type { FirstPass } from './first-pass.ts';

/**
 * Tells the customer by mail and, where there is a number and a gateway, by text message. The two know nothing of each
 * other; what cannot be sent at once is left to a child that outlives the order.
 */
export async function notifyCustomer(
  input: Addressee,
  template: MessageTemplate,
  totalMinor: number | null,
  firstPass: Pick<FirstPass, 'take'> | null = null,
): Promise<void> {
  const mail = mailOf(input, template);
  if (mail === null || totalMinor === null) return;
  const message: NotificationWorkflowInput = { ...mail, content: { ...mail.content, totalMinor } };
  const wantsText = mail.sealedContact.hasPhone === true && input.settings.sendsTextMessages === true;
  await Promise.all([
    deliver(input, message, firstPass?.take('sendMessage') ?? null),
    ...(wantsText ? [deliver(input, { ...message, channel: 'sms' }, null)] : []),
  ]);
}

async function deliver(
  input: Addressee,
  message: NotificationWorkflowInput,
  tried: Outcome<unknown> | null,
): Promise<void> {
  const { orderId, template, channel } = message;
  if (input.settings.placement.notification === 'local') {
    const { failure } = tried ?? (await tryAtOnce(message));
    if (failure === undefined) return;
  }
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

async function tryAtOnce(message: NotificationWorkflowInput): Promise<Outcome<void>> {
  const { sendMessage } = proxyLocalActivities<Activities>({
    startToCloseTimeout: NOTIFICATION_POLICY.localTimeoutMs,
    retry: { maximumAttempts: 1 },
    summary: 'Tell the customer',
  });
  try {
    await sendMessage(message);
    return {};
  } catch (error) {
    return { failure: failureOf(error) };
  }
}
