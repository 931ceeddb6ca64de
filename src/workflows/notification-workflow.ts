import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { CASE_BOOKKEEPING } from './steps/step-policies.ts';
import { NOTIFICATION_POLICY } from './steps/background-policies.ts';
import type { NotificationWorkflowInput } from '../domain/notification.ts';
import { failureOf } from './steps/outcome.ts';

/**
 * Delivers one message whose order is closed, or a further copy of a message. It is retried for a day, then given up.
 * Its result never affects the order.
 */
export async function notificationWorkflow(message: NotificationWorkflowInput): Promise<void> {
  const { sendMessage } = proxyActivities<Activities>({
    activityId: 'send-message',
    summary: `Tell the customer (${message.channel ?? 'email'}): waits for the server that sends it; given up after 24 h`,
    taskQueue: 'notifications',
    startToCloseTimeout: NOTIFICATION_POLICY.attemptTimeoutMs,
    scheduleToCloseTimeout: NOTIFICATION_POLICY.budgetMs,
    retry: {
      initialInterval: NOTIFICATION_POLICY.firstDelayMs,
      backoffCoefficient: NOTIFICATION_POLICY.backoff,
      maximumInterval: NOTIFICATION_POLICY.maxDelayMs,
    },
  });
  try {
    await sendMessage(message);
  } catch (error) {
    failureOf(error);
    const { giveUpMessage } = proxyActivities<Activities>({
      ...CASE_BOOKKEEPING,
      taskQueue: 'notifications',
      summary: 'Give the message up: waits for the database of notifications',
    });
    await giveUpMessage(message);
  }
}
