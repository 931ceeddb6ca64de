import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityCancellationType,
  CancellationScope,
  continueAsNew,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { WEBHOOK_POLICY, WEBHOOK_SWEEP_POLICY } from './background-policies.ts';
import { webhookWakeSignal, webhookWorkflowId, type WebhookWorkflowInput } from './contract.ts';
import { failureOf } from './failures.ts';

const { deliverWebhook } = proxyActivities<Activities>({
  activityId: 'deliver-webhook',
  summary: 'Deliver the next event',
  taskQueue: 'notifications',
  startToCloseTimeout: WEBHOOK_POLICY.attemptTimeoutMs,
  retry: WEBHOOK_POLICY.retry,
  // An attempt under way is waited for, so that there is never a second one beside it.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/**
 * Delivers one subscription's events about one order, one after the other, and ends when none is left. What is to be
 * delivered stands in the database; this only keeps the order and the retries.
 */
export async function webhookWorkflow({ isUrgent: wasUrgent = false, ...queue }: WebhookWorkflowInput): Promise<void> {
  const turn = { isWoken: true, isUrgent: wasUrgent, attempt: new CancellationScope() };
  setHandler(webhookWakeSignal, (when) => {
    turn.isWoken = true;
    if (when === 'in_turn') return;
    turn.isUrgent = true;
    turn.attempt.cancel();
  });
  for (let round = 1; turn.isWoken; round++) {
    const { isUrgent } = turn;
    turn.isWoken = false;
    turn.isUrgent = false;
    turn.attempt = new CancellationScope();
    const { hasMore } = await deliverNext(isUrgent ? { ...queue, isUrgent } : queue, turn.attempt);
    if (hasMore) turn.isWoken = true;
    if (turn.isWoken && (round >= WEBHOOK_POLICY.roundsPerRun || workflowInfo().continueAsNewSuggested)) {
      await continueAsNew<typeof webhookWorkflow>(turn.isUrgent ? { ...queue, isUrgent: true } : queue);
    }
  }
}

/** @returns whether there may be more; also after an attempt that was cut short, or met a bug. */
async function deliverNext(
  input: Parameters<typeof deliverWebhook>[0],
  attempt: CancellationScope,
): Promise<{ hasMore: boolean }> {
  try {
    return await attempt.run(() => deliverWebhook(input));
  } catch (error) {
    if (isCancellation(error)) {
      if (CancellationScope.current().consideredCancelled) throw error;
      return { hasMore: true };
    }
    // Anything that passes by itself is retried by the activity, unless that was cut short.
    if (failureOf(error).nonRetryable === true) await sleep(WEBHOOK_POLICY.pauseMs);
    return { hasMore: true };
  }
}

const { listStrandedWebhooks } = proxyActivities<Activities>({
  activityId: 'list-stranded-webhooks',
  taskQueue: 'notifications',
  startToCloseTimeout: WEBHOOK_SWEEP_POLICY.startToCloseTimeout,
  retry: WEBHOOK_SWEEP_POLICY.retry,
});

/** Starts the workflows of deliveries that have none: a process died between the row and the signal. */
export async function sweepWebhooksWorkflow(): Promise<{ readonly started: number }> {
  const { pendingSeconds, overdueSeconds, batch } = WEBHOOK_SWEEP_POLICY;
  const queues = await listStrandedWebhooks({ pendingSeconds, overdueSeconds, limit: batch });
  const started = await Promise.all(queues.map(startUnlessRunning));
  return { started: started.filter(Boolean).length };
}

async function startUnlessRunning(queue: WebhookWorkflowInput): Promise<boolean> {
  try {
    await startChild(webhookWorkflow, {
      args: [queue],
      workflowId: webhookWorkflowId(queue),
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Webhooks about ${queue.key}`,
    });
    return true;
  } catch (error) {
    // It is merely slow: its attempt is under way.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return false;
  }
}
